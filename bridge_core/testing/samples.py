"""Values to ask for and to write: those that were seen, and those at the edges of each type."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from uuid import UUID

from bridge_core.compare import ordering
from bridge_core.errors import Refused
from bridge_core.operations import Record
from bridge_core.query import Condition, Is, Op, Path
from bridge_core.schema import Boolean, Field, FieldType, Literals, Model
from bridge_core.values import JSON_NULL, text_of

_SEEN: Final = 4
EDGES: Final[Mapping[FieldType, tuple[object, ...]]] = MappingProxyType(
    {
        FieldType.BOOLEAN: (True, False),
        FieldType.INTEGER: (0, -1, 2**31 - 1, 2**53 + 1, 2**63 - 1, -(2**63)),
        FieldType.FLOAT: (0.0, -1.5, 0.1, 1e300, 5e-324),
        FieldType.DECIMAL: (Decimal("1.50"), Decimal("-0.10"), Decimal("12345678.90")),
        FieldType.TEXT: (" ", "é", "e\u0301", "ß", "日本", "\U0001f600", "50%_\\", 'it\'s; "x"', "A", "a", "NULL"),
        FieldType.UUID: ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        FieldType.DATE: (date(1, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31)),
        FieldType.TIME: (time(0, 0), time(23, 59, 59, 999999)),
        FieldType.TIMESTAMP: tuple(
            datetime.fromisoformat(each) for each in ("1969-12-31T23:59:59.000001", "2024-03-31T02:30:00")
        ),
        FieldType.TIMESTAMPTZ: (
            datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
            datetime(2024, 3, 31, 1, 30, tzinfo=UTC),
            datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
        ),
        FieldType.BYTES: (b"\0", b"\xff\x00\n"),
        FieldType.JSON: ({"a": [1, None, {"b": "é"}]}, [], {}, "x", True, 2**53 + 1, JSON_NULL),
    }
)
"""Values that go wrong where a backend, or the way to it, knows a type less well."""

_PYTHON: Final[Mapping[FieldType, type]] = MappingProxyType(
    {
        FieldType.BOOLEAN: bool,
        FieldType.INTEGER: int,
        FieldType.FLOAT: float,
        FieldType.DECIMAL: Decimal,
        FieldType.TEXT: str,
        FieldType.ENUM: str,
        FieldType.UUID: str,
        FieldType.DATE: date,
        FieldType.TIME: time,
        FieldType.TIMESTAMP: datetime,
        FieldType.TIMESTAMPTZ: datetime,
        FieldType.INTERVAL: str,
        FieldType.BYTES: bytes,
        FieldType.ARRAY: tuple,
        FieldType.OTHER: str,
    }
)


def is_of_type(field: Field, value: object) -> bool:
    """Tell whether a value has the form that its type has in Python."""
    wanted = _PYTHON.get(field.type)
    if wanted is not None and type(value) is not wanted:
        return False
    if isinstance(value, datetime):
        return value.tzinfo is UTC if field.type is FieldType.TIMESTAMPTZ else value.tzinfo is None
    return not (field.type is FieldType.ENUM and field.enum) or value in field.enum


def conditions_on(model: Model, field: Field, op: Op, records: Sequence[Record]) -> Iterator[tuple[Condition, bool]]:
    """Yield typed conditions to try, and of each whether its values were all seen in the records."""
    seen = picked(field, records)
    if op is Op.IS:
        tests = list(Is) if field.type is FieldType.BOOLEAN else [Is.NULL, Is.NOT_NULL]
        values: list[tuple[object, bool]] = [(each, True) for each in tests]
    elif op is Op.IN:
        most = most_in(model, 100)
        lists = [tuple(seen[:1]), tuple(seen[:3]), (*seen[-1:], *edges(field)[:2])]
        values = [(each[:most], place < 2) for place, each in enumerate(lists) if each[:most]]
    elif op in _PATTERNS:
        values = [(pattern, True) for pattern in _patterns(op, [each for each in seen if isinstance(each, str)])]
    elif op in _SETS:
        values = [(each, True) for each in _parts(field, seen)]
    else:
        values = [(each, True) for each in seen] + [(each, False) for each in edges(field)]
        values += [(None, True)] if op is Op.ISDISTINCT else []
    for value, known in values:
        yield Condition(Path(field.name), op, value), known


def picked(field: Field, records: Sequence[Record]) -> list[object]:
    """Return a few different values of a field: the least, the greatest, and some between."""
    present = {repr(value): value for record in records if (value := record.get(field.name)) is not None}
    values = list(present.values())
    try:
        values.sort(key=ordering(field))
    except Refused:
        values.sort(key=repr)
    if len(values) <= _SEEN:
        return values
    step = (len(values) - 1) / (_SEEN - 1)
    return [values[round(step * place)] for place in range(_SEEN)]


def edges(field: Field) -> tuple[object, ...]:
    """Return the values at the edges of a field's type."""
    if field.type is FieldType.ENUM:
        return field.enum
    if field.type is FieldType.ARRAY:
        inner = EDGES.get(field.item or FieldType.TEXT, ())
        return ((), tuple(inner[:2]), (inner[0], None)) if inner else ((),)
    most = field.max_length
    found = EDGES.get(field.type, ())
    return tuple(each for each in found if most is None or not isinstance(each, str) or len(each) <= most)


