"""Filters in a form that a backend answers exactly: equivalences first, what is left stays with the core.

A filter selects the records for which it is true. Once negations stand at conditions alone, "false" and "unknown"
select alike, so each equivalence here has to hold for "true" only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Final, TypeAlias

from bridge_core.query import EVERYTHING, NOTHING, And, Condition, Filter, Is, Not, Op, Or, Quantifier
from bridge_core.schema import Boolean, Capabilities, FieldType, Model

Conjunction: TypeAlias = tuple[Condition, ...]

_MOST_TERMS: Final = 200
_OPPOSITE: Final[Mapping[Op, Op]] = MappingProxyType(
    {Op.EQ: Op.NEQ, Op.NEQ: Op.EQ, Op.GT: Op.LTE, Op.LTE: Op.GT, Op.LT: Op.GTE, Op.GTE: Op.LT}
)


def conjuncts(term: Filter) -> tuple[Filter, ...]:
    """Return the terms that must all hold."""
    if isinstance(term, And):
        return tuple(inner for each in term.terms for inner in conjuncts(each))
    return (term,)


def positive(term: Filter) -> Filter:
    """Return a filter that is true of the same records, with negations at conditions alone, without quantifiers."""
    return _negative(term.term) if isinstance(term, Not) else _mapped(term, positive)


def expressed(model: Model, term: Filter) -> Filter | None:
    """Return a filter that is true of the same records and has only conditions that the backend answers; or None."""
    match term:
        case And(terms) | Or(terms):
            found = [expressed(model, each) for each in terms]
            inner = tuple(each for each in found if each is not None)
            return type(term)(inner) if len(inner) == len(found) else None
        case Not(Condition() as condition):
            if model.capabilities.boolean is Boolean.FULL and answers(model, condition):
                return term
            rewritten = _without_not(model, condition)
            return None if rewritten is None else expressed(model, rewritten)
        case Condition():
            return _condition(model, term)
        case _:
            return None


def answers(model: Model, condition: Condition) -> bool:
    """Tell whether the backend answers a condition as it stands."""
    field = model.any_field(condition.path.field)
    if condition.op not in field.operators or condition.quantifier is not None:
        return False
    if (condition.path.steps and not field.paths) or (condition.path.text and not field.texts):
        return False
    if condition.op is not Op.IN:
        return True
    most = model.capabilities.max_in
    values = _values(condition)
    return values != () and (most is None or len(values) <= most)  # none at all: false, and not every backend knows


def fits_shape(capabilities: Capabilities, term: Filter) -> bool:
    """Tell whether a backend takes a filter of this shape."""
    if capabilities.boolean is Boolean.FULL:
        return True
    if capabilities.boolean is Boolean.NONE:
        return term == And(())
    disjunction = disjuncts(term)
    if disjunction is None:
        return False
    if capabilities.boolean is Boolean.CONJUNCTION:
        return len(disjunction) == 1
    return len(disjunction) > 0 and sum(map(_weight, disjunction)) <= capabilities.max_disjunctions


def in_shape(capabilities: Capabilities, term: Filter) -> Filter:
    """Return a filter that fits, in the form that the backend takes: as it is, or as an `or` of conjunctions."""
    if capabilities.boolean is Boolean.FULL:
        return term
    found = disjuncts(term) or ()
    forms = tuple(And(each) if len(each) != 1 else each[0] for each in found)
    return forms[0] if len(forms) == 1 else Or(forms)


def disjuncts(term: Filter) -> tuple[Conjunction, ...] | None:
    """Return a filter as conjunctions of which one must hold; None: there would be too many, or it has negations."""
    match term:
        case Condition():
            return ((term,),)
        case Or(terms):
            parts = [disjuncts(each) for each in terms]
            return _at_most(tuple(each for part in parts if part is not None for each in part), parts)
        case And(terms):
            parts = [disjuncts(each) for each in terms]
            known = [part for part in parts if part is not None]
            size = 1
            for part in known:
                size *= len(part)
            if size > _MOST_TERMS:
                return None
            joined = tuple(tuple(one for each in choice for one in each) for choice in product(*known))
            return _at_most(joined, parts)
        case Not():
            return None


def _at_most(
    found: tuple[Conjunction, ...], parts: Sequence[tuple[Conjunction, ...] | None]
) -> tuple[Conjunction, ...] | None:
    return None if None in parts or len(found) > _MOST_TERMS else found


def _weight(conjunction: Conjunction) -> int:
    """Count `in` as the disjunction that it is."""
    weight = 1
    for each in conjunction:
        if each.op is Op.IN:
            weight *= max(len(_values(each)), 1)
    return weight


def _mapped(term: Filter, change: Callable[[Filter], Filter]) -> Filter:
    match term:
        case And(terms):
            return And(tuple(map(change, terms)))
        case Or(terms):
            return Or(tuple(map(change, terms)))
        case Condition(op=Op.IN, value=()):
            return NOTHING
        case Condition(quantifier=Quantifier() as quantifier):
            parts = tuple(replace(term, value=each, quantifier=None) for each in _values(term))
            return Or(parts) if quantifier is Quantifier.ANY else And(parts)
        case _:
            return term


def _negative(term: Filter) -> Filter:
    match term:
        case And(terms):
            return Or(tuple(map(_negative, terms)))
        case Or(terms):
            return And(tuple(map(_negative, terms)))
        case Not(inner):
            return positive(inner)
        case Condition(op=Op.IN, value=()):
            return EVERYTHING
        case Condition(quantifier=None):
            return Not(term)
        case Condition():
            return _negative(_mapped(term, positive))


def _without_not(model: Model, term: Condition) -> Filter | None:
    if term.op in _OPPOSITE:
        return replace(term, op=_OPPOSITE[term.op])
    if term.op is Op.ISDISTINCT:
        return replace(term, op=Op.IS, value=Is.NULL) if term.value is None else replace(term, op=Op.EQ)
    if term.op is Op.IN:
        return _not_in(model, term)
    if term.op is Op.IS:
        return _is_not(term)
    return None


def _not_in(model: Model, term: Condition) -> Filter:
    values = _values(term)
    if None in values:
        return NOTHING  # it can be false or unknown, never true
    field = model.any_field(term.path.field)
    if field.type is FieldType.ENUM and field.enum and values and not term.path.steps:
        return replace(term, value=tuple(word for word in field.enum if word not in values))
    return And(tuple(replace(term, op=Op.NEQ, value=each) for each in values))


def _is_not(term: Condition) -> Filter:
    match term.value:
        case Is.NULL | Is.UNKNOWN:
            return replace(term, value=Is.NOT_NULL)
        case Is.NOT_NULL:
            return replace(term, value=Is.NULL)
        case _:
            other = replace(term, op=Op.EQ, value=term.value is Is.FALSE)
            return Or((other, replace(term, value=Is.NULL)))


def _condition(model: Model, term: Condition) -> Filter | None:
    if answers(model, term):
        return term
    field = model.any_field(term.path.field)
    if (term.path.steps and not field.paths) or (term.path.text and not field.texts):
        return None
    for rewrite in _EQUIVALENT.get(term.op, ()):
        rewritten = rewrite(model, term)
        found = None if rewritten is None else expressed(model, rewritten)
        if found is not None:
            return found
    return None


def _values(term: Condition) -> tuple[object, ...]:
    assert isinstance(term.value, tuple)  # so it is with `in`, and with a quantifier
    return term.value


def _answered(model: Model, term: Condition, *ops: Op) -> bool:
    return model.any_field(term.path.field).operators.issuperset(ops)


def _smaller_ins(model: Model, term: Condition) -> Filter | None:
    most = model.capabilities.max_in
    values = _values(term)
    if most is None or most < 1 or len(values) <= most or not _answered(model, term, Op.IN):
        return None
    starts = range(0, len(values), most)
    return Or(tuple(replace(term, value=values[start : start + most]) for start in starts))


def _several_eq(model: Model, term: Condition) -> Filter | None:
    if len(_values(term)) > _MOST_TERMS:
        return None
    return Or(tuple(replace(term, op=Op.EQ, value=each) for each in _values(term) if each is not None))


def _in_of_one(model: Model, term: Condition) -> Filter | None:
    takes_one = _answered(model, term, Op.IN) and model.capabilities.max_in != 0
    return replace(term, op=Op.IN, value=(term.value,)) if takes_one else None


def _pair(*ops: Op, every: bool) -> Callable[[Model, Condition], Filter | None]:
    def rewrite(model: Model, term: Condition) -> Filter | None:
        if not _answered(model, term, *ops):
            return None
        pair = tuple(replace(term, op=op) for op in ops)
        return And(pair) if every else Or(pair)

    return rewrite


def _other_words(model: Model, term: Condition) -> Filter | None:
    field = model.any_field(term.path.field)
    if field.type is not FieldType.ENUM or not field.enum or term.path.steps or term.value is None:
        return None
    return replace(term, op=Op.IN, value=tuple(word for word in field.enum if word != term.value))


def _is_value(model: Model, term: Condition) -> Filter | None:
    if term.value in (Is.TRUE, Is.FALSE) and model.any_field(term.path.field).type is FieldType.BOOLEAN:
        return replace(term, op=Op.EQ, value=term.value is Is.TRUE)
    return None


def _distinct(model: Model, term: Condition) -> Filter | None:
    if term.value is None:
        return replace(term, op=Op.IS, value=Is.NOT_NULL)
    return Or((replace(term, op=Op.NEQ), replace(term, op=Op.IS, value=Is.NULL)))


_Rewrite: TypeAlias = Callable[[Model, Condition], Filter | None]
_EQUIVALENT: Final[Mapping[Op, tuple[_Rewrite, ...]]] = MappingProxyType(
    {
        Op.IN: (_smaller_ins, _several_eq),
        Op.EQ: (_in_of_one, _pair(Op.GTE, Op.LTE, every=True)),
        Op.NEQ: (_other_words, _pair(Op.LT, Op.GT, every=False)),
        Op.GTE: (_pair(Op.GT, Op.EQ, every=False),),
        Op.LTE: (_pair(Op.LT, Op.EQ, every=False),),
        Op.IS: (_is_value,),
        Op.ISDISTINCT: (_distinct,),
    }
)
