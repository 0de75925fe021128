"""Read the text form of a value of each simple type, as PostgreSQL reads it."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NoReturn

from bridge_core.errors import BadValue

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
_NOT_FINITE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nan": "NaN",
        "infinity": "Infinity",
        "+infinity": "Infinity",
        "inf": "Infinity",
        "+inf": "Infinity",
        "-infinity": "-Infinity",
        "-inf": "-Infinity",
    }
)
_MOST_DIGITS: Final = 131_072  # before the point; PostgreSQL's own bound
_FINEST_SCALE: Final = 16_383
_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
_COMPACT = r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
_ZONE = r"\s*(?P<zone>[zZ]|UTC|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?"
_MOMENTS: Final = tuple(
    re.compile(rf"\s*{day}(?:(?:[tT]|\s+){_TIME}{_ZONE})?\s*", re.ASCII) for day in (_DATE, _COMPACT)
)
_CLOCK = re.compile(rf"\s*{_TIME}{_ZONE}\s*", re.ASCII)
_UUID = re.compile(r"(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}", re.ASCII)
_ESCAPED = re.compile(r"\\(\\|[0-3][0-7]{2})")
_BOOLEANS: Final[Mapping[str, bool]] = MappingProxyType(
    {word[:length]: True for word, least in (("true", 1), ("yes", 1), ("on", 2), ("1", 1))
     for length in range(least, len(word) + 1)}
    | {word[:length]: False for word, least in (("false", 1), ("no", 1), ("off", 2), ("0", 1))
       for length in range(least, len(word) + 1)}
)  # fmt: skip


def boolean(text: str, name: str) -> bool:
    """Read `true`, `false` and the words that stand for them."""
    found = _BOOLEANS.get(text.strip().lower())
    return unreadable(text, name) if found is None else found


def integer(text: str, name: str) -> int:
    """Read a whole number, however long within reason."""
    if not _INTEGER.fullmatch(text):
        unreadable(text, name)
    if len(text) > 1_000:
        raise out_of_range(text[:40] + "...", name)
    return int(text)


def floating(text: str, name: str) -> float:
    """Read a binary floating-point number; NaN and the infinities have names."""
    special = _NOT_FINITE.get(text.strip().lower())
    if special is not None:
        return float(special)
    if not _NUMBER.fullmatch(text):
        unreadable(text, name)
    value = float(text)
    if math.isinf(value):
        raise BadValue(f'"{text}" is out of range for type {name}', code="22003")
    return value


def decimal(text: str, name: str) -> Decimal:
    """Read a decimal number exactly; its scale is kept."""
    special = _NOT_FINITE.get(text.strip().lower())
    if special is not None:
        return Decimal(special)
    if not _NUMBER.fullmatch(text):
        unreadable(text, name)
    mantissa, _, exponent = text.strip().lower().partition("e")
    if len(exponent) > 7 or len(mantissa) > _MOST_DIGITS + _FINEST_SCALE:
        raise _overflow()
    return positional(Decimal(text.strip()))


def positional(value: Decimal) -> Decimal:
    """Return a finite number without an exponent, as PostgreSQL keeps it: 1E+3 is 1000."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # finite
    if exponent > _MOST_DIGITS or len(digits) + exponent > _MOST_DIGITS or -exponent > _FINEST_SCALE:
        raise _overflow()
    if value.is_zero() and value.is_signed():
        value = value.copy_abs()
    return value if exponent <= 0 else Decimal(f"{value:f}")


def characters(text: str, name: str) -> str:
    """Take text as it is, unless no database could keep it."""
    if "\0" in text:
        raise BadValue('invalid byte sequence for encoding "UTF8": 0x00', code="22021")
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise BadValue('invalid byte sequence for encoding "UTF8"', code="22021")
    return text


def identifier(text: str, name: str) -> str:
    """Read a UUID in any of its spellings; return the canonical one."""
    bare = text.strip().lower()
    if bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1]
    if not _UUID.fullmatch(bare):
        unreadable(text, name)
    digits = bare.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def day(text: str, name: str) -> date:
    """Read a date; a time behind it does not count."""
    return _moment(text, name)[0].date()