def value_number(field: Field, number: int) -> object:
    """Return a value of a field, another one for each number as far as its type has as many."""
    make = _NUMBERED.get(field.type)
    return None if make is None else make(field, number)


def most_in(model: Model, wanted: int) -> int:
    """Return how many values one `in` may have, at most as many as wanted."""
    can = model.capabilities
    bounds = [wanted, *([can.max_in] if can.max_in is not None else [])]
    return min(bounds + ([can.max_disjunctions] if can.boolean is Boolean.DNF else []))


def as_sent(model: Model, condition: Condition) -> Condition:
    """Return a typed condition in the form that the model wants its values."""
    if model.capabilities.literals is Literals.TYPED or condition.op is Op.IS:
        return condition
    field = model.any_field(condition.path.field)
    of_text = condition.op in _PATTERNS or bool(condition.path.steps)
    value = condition.value
    if condition.op is Op.IN and isinstance(value, tuple):
        sent: object = tuple(_text(field, each) for each in value)
    else:
        sent = value if of_text else _text(field, value)
    return Condition(condition.path, condition.op, sent)


def _text(field: Field, value: object) -> object:
    return None if value is None else text_of(value, field.type)


def _patterns(op: Op, seen: Sequence[str]) -> Iterator[str]:
    words = [word for word in seen if word and not set(word) & set("%_\\\n\r")]
    if op in (Op.LIKE, Op.ILIKE):
        yield from ("%", "", "_%")
        for word in words[:3]:
            yield from (word, f"{word[0]}%", f"%{word[-1]}", f"%{word[len(word) // 2]}%", f"_{word[1:]}")
            yield from (word.swapcase(), f"{word[0].swapcase()}%", f"\\{word}" if not word[0].isalnum() else f"{word}_")
        return
    for word in words[:3]:
        letters = "".join(each for each in word[:4] if each.isascii() and each.isalnum())
        if letters:
            yield from (letters, f"^{letters[0]}", f"{letters.swapcase()}", f"[{letters}]+.")


def _parts(field: Field, seen: Sequence[object]) -> Iterator[object]:
    for value in seen:
        yield value
        if isinstance(value, tuple) and value:
            yield value[:1]
        if isinstance(value, dict) and value:
            name = next(iter(value))
            yield {name: value[name]}
    yield () if field.type is FieldType.ARRAY else {}


_PATTERNS: Final = frozenset({Op.LIKE, Op.ILIKE, Op.MATCH, Op.IMATCH})
_SETS: Final = frozenset({Op.CONTAINS, Op.CONTAINED, Op.OVERLAPS})

_START: Final = datetime.fromisoformat("2024-01-01")
_SMALL: Final = frozenset({"smallint", "int2"})
_NUMBERED: Final[Mapping[FieldType, Callable[[Field, int], object]]] = MappingProxyType(
    {
        FieldType.BOOLEAN: lambda field, number: number % 2 == 0,
        FieldType.INTEGER: lambda field, number: number % 30_000 if field.native.lower() in _SMALL else number,
        FieldType.FLOAT: lambda field, number: number / 2,
        FieldType.DECIMAL: lambda field, number: Decimal(number % 1000).scaleb(-2),
        FieldType.TEXT: lambda field, number: f"kit {number}"[-(field.max_length or 100) :],
        FieldType.ENUM: lambda field, number: field.enum[number % len(field.enum)] if field.enum else None,
        FieldType.UUID: lambda field, number: str(UUID(int=number)),
        FieldType.DATE: lambda field, number: _START.date() + timedelta(days=number % 3650),
        FieldType.TIME: lambda field, number: time(number % 24, number % 60),
        FieldType.TIMESTAMP: lambda field, number: _START + timedelta(seconds=number % 10_000_000),
        FieldType.TIMESTAMPTZ: lambda field, number: (
            _START.replace(tzinfo=UTC) + timedelta(seconds=number % 10_000_000)
        ),
        FieldType.BYTES: lambda field, number: str(number).encode(),
        FieldType.JSON: lambda field, number: {"kit": number},
        FieldType.ARRAY: lambda field, number: (),
    }
)
