"""A read -> the parameters of a list; an object of Stripe -> a record."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from bridge_core import After, Condition, Field, FieldType, Op, Read, Record, Refused, UpstreamFailed, conditions
from bridge_stripe.api import Json
from bridge_stripe.catalogue import ObjectType

_COMPARED: Final[Mapping[Op, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        Op.EQ: lambda actual, wanted: actual == wanted,
        Op.GT: lambda actual, wanted: actual > wanted,
        Op.GTE: lambda actual, wanted: actual >= wanted,
        Op.LT: lambda actual, wanted: actual < wanted,
        Op.LTE: lambda actual, wanted: actual <= wanted,
    }
)
_SECOND: Final[Mapping[Op, Callable[[Decimal], int]]] = MappingProxyType(
    {Op.GT: math.floor, Op.GTE: math.ceil, Op.LT: math.ceil, Op.LTE: math.floor}
)
"""Stripe counts whole seconds: which of the two beside a moment keeps the meaning of the comparison."""


def list_parameters(kind: ObjectType, op: Read) -> dict[str, Any] | None:
    """Return what to ask a list for; None: nothing can match."""
    found: dict[str, Any] = dict(kind.always)
    for condition in asked(op):
        name, value = condition.path.field, condition.value
        if condition.op in _SECOND:
            found.setdefault(name, {})[condition.op.value] = _seconds(condition)
        elif value in (None, ""):
            return None  # what Stripe would take as no filter is no value of any object
        else:
            found[name] = value
    if kind.required and kind.required not in found:
        raise Refused(
            f"Stripe lists {kind.name} of one {kind.required} alone", hint=f"filter by {kind.required}, or by id"
        )
    window = op.window
    assert isinstance(window, After)  # the model pages by cursor
    found["limit"] = window.limit
    if window.cursor is not None:
        found["starting_after"] = window.cursor
    return found


def asked(op: Read) -> list[Condition]:
    """Return every condition of a read: the models take conjunctions alone."""
    return [each for term in (op.where, op.scope) for each in conditions(term)]


def matches(tests: Iterable[Condition], record: Record) -> bool:
    """Tell whether a record that was looked up by key fulfils the conditions beside it."""
    for each in tests:
        value = record.get(each.path.field)
        if value is None or each.value is None or not _COMPARED[each.op](value, each.value):
            return False
    return True


def record_of(fields: Iterable[Field], found: Json) -> Record:
    """Return the record that an object is."""
    try:
        return {field.name: _value(field, found.get(field.name)) for field in fields}
    except (TypeError, ValueError, ArithmeticError, KeyError) as error:
        raise UpstreamFailed("Stripe sent a value in another form than its SDK declares") from error


def _seconds(condition: Condition) -> int:
    value = condition.value
    assert isinstance(value, datetime)  # values are typed, and only moments have bounds
    return _SECOND[condition.op](Decimal(repr(value.timestamp())))


def _value(field: Field, value: Any) -> object:
    if value is None:
        return None
    match field.type:
        case FieldType.TIMESTAMPTZ:
            return datetime.fromtimestamp(value, UTC)
        case FieldType.DECIMAL:
            return Decimal(str(value))
        case FieldType.FLOAT:
            return float(value)
        case FieldType.ARRAY:
            return tuple(_id(each) for each in value)
        case FieldType.TEXT | FieldType.ENUM:
            return _id(value)
        case _:
            return value


def _id(value: Any) -> str:
    """Return the id of an object that came whole, any other text as it is."""
    return str(value["id"]) if isinstance(value, Mapping) else str(value)
