"""`<column>[__<lookup>]=value` -> filter. What is no column, or no lookup of its type, is passed over."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

import msgspec

from bridge_core.patterns import like
from bridge_core.query import NOTHING, And, Condition, Filter, Is, Not, Op, Or, Path
from bridge_core.schema import Field, FieldType, Model
from bridge_core.surfaces.jet.exchange import Query
from bridge_core.surfaces.jet.kinds import is_moment, lookups_of
from bridge_core.surfaces.jet.moments import day_of, local, moment_of
from bridge_core.surfaces.jet.problems import general

Build = Callable[[Field, str, tzinfo], Filter]

EXCLUDE: Final = "exclude__"
TRUE: Final = frozenset("t T y Y yes YES true True TRUE on On ON 1".split())
FALSE: Final = frozenset("f F n N no NO false False FALSE off Off OFF 0".split())
_BOUNDS: Final[Mapping[str, Op]] = MappingProxyType({"gt": Op.GT, "gte": Op.GTE, "lt": Op.LT, "lte": Op.LTE})
_NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL})
_DOWN: Final = frozenset({Op.GT, Op.LTE})


def filter_of(model: Model, query: Query, zone: tzinfo) -> Filter:
    """Return the filter of a query; raise where a value does not fit."""
    terms = tuple(_terms(model, query, zone))
    return terms[0] if len(terms) == 1 else And(terms)


def is_true(text: str) -> bool:
    """Tell whether a text means true: every word does that does not mean false."""
    return text not in FALSE


def equal(field: Field, text: str, zone: tzinfo) -> Filter:
    """Return the condition that a field has the value that a text means."""
    path = Path(field.name)
    if field.type in _NUMBERS:
        number = number_of(text)
        if field.type is FieldType.INTEGER and number != number.to_integral_value():
            return NOTHING
        return Condition(path, Op.EQ, _number_text(field, number))
    if field.type is FieldType.BOOLEAN:
        return Condition(path, Op.EQ, "true" if is_true(text) else "false")
    if is_moment(field):
        return Condition(path, Op.EQ, moment_text(field, text, zone))
    if field.type is FieldType.ARRAY:
        return Condition(path, Op.CONTAINS, array_literal([text]))
    if field.type is FieldType.JSON:
        return _in_json(path, text)
    return Condition(path, Op.EQ, text)


def number_of(text: str) -> Decimal:
    """Read a number, exactly; true and false are 1 and 0."""
    word = text.strip()
    if word.lower() in ("true", "false"):
        return Decimal(word.lower() == "true")
    try:
        number = Decimal(word)
    except InvalidOperation:
        raise general("not a valid float") from None
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise general("not a valid float")
    return number


def moment_text(field: Field, text: str, zone: tzinfo) -> str:
    """Return the date or timestamp that a text means, as the field takes it."""
    if field.type is FieldType.DATE:
        day = day_of(text, zone)
        if day is None:
            raise general("date has wrong format")
        return day.isoformat()
    moment = moment_of(text, zone)
    if moment is None:
        raise general("date has wrong format")
    if field.type is FieldType.TIMESTAMP:
        return local(moment, zone).isoformat()
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).isoformat()


def contains(field: Field, pattern: str) -> Filter:
    """Return the condition that a value, as text, is like a pattern, in any case."""
    if field.type is FieldType.ENUM and field.enum:
        matching = like(pattern, any_case=True)
        return Condition(Path(field.name), Op.IN, tuple(label for label in field.enum if matching(label)))
    return Condition(Path(field.name, text=field.type is not FieldType.TEXT), Op.ILIKE, pattern)


def array_literal(values: Sequence[str]) -> str:
    """Write texts as the literal of an array."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def _terms(model: Model, query: Query, zone: tzinfo) -> Iterator[Filter]:
    for name, values in query.items():
        excluded = name.startswith(EXCLUDE)
        found = _place(model, name.removeprefix(EXCLUDE) if excluded else name)
        if found is None:
            continue
        field, lookup = found
        listed = [value for value in values if value != ""]
        if not listed or values[0] == "":
            continue
        term = _among(field, ",".join(listed), zone) if lookup == "in" else _LOOKUPS[lookup](field, listed[0], zone)
        yield Not(term) if excluded else term


def _place(model: Model, name: str) -> tuple[Field, str] | None:
    field, lookup = model.by_name.get(name), "exact"
    if field is None:
        column, _, lookup = name.rpartition("__")
        field = model.by_name.get(column)
    if field is None or not field.readable or lookup not in lookups_of(field):
        return None
    return field, lookup


def _among(field: Field, text: str, zone: tzinfo) -> Filter:
    values = [value for value in text.split(",") if value != ""]
    path = Path(field.name)
    if field.type is FieldType.ARRAY:
        return Condition(path, Op.OVERLAPS, array_literal(values))
    conditions = [equal(field, value, zone) for value in values]
    if field.type is FieldType.JSON:
        return Or(tuple(conditions))
    return Condition(path, Op.IN, tuple(each.value for each in conditions if isinstance(each, Condition)))


def _bound(op: Op) -> Build:
    def build(field: Field, text: str, zone: tzinfo) -> Filter:
        if is_moment(field):
            return Condition(Path(field.name), op, moment_text(field, text, zone))
        number = number_of(text)
        if field.type is FieldType.INTEGER:  # 1.5 < n means 1 < n, and 1.5 <= n means 2 <= n
            number = number.to_integral_value(ROUND_FLOOR if op in _DOWN else ROUND_CEILING)
        return Condition(Path(field.name), op, _number_text(field, number))

    return build


def _is_null(field: Field, text: str, zone: tzinfo) -> Filter:
    return Condition(Path(field.name), Op.IS, Is.NULL if is_true(text) else Is.NOT_NULL)


def _is_empty(field: Field, text: str, zone: tzinfo) -> Filter:
    empty: Filter = Condition(Path(field.name), Op.IS, Is.NULL)
    if field.type is FieldType.TEXT:
        empty = Or((empty, Condition(Path(field.name), Op.EQ, "")))
    return empty if is_true(text) else Not(empty)


def _like(form: str) -> Build:
    return lambda field, text, zone: contains(field, form.format(text.replace("\\", "\\\\")))


def _in_json(path: Path, text: str) -> Filter:
    """Return the condition that a JSON value is a text, or an array that holds it; or the number that it is."""
    found: Filter = Condition(path, Op.CONTAINS, msgspec.json.encode(text).decode())
    try:
        number = float(text)
    except ValueError:
        return found
    if not math.isfinite(number):
        return found
    return Or((found, Condition(path, Op.CONTAINS, f"{Decimal(text.strip().replace('_', '')):f}")))


def _number_text(field: Field, number: Decimal) -> str:
    return str(int(number)) if field.type is FieldType.INTEGER else f"{number:f}"


_LOOKUPS: Final[Mapping[str, Build]] = MappingProxyType(
    {
        "exact": equal,
        **{name: _bound(op) for name, op in _BOUNDS.items()},
        "icontains": _like("%{}%"),
        "istartswith": _like("{}%"),
        "iendswith": _like("%{}"),
        "json_icontains": _like("%{}%"),
        "isnull": _is_null,
        "isempty": _is_empty,
    }
)
