"""How SQLite keeps each kind of value: Python -> what is bound, and what was stored -> Python or JSON.

SQLite lets any value into any column (but those of STRICT tables). What a column should not hold is shown as it is, and
never made into something else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from functools import cache
from math import isnan
from types import MappingProxyType, NoneType
from typing import Any, Final
from uuid import UUID

import msgspec
from bridge_sql.sqlite_decimals import INT64, Decimals, Stored
from bridge_sql.sqlite_types import Affinity, Declared, Form

from bridge_core.errors import BadValue, Malformed
from bridge_core.schema import FieldType
from bridge_core.values import JSON_NULL, decode_json, json_text, jsonable, text_of

_TEXT: Final[frozenset[type]] = frozenset({str, NoneType})
_TEXT_OR_INT: Final[frozenset[type]] = frozenset({str, int, NoneType})
_ORDINARY = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\+00:00)?", re.ASCII)
_WITH_ZONE: Final = len("2024-01-01 19:13:00+00:00")
_raw = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How one column keeps its values.

    `bind` gives what is compared with and what is written; `load` a Python value; `show` a column of stored values as
    JSON has them, in the given zone.
    """

    bind: Callable[[Any], Stored]
    load: Callable[[Stored], object]
    show: Callable[[Sequence[Stored], tzinfo], Sequence[object]]


def keeping(kind: FieldType, declared: Declared) -> Keeping:
    """Return how a column keeps its values."""
    match kind:
        case FieldType.DECIMAL:
            return _decimals(declared)
        case FieldType.TIMESTAMP | FieldType.TIMESTAMPTZ:
            return _moments(declared.form, zoned=kind is FieldType.TIMESTAMPTZ)
        case _:
            return _keepings().get(kind) or Keeping(text_or_none, _same, _plain(_TEXT_OR_INT))


@cache
def _keepings() -> Mapping[FieldType, Keeping]:
    return MappingProxyType(
        {
            FieldType.BOOLEAN: _by_value(_bind_boolean, _load_boolean),
            FieldType.INTEGER: Keeping(_bind_integer, _same, _plain(_TEXT_OR_INT)),
            FieldType.FLOAT: _by_value(_bind_float, _load_float),
            FieldType.DATE: Keeping(_bind_clock, _load_clock(date.fromisoformat), _plain(_TEXT)),
            FieldType.TIME: _by_value(_bind_clock, _load_clock(time.fromisoformat)),
            FieldType.BYTES: _by_value(_same_stored, _same),
            FieldType.JSON: Keeping(_bind_json, _load_json, _show_json),
            FieldType.UUID: _by_value(text_or_none, _load_uuid),
        }
    )


def text_or_none(value: object) -> str | None:
    """Return a value as text, if there is one."""
    return None if value is None else text_of(value)


def _same(value: object) -> object:
    return value


def _same_stored(value: Any) -> Stored:
    stored: Stored = value
    return stored


def _by_value(bind: Callable[[Any], Stored], load: Callable[[Stored], object]) -> Keeping:
    """Show each value as JSON has what `load` makes of it."""

    def show(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
        return [jsonable(load(value), zone) for value in column]

    return Keeping(bind, load, show)


def _plain(known: frozenset[type]) -> Callable[[Sequence[Stored], tzinfo], Sequence[object]]:
    """Show a column as it is where it holds nothing but these types: one pass in C over the common case."""

    def show(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
        return column if known.issuperset(map(type, column)) else [jsonable(value, zone) for value in column]

    return show


def _bind_boolean(value: bool | None) -> Stored:
    return None if value is None else int(value)


def _load_boolean(value: Stored) -> object:
    return bool(value) if value in (0, 1) else value


def _bind_integer(value: int | None) -> Stored:
    if value is not None and value not in INT64:
        raise BadValue(f'value "{value}" is out of range for type bigint', code="22003")
    return value


def _bind_float(value: float | None) -> Stored:
    if value is not None and isnan(value):
        raise BadValue("SQLite has no NaN", code="22003")
    return value


def _load_float(value: Stored) -> object:
    return float(value) if isinstance(value, int) else value


def _decimals(declared: Declared) -> Keeping:
    decimals = Decimals(declared)

    def show(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
        return [None if value is None else decimals.shown(value) for value in column]

    bind = decimals.bind_text if declared.affinity is Affinity.TEXT else decimals.bind_number
    return Keeping(bind, decimals.load, show)


def _bind_clock(value: date | time | None) -> Stored:
    return None if value is None else value.isoformat()


def _moments(form: Form, *, zoned: bool) -> Keeping:
    def bind(value: datetime | None) -> Stored:
        if value is None:
            return None
        moment = value.astimezone(UTC) if value.tzinfo is not None else value
        text = moment.replace(tzinfo=None).isoformat(form.between, "auto" if form.digits is None else "microseconds")
        return _with_digits(text, form.digits) + form.zone

    def shown(value: Stored, zone: tzinfo) -> object:
        if (
            isinstance(value, str)
            and zone is UTC
            and _ORDINARY.fullmatch(value)
            and zoned == (len(value) == _WITH_ZONE)
        ):
            return f"{value[:10]}T{value[11:]}"
        return jsonable(load_moment(value, zoned=zoned), zone)

    def show(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
        return [shown(value, zone) for value in column]

    return Keeping(bind, lambda value: load_moment(value, zoned=zoned), show)


def _with_digits(text: str, digits: int | None) -> str:
    if digits is None:
        return text
    whole, _, fraction = text.partition(".")
    kept = max(digits, len(fraction.rstrip("0")))
    return f"{whole}.{fraction.ljust(kept, '0')[:kept]}"


def load_moment(value: Stored, *, zoned: bool) -> object:
    """Read a moment as SQLite's own functions and most libraries write it; without a zone it is in UTC."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    if zoned:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.replace(tzinfo=None) if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _load_clock(read: Callable[[str], object]) -> Callable[[Stored], object]:
    def load(value: Stored) -> object:
        try:
            return read(value) if isinstance(value, str) else value
        except ValueError:
            return value

    return load


def _load_uuid(value: Stored) -> object:
    return str(UUID(bytes=value)) if isinstance(value, bytes) and len(value) == 16 else value


def _bind_json(value: object) -> Stored:
    return None if value is None else json_text(value)


def _load_json(value: Stored) -> object:
    if not isinstance(value, str):
        return Decimal(repr(value)) if isinstance(value, float) else value
    try:
        found = decode_json(value)
    except Malformed:
        return value
    return JSON_NULL if found is None else found


def _show_json(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
    return [_passed(value) if isinstance(value, str) else jsonable(value, zone) for value in column]


def _passed(text: str) -> object:
    """Hand JSON on as it is written, if it is JSON."""
    try:
        return _raw.decode(text)
    except msgspec.DecodeError:
        return text
