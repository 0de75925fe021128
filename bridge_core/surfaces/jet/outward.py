"""Records as the bridge writes them -> records as clients of this protocol read them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from bridge_core.operations import Page
from bridge_core.schema import Field, FieldType, Model
from bridge_core.values import decode_json, encode

Form: TypeAlias = Callable[[Any], object]

_INTERVAL: Final = re.compile(
    r"(?:(-?\d+) years? ?)?(?:(-?\d+) mons? ?)?(?:(-?\d+) days? ?)?(?:(-)?(\d+):(\d+):([\d.]+))?"
)
_FRACTION: Final = re.compile(r"\.(\d{1,6})(?=$|[+-])")
_raw: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


async def bytes_of(page: Page, timezone: str | None = None) -> bytes:
    """Return the records of a page as one JSON array."""
    if page.stream is not None:
        return b"".join([piece async for piece in page.stream])
    return page.encoded if page.encoded is not None else encode(page.records, timezone)


async def records_of(page: Page, model: Model, zone: tzinfo, timezone: str | None = None) -> list[dict[str, Any]]:
    """Return the records of a page in the forms of this protocol; `zone` is that of timestamps without one."""
    forms = forms_of(model.readable, zone)
    body = await bytes_of(page, timezone)
    if not forms:
        return list(_raw.decode(body))
    records: Any = decode_json(body)
    for record in records:
        for name, form in forms:
            value = record.get(name)
            if value is not None:
                record[name] = form(value)
    return list(records)


def forms_of(fields: Sequence[Field], zone: tzinfo) -> list[tuple[str, Form]]:
    """Return what is done to the values of which fields; to those of all others nothing."""
    found = ((field.name, form_of(field, zone)) for field in fields)
    return [(name, form) for name, form in found if form is not None]


def form_of(field: Field, zone: tzinfo) -> Form | None:
    """Return what is done to the values of a field; None: nothing."""
    if field.type is FieldType.TIMESTAMP:
        return lambda text: _naive(text, zone)
    if field.type is FieldType.FLOAT and field.native == "real":
        return _number_text
    return _FORMS.get(field.type)


def moment_text(text: object) -> object:
    """Write a timestamp with all six digits of a fraction, or none."""
    if not isinstance(text, str) or "." not in text:
        return text
    return _FRACTION.sub(lambda found: f".{found[1]:0<6}", text)


def _naive(text: object, zone: tzinfo) -> object:
    written = moment_text(text)
    if not isinstance(written, str) or "T" not in written:
        return written
    away = zone.utcoffset(None) or timedelta()
    minutes = int(away.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{written}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _number_text(value: object) -> object:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _finite(value: object) -> object:
    return None if isinstance(value, str) else value


def _bytes_text(value: object) -> object:
    text = str(value)
    return repr(bytes.fromhex(text[2:])) if text.startswith("\\x") else text


def _interval(value: object) -> object:
    """Write an interval as Python does: `5 days, 10:00:00`; years and months stay words."""
    found = _INTERVAL.fullmatch(str(value))
    if found is None:
        return value
    years, months, days, minus, *clock = found.groups()
    hours, minutes, seconds = (Decimal(part or 0) for part in clock)
    total = (hours * 60 + minutes) * 60 + seconds
    whole_days = int(years or 0) * 365 + int(months or 0) * 30 + int(days or 0)
    try:
        length = timedelta(days=whole_days, microseconds=int((-total if minus else total) * 1_000_000))
    except OverflowError:
        return value
    return str(length)


_FORMS: Final[Mapping[FieldType, Form]] = MappingProxyType(
    {
        FieldType.DECIMAL: _number_text,
        FieldType.FLOAT: _finite,
        FieldType.TIMESTAMPTZ: moment_text,
        FieldType.INTERVAL: _interval,
        FieldType.BYTES: _bytes_text,
    }
)
