"""The reference meaning of every operator, over records in memory: true, false or unknown, as in SQL."""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from bridge_core.compare import Rank, equality, ordering
from bridge_core.errors import BadValue, Refused
from bridge_core.operations import Record
from bridge_core.patterns import like, regular
from bridge_core.query import And, Condition, Filter, Is, Not, Op, Or, Path, Quantifier
from bridge_core.schema import Field, FieldType, Model
from bridge_core.values import JSON_NULL, json_text, jsonable, text_of
from bridge_core.values.operation import place_of

Truth: TypeAlias = bool | None
Predicate: TypeAlias = Callable[[Record], Truth]
Test: TypeAlias = Callable[[Any], Truth]
"""What is true of one value; None, where there is no value, is handled by whoever calls."""


def predicate(model: Model, term: Filter) -> Predicate:
    """Return the function that tells of a record whether it matches: a filter with typed values, compiled once."""
    match term:
        case Condition():
            return _condition(model, term)
        case And(terms):
            return _all_of([predicate(model, each) for each in terms])
        case Or(terms):
            return _any_of([predicate(model, each) for each in terms])
        case Not(inner):
            return _negated(predicate(model, inner))


def matches(model: Model, term: Filter, record: Record) -> bool:
    """Tell whether a record matches; unknown does not."""
    return predicate(model, term)(record) is True


def value_at(model: Model, path: Path) -> Callable[[Record], object]:
    """Return the function that gives what a path leads to in a record; None where it leads nowhere."""
    name, steps = path.field, path.steps
    if path.text:
        kind = model.any_field(name).type
        return lambda record: None if (found := record.get(name)) is None else text_of(found, kind)
    if not steps:
        return lambda record: record.get(name)
    as_json = model.any_field(name).type is FieldType.JSON

    def value(record: Record) -> object:
        found = record.get(name)
        here = found if as_json else jsonable(found)
        for step in steps:
            here = _inside(here, step.key)
        if not steps[-1].text or here is None:
            return here
        if here is JSON_NULL:
            return None
        return here if isinstance(here, str) else json_text(here)

    return value


def _inside(value: object, key: str | int) -> object:
    if isinstance(value, dict) and isinstance(key, str):
        return JSON_NULL if key in value and value[key] is None else value.get(key)
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return JSON_NULL if value[key] is None else value[key]
    return None


def _all_of(parts: list[Predicate]) -> Predicate:
    def test(record: Record) -> Truth:
        result: Truth = True
        for part in parts:
            truth = part(record)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return parts[0] if len(parts) == 1 else test


def _any_of(parts: list[Predicate]) -> Predicate:
    def test(record: Record) -> Truth:
        result: Truth = False
        for part in parts:
            truth = part(record)
            if truth:
                return True
            if truth is None:
                result = None
        return result

    return parts[0] if len(parts) == 1 else test


def _negated(inner: Predicate) -> Predicate:
    def test(record: Record) -> Truth:
        truth = inner(record)
        return None if truth is None else not truth

    return test


def _condition(model: Model, term: Condition) -> Predicate:
    value = value_at(model, term.path)
    test = _test(place_of(model, term.path), term)
    if term.op in (Op.IS, Op.ISDISTINCT) or (term.value == () and (term.op is Op.IN or term.quantifier is not None)):
        return lambda record: test(value(record))

    def known(record: Record) -> Truth:
        found = value(record)
        return None if found is None else test(found)

    return known


def _test(place: Field, term: Condition) -> Test:
    if term.quantifier is not None:
        assert isinstance(term.value, tuple)  # the value of a condition with a quantifier
        return _quantified([_single(place, term.op, each) for each in term.value], term.quantifier)
    return _single(place, term.op, term.value)


def _single(place: Field, op: Op, value: Any) -> Test:
    make = _TESTS.get(op)
    if make is None:
        raise Refused(
            f"operator {op.value!r} can only be answered by the backend itself, and this one does not",
            hint=_INSTEAD.get(op, "compare with eq, gt, gte, lt, lte"),
        )
    return make(place, value)


def _quantified(tests: list[Test], quantifier: Quantifier) -> Test:
    decisive = quantifier is Quantifier.ANY

    def test(found: Any) -> Truth:
        truths = [each(found) for each in tests]
        if decisive in truths:
            return decisive
        return None if None in truths else not decisive

    return test


def _compared(how: Callable[[Any, Any], bool], ranked: Callable[[Field], Rank]) -> Callable[[Field, Any], Test]:
    def make(place: Field, value: Any) -> Test:
        rank = ranked(place)
        if value is None:
            return _unknown
        wanted = rank(value)
        return lambda found: how(rank(found), wanted)

    return make


def _unknown(found: Any) -> Truth:
    return None


