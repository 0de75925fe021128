"""Records -> the JSON of PostgreSQL, and a body's JSON -> values that lose nothing."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from bridge_core.errors import Malformed
from bridge_core.values.text import JSON_NULL, decimal_text, float_text, moment_text, text_of, zone_of

_DEEPEST: Final = 200
_AS_IT_IS: Final = frozenset({str, int, bool, type(None)})
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode_json(body: bytes | str) -> object:
    """Read JSON: whole numbers as int, others as Decimal; raise Malformed on anything that is not JSON."""
    try:
        value: object = _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        raise _no_json() from None
    if isinstance(value, dict | list) and _opened(body) > _DEEPEST and _deeper_than(value, _DEEPEST):
        raise _no_json()
    return value


def encode(records: Iterable[Mapping[str, object]], timezone: str | None = None) -> bytes:
    """Write records as one JSON array, timestamps in the given zone."""
    zone = zone_of(timezone)
    return _encoder.encode(
        [
            {
                name: value if type(value) in _AS_IT_IS else jsonable(value, zone)  # the common case, without a call
                for name, value in record.items()
            }
            for record in records
        ]
    )


def jsonable(value: object, zone: tzinfo = UTC) -> object:
    """Return a value in the types that JSON has; `encode` writes those."""
    if type(value) in _AS_IT_IS:
        return value
    known = _FORMS.get(type(value))
    if known is not None:
        return known(value)
    match value:
        case datetime():
            return moment_text(value, zone, "T")
        case Mapping():
            return {str(key): jsonable(each, zone) for key, each in value.items()}
        case list() | tuple():
            return [jsonable(each, zone) for each in value]
        case _:
            return text_of(value)


def _number(value: float) -> object:
    if not math.isfinite(value):
        return float_text(value)
    return int(value) if value.is_integer() and abs(value) < 1e16 else value


def _positional(value: Decimal) -> object:
    if not value.is_finite():
        return decimal_text(value)
    text = str(value)
    return msgspec.Raw(decimal_text(value).encode()) if "E" in text else value


def _opened(body: bytes | str) -> int:
    """Return how many objects and arrays begin in a text, at most; no value in it is deeper than that."""
    if isinstance(body, str):
        return body.count("{") + body.count("[")
    return body.count(b"{") + body.count(b"[")


def _deeper_than(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each if isinstance(each, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _no_json() -> Malformed:
    return Malformed("Empty or invalid json", code="PGRST102")


_FORMS: Final[Mapping[type, Callable[[Any], object]]] = MappingProxyType(
    {
        float: _number,
        Decimal: _positional,
        type(JSON_NULL): lambda _: None,
    }
)
