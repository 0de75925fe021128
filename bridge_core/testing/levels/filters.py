"""Level 2: each declared operator on each field means what it means in the core, alone and put together."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from bridge_core.errors import BadValue, Refused, Rejected
from bridge_core.evaluate import matches, predicate
from bridge_core.operations import Read, Record
from bridge_core.planning.rules import broken
from bridge_core.query import And, Column, Condition, Filter, Is, Not, Op, Or, Path, Step, conditions
from bridge_core.schema import Boolean, Field, FieldType, Literals, Model, RuleKind
from bridge_core.testing.bench import Bench, Broken, difference, key_of, must
from bridge_core.testing.check import on_models
from bridge_core.testing.levels import declared
from bridge_core.testing.samples import as_sent, conditions_on
from bridge_core.values import typed_filter

_TREES: Final = 40
_COMPARING: Final = (Op.NEQ, Op.EQ, Op.LT, Op.GTE, Op.LIKE)
_NO_OPERATOR: Final = "42883"
_SHOWN: Final = 5  # complaints of one check


async def each_operator_means_what_it_says(bench: Bench, model: Model) -> None:
    """Each declared operator of each field selects the records that it selects in the core, no other."""
    everything = await bench.everything(model)
    wrong: list[str] = []
    for field in model.readable:
        for op in sorted(field.operators):
            for condition, seen in conditions_on(model, field, op, everything):
                if lawful(model, condition):
                    wrong += [complaint] if (complaint := await _wrong(bench, model, condition, seen=seen)) else []
    _none(wrong)


async def what_is_missing_matches_nothing(bench: Bench, model: Model) -> None:
    """A record without a value matches no comparison with one and no negation of it; only `is` finds it."""
    everything = await bench.everything(model)
    wrong: list[str] = []
    for field in model.readable:
        value = next((found for each in everything if (found := each.get(field.name)) is not None), None)
        tests = [Condition(Path(field.name), op, value) for op in _COMPARING if value is not None]
        tests += [Condition(Path(field.name), Op.IN, (value,))] if value is not None else []
        tests += [Condition(Path(field.name), Op.IS, each) for each in (Is.NULL, Is.NOT_NULL)]
        for condition in tests:
            if condition.op in field.operators and lawful(model, condition):
                for term in (condition, Not(condition))[: 2 if model.capabilities.boolean is Boolean.FULL else 1]:
                    wrong += [complaint] if (complaint := await _wrong(bench, model, term)) else []
    _none(wrong)


async def conditions_hold_together(bench: Bench, model: Model) -> None:
    """Several conditions in the shape that the model takes select what all of them select in the core."""
    everything = await bench.everything(model)
    chance = random.Random(model.name)  # noqa: S311 - the same trees each time
    simple = [each for each in _simple(model, everything) if lawful(model, each)]
    wrong: list[str] = []
    for _ in range(_TREES if simple else 0):
        tree = _tree(model, simple, chance)
        if lawful(model, tree):
            wrong += [complaint] if (complaint := await _wrong(bench, model, tree)) else []
    _none(wrong)


async def scope_holds_beside_the_filter(bench: Bench, model: Model) -> None:
    """A read gives only records within scope, whatever else is asked for."""
    everything = await bench.everything(model)
    wrong: list[str] = []
    for condition in list(_simple(model, everything))[:6]:
        if lawful(model, condition):
            sent = as_sent(model, condition)
            found = await bench.walked(Read(model, scope=sent))
            expected = [each for each in everything if matches(model, condition, each)]
            wrong += [f"scope {written(sent)} {rest}"] if (rest := difference(model, found, expected)) else []
    _none(wrong)


async def a_filter_works_on_what_is_not_selected(bench: Bench, model: Model) -> None:
    """A filter on a column that is not asked for selects the same records."""
    everything = await bench.everything(model)
    for condition in list(_simple(model, everything))[:6]:
        other = next((each.name for each in model.readable if each.name != condition.path.field), None)
        if other is not None and lawful(model, condition):
            found = await bench.walked(Read(model, (Column(Path(other)),), as_sent(model, condition)))
            expected = [each for each in everything if matches(model, condition, each)]
            must(
                len(found) == len(expected),
                f"{written(condition)} with select={other}: {len(found)} of {len(expected)}",
            )


async def a_filter_holds_for_look_ups(bench: Bench, model: Model) -> None:
    """Of records looked up by key, only those come that match the filter beside it."""
    everything = await bench.everything(model)
    some = everything[: min(model.capabilities.key_batch, 20)]
    for condition in list(_simple(model, some))[:6] if some else ():
        if lawful(model, condition):
            keys = tuple(key_of(model, each) for each in some)
            found = (await bench.read(Read(model, where=as_sent(model, condition), keys=keys))).records
            wrong = difference(model, found, [each for each in some if matches(model, condition, each)])
            must(not wrong, f"{model.name}: keys and {written(condition)}: the answer {wrong}")


async def paths_lead_into_json(bench: Bench, model: Model) -> None:
    """A condition on a place inside a JSON value means what it means in the core."""
    everything = await bench.everything(model)
    wrong: list[str] = []
    for field in model.readable:
        if field.paths and field.type is FieldType.JSON and Op.EQ in field.operators:
            for condition in _inside(field, everything):
                if lawful(model, condition):
                    wrong += [complaint] if (complaint := await _wrong(bench, model, condition)) else []
    _none(wrong)


async def rules_speak_of_what_there_is(bench: Bench, model: Model) -> None:
    """A rule names fields of the model, and enough terms for its kind."""
    for rule in model.capabilities.rules:
        unknown = [term.field for term in rule.terms if term.field is not None and term.field not in model.by_name]
        must(not unknown, f"{model.name}: a rule speaks of {', '.join(map(str, unknown))}")
        least = 1 if rule.kind is RuleKind.AT_MOST else 2
        must(len(rule.terms) >= least, f"{model.name}: a rule {rule.kind.value} needs {least} terms")


def lawful(model: Model, term: Filter) -> bool:
    """Tell whether a filter breaks no rule of the model, and is one that the core lets through and can answer."""
    try:
        typed_filter(model, term)
        predicate(model, term)
    except (Refused, BadValue):
        return False
    return broken(model.capabilities.rules, list(conditions(term)), ()) is None


def written(term: Filter) -> str:
    """Write a filter as the REST dialect does, nearly."""
    match term:
        case Condition(path, op, value):
            steps = "".join(f"->{'>' if step.text else ''}{step.key}" for step in path.steps)
            return f"{path.field}{steps}={op.value}.{value!r}"
        case And(terms):
            return f"and({', '.join(map(written, terms))})"
        case Or(terms):
            return f"or({', '.join(map(written, terms))})"
        case Not(inner):
            return f"not({written(inner)})"


async def _wrong(bench: Bench, model: Model, term: Filter, *, seen: bool = True) -> str:
    """Ask, and say how the answer differs from the core's; nothing: it does not."""
    everything = await bench.everything(model)
    sent = _sent(model, term)
    try:
        found = await bench.walked(Read(model, where=sent))
    except Rejected as error:
        return f"{written(sent)} is refused: {error}" if seen and not _by_rules_of_its_own(model, error) else ""
    except Broken as error:
        return f"{written(sent)}: {error}"
    expected = [each for each in everything if matches(model, term, each)]
    rest = difference(model, found, expected)
    return f"{written(sent)} {rest}" if rest else ""


