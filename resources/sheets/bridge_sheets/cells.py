"""What a cell holds <-> a value of a field's type. A value that a cell cannot keep exactly is refused, never bent."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from bridge_core import BadValue, FieldType, TooLarge

Raw: TypeAlias = str | int | float | bool | None

LONGEST: Final = 50_000  # characters of a cell
ERRORS: Final = frozenset({"#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#ERROR!"})
_EPOCH: Final = datetime.fromisoformat("1899-12-30")
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_EXACT: Final = 2**53  # integers up to here are exact in a cell


class Misfit(Exception):
    """A cell holds what does not fit the type of its column."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a column: `scale` is the number of decimals that its format shows, `zone` that of its moments."""

    type: FieldType
    scale: int | None = None
    words: tuple[str, ...] = ()
    zone: str = "Etc/UTC"


def plain(raw: Any) -> Raw:
    """Return what the API gave for a cell in one form: empty is None, a whole number an int."""
    if raw == "" or raw is None:
        return None
    if isinstance(raw, float) and raw.is_integer() and abs(raw) <= _EXACT:
        return int(raw)
    found: Raw = raw
    return found


def decoded(kind: Kind, raw: Raw) -> object:
    """Return the value that a cell stands for, or raise Misfit."""
    if raw is None or (raw in ERRORS and kind.type is not FieldType.TEXT):
        return None
    try:
        return _DECODERS[kind.type](kind, raw)
    except (ValueError, OverflowError) as error:
        raise Misfit from error


def encoded(kind: Kind, value: object, name: str) -> dict[str, Any]:
    """Return the cell that stands for a value, for `updateCells`; raise BadValue where no cell can."""
    if value is None:
        return {}
    raw = _raw(kind, value)
    if isinstance(value, str) and len(value) > LONGEST:
        raise TooLarge(f"{name}: a cell holds at most {LONGEST} characters")
    if raw is None or not _same(kind, raw, value):
        raise BadValue(f"{name}: a cell of a spreadsheet cannot hold this value exactly", hint=_HINTS.get(kind.type))
    return {"userEnteredValue": {_FORM[type(raw)]: raw}, **_FORMATS.get(kind.type, {})}


def raw_of(cell: Mapping[str, Any]) -> Raw:
    """Return what a cell of `updateCells`, or of an answer, holds."""
    value = cell.get("effectiveValue", cell.get("userEnteredValue", {}))
    return next((plain(value[form]) for form in ("stringValue", "numberValue", "boolValue") if form in value), None)


def serial(moment: datetime) -> float:
    """Return the number by which a spreadsheet knows a moment without zone."""
    return (moment - _EPOCH) / _DAY


def moment(number: float) -> datetime:
    """Return the moment of a number, to the microsecond."""
    days = math.floor(number)
    return _EPOCH + timedelta(days=days) + round((number - days) * 86_400_000_000) * _MICROSECOND


def _same(kind: Kind, raw: Raw, value: object) -> bool:
    try:
        back = decoded(kind, plain(raw))
    except Misfit:
        return False
    return back == value and (kind.type is FieldType.DECIMAL or repr(back) == repr(value))


def _raw(kind: Kind, value: Any) -> Raw:
    match kind.type:
        case FieldType.DECIMAL:
            return float(value) if value.is_finite() else None
        case FieldType.FLOAT:
            return float(value) if math.isfinite(value) else None
        case FieldType.INTEGER:
            return int(value) if abs(value) <= _EXACT else None
        case FieldType.DATE:
            days: int = (value - _EPOCH.date()).days
            return days
        case FieldType.TIME:
            return serial(datetime.combine(_EPOCH, value))
        case FieldType.TIMESTAMP:
            return serial(value)
        case FieldType.TIMESTAMPTZ:
            return serial(value.astimezone(ZoneInfo(kind.zone)).replace(tzinfo=None))
    found: Raw = value
    return found


def _number(raw: Raw) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError("no number")  # noqa: TRY004 - what does not fit is one error
    return raw


def _boolean(kind: Kind, raw: Raw) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("no boolean")  # noqa: TRY004 - what does not fit is one error
    return raw


def _integer(kind: Kind, raw: Raw) -> int:
    number = _number(raw)
    if not isinstance(number, int):
        raise ValueError("no whole number")  # noqa: TRY004 - what does not fit is one error
    return number


def _decimal(kind: Kind, raw: Raw) -> Decimal:
    number = Decimal(repr(_number(raw)))
    try:
        shown = number.quantize(Decimal(1).scaleb(-(kind.scale or 0)))
    except InvalidOperation:
        return number
    return shown if shown == number else number


def _text(kind: Kind, raw: Raw) -> str:
    if isinstance(raw, bool):
        return str(raw).upper()
    return str(raw)


def _word(kind: Kind, raw: Raw) -> str:
    if not isinstance(raw, str) or raw not in kind.words:
        raise ValueError("none of the words")
    return raw


def _date(kind: Kind, raw: Raw) -> date:
    number = _number(raw)
    if number != int(number):
        raise ValueError("no whole day")
    return _EPOCH.date() + timedelta(days=int(number))


def _time(kind: Kind, raw: Raw) -> time:
    number = _number(raw)
    if not 0 <= number < 1:
        raise ValueError("no time of day")
    return moment(number).time()


def _zoned(kind: Kind, raw: Raw) -> datetime:
    return moment(_number(raw)).replace(tzinfo=ZoneInfo(kind.zone)).astimezone(UTC)


_DECODERS: Final[Mapping[FieldType, Callable[[Kind, Raw], object]]] = {
    FieldType.BOOLEAN: _boolean,
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: lambda kind, raw: float(_number(raw)),
    FieldType.DECIMAL: _decimal,
    FieldType.TEXT: _text,
    FieldType.ENUM: _word,
    FieldType.DATE: _date,
    FieldType.TIME: _time,
    FieldType.TIMESTAMP: lambda kind, raw: moment(_number(raw)),
    FieldType.TIMESTAMPTZ: _zoned,
}
_FORM: Final[Mapping[type, str]] = {
    str: "stringValue",
    bool: "boolValue",
    int: "numberValue",
    float: "numberValue",
}
_FORMATS: Final[Mapping[FieldType, Mapping[str, Any]]] = {
    kind: {"userEnteredFormat": {"numberFormat": {"type": name}}}
    for kind, name in (
        (FieldType.DATE, "DATE"),
        (FieldType.TIME, "TIME"),
        (FieldType.TIMESTAMP, "DATE_TIME"),
        (FieldType.TIMESTAMPTZ, "DATE_TIME"),
    )
}
_HINTS: Final[Mapping[FieldType, str]] = {
    FieldType.TEXT: "an empty text is an empty cell: send null",
    FieldType.INTEGER: "a cell keeps whole numbers up to 2^53; configure the column as text",
    FieldType.DECIMAL: "a cell keeps about 15 digits",
    FieldType.TIMESTAMPTZ: "the spreadsheet's zone has no such moment, or has it twice",
}
TYPES: Final = tuple(each.value for each in _DECODERS if each is not FieldType.ENUM)
