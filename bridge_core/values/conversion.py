"""Text and JSON -> the value of a field, by its type."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from uuid import UUID

from bridge_core.errors import BadValue, Malformed
from bridge_core.schema import Field, FieldType
from bridge_core.values.arrays import array
from bridge_core.values.literals import SIMPLE, characters, moment, out_of_range, positional
from bridge_core.values.text import JSON_NULL, json_text, text_of
from bridge_core.values.wire import decode_json

SQL_NAMES: Final[Mapping[FieldType, str]] = MappingProxyType(
    {
        FieldType.FLOAT: "double precision",
        FieldType.DECIMAL: "numeric",
        FieldType.BYTES: "bytea",
        FieldType.TIMESTAMPTZ: "timestamp with time zone",
    }
)
_BITS: Final[Mapping[str, int]] = MappingProxyType(
    {"smallint": 16, "int2": 16, "int4": 32, "integer": 64, "int": 64, "bigint": 64, "int8": 64}
)  # `integer` has 32 or 64 bits by the backend: the wider one here, the narrower is the backend's to refuse
_IN_PYTHON: Final[Mapping[FieldType, tuple[type, ...]]] = MappingProxyType(
    {
        FieldType.BOOLEAN: (bool,),
        FieldType.INTEGER: (int,),
        FieldType.FLOAT: (float,),
        FieldType.DECIMAL: (Decimal,),
        FieldType.DATE: (date,),
        FieldType.TIME: (time,),
        FieldType.TIMESTAMP: (datetime,),
        FieldType.TIMESTAMPTZ: (datetime,),
        FieldType.BYTES: (bytes,),
        FieldType.ARRAY: (tuple,),
    }
)


def typed(field: Field, text: object, zone: tzinfo = UTC) -> object:
    """Return the value that text stands for; what is no text is taken as a value already."""
    if isinstance(text, str):
        return _from_text(field, field.type, text, zone)
    return text if text is None or field.type is FieldType.JSON else _fitting(field, field.type, text, zone)


def from_json(field: Field, value: object, zone: tzinfo = UTC) -> object:
    """Return the value that stands in a body for a field; null is the absence of a value."""
    if value is None:
        return None
    if field.type is FieldType.JSON:
        return _kept(value)
    if field.type is FieldType.ARRAY and isinstance(value, list):
        return _array_of(field, value, zone)
    return typed(field, value, zone)


def type_name(field: Field, type_: FieldType) -> str:
    """Name a type as messages name it."""
    if type_ is FieldType.ENUM:
        return field.native or field.name
    return SQL_NAMES.get(type_, type_.value)


def _from_text(field: Field, type_: FieldType, text: str, zone: tzinfo) -> object:
    match type_:
        case FieldType.TEXT:
            return characters(text, "text")
        case FieldType.INTEGER:
            return _within(field, SIMPLE["integer"](text, "integer"), text)
        case FieldType.JSON:
            return _json(text)
        case FieldType.ARRAY:
            item = field.item or FieldType.TEXT
            return array(text, lambda each: _from_text(field, item, each, zone))
        case FieldType.ENUM:
            return _member(field, text)
        case FieldType.TIMESTAMPTZ:
            return moment(text, type_name(field, type_), zone)
        case _:
            return SIMPLE[type_](text, type_name(field, type_))


def _fitting(field: Field, type_: FieldType, value: object, zone: tzinfo) -> object:
    """Take a value of Python, in the one form that its type has here."""
    if isinstance(value, Decimal) and value.is_finite():
        value = positional(value)
    known = type(value) in _IN_PYTHON.get(type_, ())
    if type_ is FieldType.INTEGER and known:
        return _within(field, value, value)
    if type_ is FieldType.TIMESTAMPTZ and isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or zone).astimezone(UTC)
    if known or (type_ is FieldType.BYTES and isinstance(value, memoryview)):
        return value
    if isinstance(value, UUID):
        value = str(value)
    return _from_text(field, type_, json_text(value) if isinstance(value, dict | list) else text_of(value), zone)


def _within(field: Field, value: object, text: object) -> object:
    bits = _BITS.get(field.native.lower())
    assert isinstance(value, int)  # the reader of integers gives nothing else
    if bits is not None and not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise out_of_range(text, field.native.lower())
    return value


def _member(field: Field, text: str) -> str:
    if field.enum and text not in field.enum:
        raise BadValue(f'invalid input value for enum {field.native or field.name}: "{text}"')
    return characters(text, "enum")


def _json(text: str) -> object:
    try:
        value = decode_json(text.encode())
    except (Malformed, UnicodeEncodeError):
        raise BadValue("invalid input syntax for type json") from None
    return JSON_NULL if value is None else _kept(value)


def _kept(value: object) -> object:
    """Return JSON as the databases keep it: numbers without an exponent, no text that they cannot hold."""
    match value:
        case str():
            if "\0" in value:
                raise BadValue("unsupported Unicode escape sequence", code="22P05")
            return value
        case Decimal():
            return positional(value)
        case dict():
            return {_kept(key): _kept(each) for key, each in value.items()}
        case list():
            return [_kept(each) for each in value]
        case _:
            return value


def _array_of(field: Field, values: list[object], zone: tzinfo) -> tuple[object, ...]:
    item = Field(field.name, field.item or FieldType.TEXT, enum=field.enum)
    return tuple(
        _array_of(field, each, zone) if isinstance(each, list) and item.type is not FieldType.JSON
        else from_json(item, each, zone)
        for each in values
    )  # fmt: skip