def _by_rules_of_its_own(model: Model, error: Rejected) -> bool:
    """Tell whether a backend that reads values by itself has no such operator for the type."""
    return model.capabilities.literals is Literals.NATIVE and error.code == _NO_OPERATOR


def _sent(model: Model, term: Filter) -> Filter:
    match term:
        case Condition():
            return as_sent(model, term)
        case And(terms):
            return And(tuple(_sent(model, each) for each in terms))
        case Or(terms):
            return Or(tuple(_sent(model, each) for each in terms))
        case Not(inner):
            return Not(_sent(model, inner))


def _none(wrong: Sequence[str]) -> None:
    more = f"\n... and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    must(not wrong, "\n".join(wrong[:_SHOWN]) + more)


def _simple(model: Model, records: Sequence[Record]) -> Iterator[Condition]:
    """Yield conditions with values that were seen, some of each field."""
    for field in model.readable:
        for op in (Op.EQ, Op.GT, Op.IN, Op.IS, Op.ILIKE, Op.NEQ):
            if op in field.operators:
                yield from [condition for condition, seen in conditions_on(model, field, op, records) if seen][:2]


def _tree(model: Model, simple: Sequence[Condition], chance: random.Random) -> Filter:
    can = model.capabilities
    if can.boolean is Boolean.FULL:
        return _any_shape(simple, chance, depth=3)
    if can.boolean is Boolean.CONJUNCTION or can.max_disjunctions < 2:
        return _conjunction(simple, chance)
    plain = [each for each in simple if each.op is not Op.IN] or simple[:1]
    return Or(tuple(_conjunction(plain, chance) for _ in range(chance.randint(2, min(can.max_disjunctions, 3)))))


def _conjunction(simple: Sequence[Condition], chance: random.Random) -> Filter:
    return And(tuple(chance.sample(simple, min(len(simple), chance.randint(1, 3)))))


def _any_shape(simple: Sequence[Condition], chance: random.Random, depth: int) -> Filter:
    kind = chance.choice((And, Or, Not, None)) if depth else None
    if kind is None:
        return chance.choice(simple)
    if kind is Not:
        return Not(_any_shape(simple, chance, depth - 1))
    return kind(tuple(_any_shape(simple, chance, depth - 1) for _ in range(chance.randint(1, 3))))  # type: ignore[arg-type]  # And or Or


def _inside(field: Field, records: Sequence[Record]) -> Iterator[Condition]:
    for record in records:
        value = record.get(field.name)
        if isinstance(value, dict):
            for name, inner in list(value.items())[:3]:
                if isinstance(inner, str):
                    yield Condition(Path(field.name, (Step(str(name), text=True),)), Op.EQ, inner)


CHECKS: Final = (
    on_models(2, each_operator_means_what_it_says, declared.filters),
    on_models(2, what_is_missing_matches_nothing, declared.filters),
    on_models(2, conditions_hold_together, declared.filters),
    on_models(2, scope_holds_beside_the_filter, declared.filters),
    on_models(2, a_filter_works_on_what_is_not_selected, declared.filters, declared.selects),
    on_models(2, a_filter_holds_for_look_ups, declared.look_ups, declared.filters),
    on_models(2, paths_lead_into_json, declared.paths),
    on_models(2, rules_speak_of_what_there_is, declared.rules),
)
