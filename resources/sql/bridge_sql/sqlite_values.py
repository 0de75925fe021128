"""How SQLite keeps each kind of value: Python -> what is bound, and what was stored -> Python or JSON.

SQLite lets any value into any column (but those of STRICT tables). What a column should not hold is shown as it is, and
never made into something else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from math import isnan
from types import MappingProxyType
from typing import Final

from bridge_sql.keeping import (
    TEXT,
    TEXT_OR_INT,
    Keeping,
    bind_boolean,
    bind_json,
    by_value,
    load_boolean,
    load_json,
    load_uuid,
    plain,
    same,
    show_json,
    text_or_none,
)
from bridge_sql.sqlite_decimals import INT64, Decimals, Stored
from bridge_sql.sqlite_types import Affinity, Declared, Form

from bridge_core.errors import BadValue
from bridge_core.schema import FieldType
from bridge_core.values import jsonable

_ORDINARY = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\+00:00)?", re.ASCII)
_WITH_ZONE: Final = len("2024-01-01 19:13:00+00:00")


def keeping(kind: FieldType, declared: Declared) -> Keeping:
    """Return how a column keeps its values."""
    match kind:
        case FieldType.DECIMAL:
            return _decimals(declared)
        case FieldType.TIMESTAMP | FieldType.TIMESTAMPTZ:
            return _moments(declared.form, zoned=kind is FieldType.TIMESTAMPTZ)
        case _:
            return _keepings().get(kind) or Keeping(text_or_none, same, plain(TEXT_OR_INT))


@cache
def _keepings() -> Mapping[FieldType, Keeping]:
    return MappingProxyType(
        {
            FieldType.BOOLEAN: by_value(bind_boolean, load_boolean),
            FieldType.INTEGER: Keeping(_bind_integer, same, plain(TEXT_OR_INT)),
            FieldType.FLOAT: by_value(_bind_float, _load_float),
            FieldType.DATE: Keeping(_bind_clock, _load_clock(date.fromisoformat), plain(TEXT)),
            FieldType.TIME: by_value(_bind_clock, _load_clock(time.fromisoformat)),
            FieldType.BYTES: by_value(same, same),
            FieldType.JSON: Keeping(bind_json, load_json, show_json),
            FieldType.UUID: by_value(text_or_none, load_uuid),
        }
    )


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
