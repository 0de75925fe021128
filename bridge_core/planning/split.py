"""Split a question into what the backend answers exactly and what is left to the core."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from bridge_core.operations import Key
from bridge_core.planning.pushdown import answers, conjuncts, disjuncts, expressed, fits_shape, in_shape, positive
from bridge_core.planning.rules import broken, speaks_of
from bridge_core.query import EVERYTHING, And, Condition, Filter, Op, Or, Order, conditions
from bridge_core.schema import Boolean, Model

_MOST_QUESTIONS: Final = 32
_SELECTIVE: Final = (Op.EQ, Op.IN, Op.IS, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.CONTAINS, Op.OVERLAPS, Op.LIKE, Op.ILIKE)


@dataclass(frozen=True, slots=True)
class Split:
    """The questions that together bring every record that matches, and whether the backend answers them exactly.

    No question at all: nothing can match. `verbatim`: the backend takes the filter as the caller wrote it. `wanting`
    and `why_unordered` name what the backend could not do.
    """

    questions: tuple[Filter, ...]
    exact: bool
    ordered: bool
    verbatim: bool = False
    wanting: str = ""
    why_unordered: str = ""


def split(model: Model, where: Filter, order: Sequence[Order]) -> Split:
    """Split a filter, scope included, and an order, by what the model declares."""
    if takes_as_it_is(model, where, order):
        return Split((where,), exact=True, ordered=True, verbatim=True)
    terms = conjuncts(positive(where))
    if any(disjuncts(each) == () for each in terms):
        return Split((), exact=True, ordered=True)
    sortable, why = _sortable(model, order)
    pushed, left = _chosen(model, [each for each in terms if each != EVERYTHING])
    pushed, dropped, lawful = _lawful(model, pushed, order if sortable else ())
    sortable = sortable and lawful
    wanting = _wanting(model, [*left, *dropped])
    alternatives = _alternatives(model, pushed, left)
    if alternatives is not None:
        several = len(alternatives) > 1
        return Split(
            alternatives,
            exact=not dropped and len(left) == 1,
            ordered=not order or (sortable and not several),
            wanting=wanting,
            why_unordered=why or ("one order over several questions" if several else "this filter with this order"),
        )
    whole = in_shape(model.capabilities, pushed[0] if len(pushed) == 1 else And(tuple(pushed)))
    return Split(
        (whole,),
        exact=not left and not dropped,
        ordered=not order or sortable,
        wanting=wanting,
        why_unordered=why or "this order with this filter",
    )


def fixed_keys(model: Model, where: Filter, most: int) -> tuple[Key, ...] | None:
    """Return the keys that a filter allows, where it fixes every field of the key; None: it does not, or too many."""
    if not model.key:
        return None
    found: dict[str, dict[object, None]] = {}
    for term in conjuncts(positive(where)):
        if isinstance(term, Condition) and term.path.field in model.key and not (term.path.steps or term.path.text):
            values = {Op.EQ: (term.value,), Op.IN: term.value}.get(term.op)
            if isinstance(values, tuple):
                found.setdefault(term.path.field, dict.fromkeys(each for each in values if each is not None))
    if len(found) < len(model.key):
        return None
    size = 1
    for values_of_part in found.values():
        size *= len(values_of_part)
    return tuple(product(*(found[name] for name in model.key))) if size <= most else None


def takes_as_it_is(model: Model, where: Filter, order: Sequence[Order]) -> bool:
    """Tell whether the backend answers a filter in this order exactly as it is written."""
    capabilities = model.capabilities
    return (
        capabilities.boolean is Boolean.FULL
        and not capabilities.rules
        and all(answers(model, each) for each in conditions(where))
        and (not order or _sortable(model, order)[0])
    )


def _sortable(model: Model, order: Sequence[Order]) -> tuple[bool, str]:
    most = model.capabilities.sort_terms
    if most is not None and len(order) > most:
        return False, f"an order of {len(order)} fields" if most else "an order"
    for term in order:
        field = model.any_field(term.path.field)
        if not field.sortable or (term.path.steps and not field.paths):
            return False, f"an order by {field.name!r}"
    return True, ""


def _chosen(model: Model, terms: Sequence[Filter]) -> tuple[list[Filter], list[Filter]]:
    """Take as many terms as fit into one question, in the order given."""
    pushed: list[Filter] = []
    left: list[Filter] = []
    for term in terms:
        found = expressed(model, term)
        if found is not None and fits_shape(model.capabilities, And((*pushed, found))):
            pushed.append(found)
        else:
            left.append(term)
    return pushed, left


def _lawful(model: Model, terms: list[Filter], order: Sequence[Order]) -> tuple[list[Filter], list[Filter], bool]:
    """Leave out terms, and the order at last, until no rule is broken."""
    kept, dropped = list(terms), []
    ordered = True
    asked = tuple(order)
    while (rule := broken(model.capabilities.rules, _conditions(kept), asked)) is not None:
        guilty = [each for each in kept if any(speaks_of(rule, one) for one in conditions(each))]
        if asked and (not guilty or broken([rule], _conditions(kept), ()) is None):
            asked, ordered = (), False
        else:
            loosest = max(guilty, key=_looseness)
            kept.remove(loosest)
            dropped.append(loosest)
    return kept, dropped, ordered


def _alternatives(model: Model, pushed: Sequence[Filter], left: Sequence[Filter]) -> tuple[Filter, ...] | None:
    """Turn one term that does not fit into several questions, where the key tells their records apart."""
    if not model.key or model.capabilities.boolean is Boolean.NONE:
        return None
    for term in left:
        found = expressed(model, term)
        choices = None if found is None else disjuncts(found)
        if choices is None or not 1 < len(choices) <= _MOST_QUESTIONS:
            continue
        questions = [And((*pushed, *choice)) for choice in choices]
        if all(_askable(model, each) for each in questions):
            return tuple(in_shape(model.capabilities, each) for each in questions)
    return None


def _askable(model: Model, question: And) -> bool:
    return (
        fits_shape(model.capabilities, question)
        and broken(model.capabilities.rules, _conditions(question.terms), ()) is None
    )


def _conditions(terms: Sequence[Filter]) -> list[Condition]:
    return [one for term in terms for one in conditions(term)]


def _looseness(term: Filter) -> int:
    """Guess how little a term narrows: the higher, the less."""
    ranks = [_SELECTIVE.index(each.op) if each.op in _SELECTIVE else len(_SELECTIVE) for each in conditions(term)]
    return max(ranks, default=0) + (len(_SELECTIVE) if isinstance(term, Or) else 0)


def _wanting(model: Model, left: Sequence[Filter]) -> str:
    """Name what the backend cannot answer of a filter; of a rule on hidden fields, only that there is one."""
    hidden = {field.name for field in model.backstage}
    for term in left:
        if expressed(model, term) is None:
            for each in conditions(term):
                if expressed(model, each) is None:
                    name = each.path.field
                    return "the rule that your rows obey" if name in hidden else f"the filter {name}={each.op.value}"
    return "this combination of filters" if left else ""