def clock(text: str, name: str) -> time:
    """Read a time of day without zone."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise _no_date(text, name)
    try:
        since = _since_midnight(found)
    except ValueError:
        raise _no_such_date(text) from None
    if since >= timedelta(days=1):
        raise _no_such_date(text)  # PostgreSQL knows 24:00, Python does not
    return (datetime.combine(date.min, time.min) + since).time()


def naive_moment(text: str, name: str) -> datetime:
    """Read a timestamp without zone; a zone in the text does not count."""
    return _moment(text, name)[0]


def moment(text: str, name: str, zone: tzinfo = UTC) -> datetime:
    """Read a timestamp with zone, in UTC; text without a zone is meant in the given one."""
    naive, named = _moment(text, name)
    try:
        return naive.replace(tzinfo=named or zone).astimezone(UTC)
    except OverflowError:
        raise _no_such_date(text) from None


def octets(text: str, name: str) -> bytes:
    r"""Read bytes: `\x` and hexadecimal digits, or text with octal escapes."""
    if text.startswith("\\x"):
        return _hexadecimal("".join(text[2:].split()))
    if "\\" in _ESCAPED.sub("", text):
        unreadable(text, name)
    pieces = _ESCAPED.split(text)
    return b"".join(
        (b"\\" if piece == "\\" else bytes((int(piece, 8),))) if at % 2 else characters(piece, name).encode()
        for at, piece in enumerate(pieces)
    )


def unreadable(text: str, name: str) -> NoReturn:
    """Raise the error that PostgreSQL gives to text which does not fit a type."""
    raise BadValue(f'invalid input syntax for type {name}: "{text}"')


def out_of_range(text: object, name: str) -> BadValue:
    """Return the error that PostgreSQL gives to a number too large for its type."""
    return BadValue(f'value "{text}" is out of range for type {name}', code="22003")


def _overflow() -> BadValue:
    return BadValue("value overflows numeric format", code="22003")


def _hexadecimal(digits: str) -> bytes:
    wrong = next((each for each in digits if each not in "0123456789abcdefABCDEF"), None)
    if wrong is not None:
        raise BadValue(f'invalid hexadecimal digit: "{wrong}"', code="22023")
    if len(digits) % 2:
        raise BadValue("invalid hexadecimal data: odd number of digits", code="22023")
    return bytes.fromhex(digits)


def _moment(text: str, name: str) -> tuple[datetime, tzinfo | None]:
    found = next(filter(None, (pattern.fullmatch(text) for pattern in _MOMENTS)), None)
    if found is None:
        raise _no_date(text, name)
    try:
        midnight = datetime.combine(date(int(found["year"]), int(found["month"]), int(found["day"])), time.min)
        naive = midnight if found["hour"] is None else midnight + _since_midnight(found)
        return naive, _offset(found["zone"])
    except (ValueError, OverflowError):
        raise _no_such_date(text) from None


def _since_midnight(found: re.Match[str]) -> timedelta:
    hours, minutes, seconds = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if hours > 24 or minutes > 59 or seconds > 60 or (hours == 24 and minutes + seconds > 0):
        raise ValueError("no such time of day")
    micros = (int(((found["fraction"] or "") + "0000000")[:7]) + 5) // 10
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)


def _offset(zone: str | None) -> tzinfo | None:
    if zone is None:
        return None
    if zone in ("z", "Z", "UTC"):
        return UTC
    digits = zone[1:].replace(":", "").ljust(6, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
    return timezone(away if zone[0] == "+" else -away)


def _no_date(text: str, name: str) -> BadValue:
    return BadValue(f'invalid input syntax for type {name}: "{text}"', code="22007")


def _no_such_date(text: str) -> BadValue:
    return BadValue(f'date/time field value out of range: "{text}"', code="22008")


SIMPLE: Final[Mapping[str, Callable[[str, str], object]]] = MappingProxyType(
    {
        "boolean": boolean,
        "integer": integer,
        "float": floating,
        "decimal": decimal,
        "text": characters,
        "enum": characters,
        "uuid": identifier,
        "date": day,
        "time": clock,
        "timestamp": naive_moment,
        "timestamptz": moment,
        "interval": characters,
        "bytes": octets,
        "other": characters,
    }
)
