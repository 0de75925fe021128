"""Write a value as the text that PostgreSQL prints for it, and as JSON text."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bridge_core.errors import BadValue
from bridge_core.schema import FieldType

_PLAIN_ITEM = re.compile(r'[^\s{}",\\]+')
_FIXED_ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::?([0-9]{2}))?")
_WHOLE_FLOATS: Final = 1e15  # below it PostgreSQL prints floats without an exponent
_NO_JSON_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_strings = msgspec.json.Encoder()


class _JsonNull(Enum):
    """The `null` within JSON, where None would mean that nothing is there."""

    NULL = "null"


JSON_NULL: Final = _JsonNull.NULL


def text_of(value: object, type_: FieldType | None = None, zone: tzinfo = UTC) -> str:
    """Write a value as PostgreSQL prints it; the type tells JSON text from other text."""
    if type_ is FieldType.JSON:
        return json_text(value)
    if isinstance(value, datetime):
        return moment_text(value, zone, " ")
    if isinstance(value, tuple):
        return _array_text(value, zone)
    known = _TEXTS.get(type(value))
    return str(value) if known is None else known(value)


def json_text(value: object) -> str:
    """Write a JSON value as PostgreSQL prints `jsonb`: blanks behind colons and commas, numbers with their scale."""
    match value:
        case None | _JsonNull():
            return "null"
        case dict():
            inside = ", ".join(f"{json_text(str(key))}: {json_text(each)}" for key, each in value.items())
            return f"{{{inside}}}"
        case list() | tuple():
            return f"[{', '.join(map(json_text, value))}]"
        case bool() | int() | float() | Decimal():
            text = text_of(value)
            return f'"{text}"' if text in _NO_JSON_NUMBERS else text
        case _:
            return _strings.encode(text_of(value)).decode()


def decimal_text(value: Decimal) -> str:
    """Write a decimal with its scale and without an exponent."""
    if value.is_finite():
        return f"{value:f}"
    return "NaN" if value.is_nan() else str(value)


def float_text(value: float) -> str:
    """Write a float in the shortest form that reads back as the same, whole numbers without a point."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value.is_integer() and abs(value) < _WHOLE_FLOATS:
        return f"{value:.0f}"
    text = repr(value)
    if not text.endswith(".0"):
        return text
    digits = text.lstrip("-").removesuffix(".0")  # Python writes one more digit than PostgreSQL before it uses an `e`
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{mantissa}e+{len(digits) - 1}"


def moment_text(value: datetime, zone: tzinfo, between: str) -> str:
    """Write a timestamp: with `T` between its halves as in JSON, with a blank as in text."""
    if value.tzinfo is None:
        return clock_text(value.isoformat(between))
    try:
        local = value.astimezone(zone)
    except OverflowError:
        local = value.astimezone(UTC)
    text = clock_text(local.replace(tzinfo=None).isoformat(between))
    away = local.strftime("%z")
    offset = f"{away[:3]}:{away[3:5]}" + (f":{away[5:7]}" if away[5:7] else "")
    return text + (offset if between == "T" else offset.removesuffix(":00"))


def clock_text(text: str) -> str:
    """Drop the zeros at the end of a fraction of a second."""
    return text.rstrip("0") if "." in text else text


@lru_cache(maxsize=1_000)
def zone_of(name: str | None) -> tzinfo:
    """Return the time zone of that name or offset; none: UTC."""
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fixed = _FIXED_ZONE.fullmatch(name)
    if fixed is None or int(fixed[2]) > 15 or int(fixed[3] or 0) > 59:
        raise BadValue(f'invalid value for parameter "TimeZone": "{name}"', code="22023")
    away = timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0))
    return timezone(-away if fixed[1] == "-" else away)


def _array_text(items: tuple[object, ...], zone: tzinfo) -> str:
    return f"{{{','.join(_item_text(item, zone) for item in items)}}}"


def _item_text(item: object, zone: tzinfo) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, tuple):
        return _array_text(item, zone)
    text = text_of(item, zone=zone)
    if _PLAIN_ITEM.fullmatch(text) and text.upper() != "NULL":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = MappingProxyType(
    {
        str: str,
        bool: lambda value: "true" if value else "false",
        Decimal: decimal_text,
        float: float_text,
        date: date.isoformat,
        time: lambda value: clock_text(value.isoformat()),
        bytes: lambda value: f"\\x{value.hex()}",
        dict: json_text,
        list: json_text,
        _JsonNull: json_text,
    }
)