def _in(place: Field, value: Any) -> Test:
    rank = equality(place)
    wanted = {rank(each) for each in value if each is not None}
    otherwise: Truth = None if None in value else False
    return lambda found: (found is not None and rank(found) in wanted) or otherwise


def _is_distinct(place: Field, value: Any) -> Test:
    rank = equality(place)
    if value is None:
        return lambda found: found is not None
    wanted = rank(value)
    return lambda found: found is None or rank(found) != wanted


def _is(place: Field, value: Any) -> Test:
    if value is Is.NULL:
        return lambda found: found is None
    if value is Is.NOT_NULL:
        return lambda found: found is not None
    if place.type is not FieldType.BOOLEAN:
        raise BadValue(f"argument of IS {value.name} must be type boolean, not type {place.type.value}", code="42804")
    wanted = {Is.TRUE: True, Is.FALSE: False, Is.UNKNOWN: None}[value]
    return lambda found: found is wanted


def _pattern(matcher: Callable[..., Callable[[str], bool]], *, any_case: bool) -> Callable[[Field, Any], Test]:
    def make(place: Field, value: Any) -> Test:
        return _unknown if value is None else matcher(value, any_case=any_case)

    return make


def _contains(place: Field, value: Any) -> Test:
    if value is None:
        return _unknown
    if place.type is FieldType.JSON:
        return lambda found: _json_contains(found, value)
    items = _items_of(place, Op.CONTAINS)
    wanted = items(value)
    return lambda found: None not in wanted and wanted <= items(found)


def _contained(place: Field, value: Any) -> Test:
    if value is None:
        return _unknown
    if place.type is FieldType.JSON:
        return lambda found: _json_contains(value, found)
    items = _items_of(place, Op.CONTAINED)
    allowed = items(value)
    return lambda found: None not in (mine := items(found)) and mine <= allowed


def _overlaps(place: Field, value: Any) -> Test:
    if value is None:
        return _unknown
    items = _items_of(place, Op.OVERLAPS)
    wanted = items(value) - {None}
    return lambda found: not wanted.isdisjoint(items(found))


def _items_of(place: Field, op: Op) -> Callable[[Any], set[Any]]:
    if place.type is not FieldType.ARRAY:
        raise Refused(
            f"operator {op.value!r} on {place.name!r} can only be answered by the backend itself",
            hint="compare with eq, neq, in, is or isdistinct",
        )
    rank = equality(Field(place.name, place.item or FieldType.TEXT, enum=place.enum))

    def items(value: Any) -> set[Any]:
        flat: set[Any] = set()
        for each in value:
            flat |= items(each) if isinstance(each, tuple) else {None if each is None else rank(each)}
        return flat

    return items


def _json_contains(outer: Any, inner: Any) -> bool:
    """Tell whether one JSON value contains another, as `@>` of PostgreSQL does."""
    if isinstance(outer, list) and not isinstance(inner, dict | list):
        return _element_of(outer, inner)  # an array may hold a bare value, at the top alone
    return _json_holds(outer, inner)


def _json_holds(outer: Any, inner: Any) -> bool:
    if isinstance(inner, dict):
        return isinstance(outer, dict) and all(
            key in outer and _json_holds(outer[key], each) for key, each in inner.items()
        )
    if isinstance(inner, list):
        return isinstance(outer, list) and all(_element_of(outer, each) for each in inner)
    return not isinstance(outer, dict | list) and _SAME_JSON(outer) == _SAME_JSON(inner)


def _element_of(outer: list[Any], value: Any) -> bool:
    return any(_json_holds(each, value) for each in outer)


_SAME_JSON: Final = equality(Field("", FieldType.JSON))
_TESTS: Final[Mapping[Op, Callable[[Field, Any], Test]]] = MappingProxyType(
    {
        Op.EQ: _compared(operator.eq, equality),
        Op.NEQ: _compared(operator.ne, equality),
        Op.GT: _compared(operator.gt, ordering),
        Op.GTE: _compared(operator.ge, ordering),
        Op.LT: _compared(operator.lt, ordering),
        Op.LTE: _compared(operator.le, ordering),
        Op.LIKE: _pattern(like, any_case=False),
        Op.ILIKE: _pattern(like, any_case=True),
        Op.MATCH: _pattern(regular, any_case=False),
        Op.IMATCH: _pattern(regular, any_case=True),
        Op.IN: _in,
        Op.IS: _is,
        Op.ISDISTINCT: _is_distinct,
        Op.CONTAINS: _contains,
        Op.CONTAINED: _contained,
        Op.OVERLAPS: _overlaps,
    }
)
_INSTEAD: Final[Mapping[Op, str]] = MappingProxyType(
    dict.fromkeys((Op.FTS, Op.PLFTS, Op.PHFTS, Op.WFTS), "search with like or ilike, e.g. ilike.*word*")
)
