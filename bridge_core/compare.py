"""How values of each type compare, in PostgreSQL's order, text by code point."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from bridge_core.errors import Refused
from bridge_core.schema import Field, FieldType
from bridge_core.values import JSON_NULL

Rank = Callable[[Any], Any]
"""From a value that is there to something that compares as the value does."""

_UNORDERED: Final = frozenset({FieldType.INTERVAL, FieldType.OTHER})


def equality(place: Field) -> Rank:
    """Return the rank by which values of a field are equal or not."""
    if place.type is FieldType.ENUM:
        return _enum(place)
    if place.type is FieldType.ARRAY:
        return _array(equality(Field(place.name, place.item or FieldType.TEXT, enum=place.enum)))
    return _RANKS.get(place.type, _itself)


def ordering(place: Field) -> Rank:
    """Return the rank by which values of a field are before or behind each other."""
    if place.type in _UNORDERED or place.item in _UNORDERED:
        raise Refused(
            f"values of the type of {place.name!r} can only be ordered by the backend itself",
            hint=f"compare {place.name!r} with eq, neq, in, is or isdistinct; order by another field",
        )
    return equality(place)


def json_rank(value: object) -> tuple[object, ...]:
    """Return the rank of a JSON value: objects behind arrays, booleans, numbers, text and null."""
    match value:
        case None:
            return (0,)
        case str():
            return (1, value)
        case bool():
            return (3, value)
        case int() | float() | Decimal():
            return (2, *_number(value))
        case list() | tuple():
            return (4, len(value), *map(json_rank, value))
        case dict():
            pairs = sorted((len(key.encode()), key, json_rank(each)) for key, each in value.items())
            return (5, len(pairs), *pairs)
        case _ if value is JSON_NULL:
            return (0,)
        case _:
            return (1, str(value))


def _itself(value: Any) -> Any:
    return value


def _number(value: Any) -> tuple[int, Any]:
    """NaN is equal to itself and greater than all other numbers."""
    return (0, value) if value == value else (1, 0)  # noqa: PLR0124  # the test for NaN that fits int, float, Decimal


def _instant(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _top_json(value: object) -> tuple[object, ...]:
    return (-1,) if value == [] else json_rank(value)  # so PostgreSQL orders an empty array, at the top alone


def _enum(place: Field) -> Rank:
    positions = {word: (0, at) for at, word in enumerate(place.enum)}

    def rank(value: Any) -> Any:
        return positions.get(value) or (1, str(value))

    return rank


def _array(inner: Rank) -> Rank:
    def rank(value: Any) -> Any:
        return tuple(
            (2, 0) if item is None else (1, rank(item)) if isinstance(item, tuple) else (0, inner(item))
            for item in value
        )

    return rank


_RANKS: Final[Mapping[FieldType, Rank]] = MappingProxyType(
    {
        FieldType.INTEGER: _number,
        FieldType.FLOAT: _number,
        FieldType.DECIMAL: _number,
        FieldType.TIMESTAMPTZ: _instant,
        FieldType.JSON: _top_json,
        FieldType.UUID: str,
        FieldType.BYTES: bytes,
    }
)
