"""How SQLite keeps decimals, which it has no type for: as numbers where that is exact, or as text."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import isfinite
from typing import Final

import msgspec
from bridge_sql.sqlite_types import Declared

from bridge_core.errors import BadValue
from bridge_core.values import jsonable

Stored = int | float | str | bytes | None
INT64: Final = range(-(2**63), 2**63)
_SHORT: Final = 14  # digits before the point: so many that padding with zeros stays within Python's precision


class Decimals:
    """The decimals of one column: rounded on the way in as PostgreSQL does, padded to the scale on the way out."""

    def __init__(self, declared: Declared) -> None:
        """Take precision and scale from the declared type; a precision alone means no places."""
        self._precision = declared.size
        self._scale = declared.scale if declared.scale is not None or declared.size is None else 0
        self._places = None if self._scale is None else Decimal(1).scaleb(-self._scale)

    def bind_text(self, value: Decimal | None) -> Stored:
        """Return the digits, for a column that keeps text."""
        return None if value is None else f"{self._rounded(value):f}"

    def bind_number(self, value: Decimal | None) -> Stored:
        """Return the number that SQLite keeps, or refuse a decimal that it would change."""
        return None if value is None else _number(self._rounded(value))

    def load(self, value: Stored) -> object:
        """Return a decimal, padded to the scale; what is no number stays as it is."""
        if value is None:
            return None
        try:
            exact = Decimal(repr(value)) if isinstance(value, int | float) else Decimal(str(value))
        except InvalidOperation:
            return value
        if self._places is None or not exact.is_finite() or exact.adjusted() > _SHORT:
            return exact
        padded = exact.quantize(self._places)
        return padded if padded == exact else exact

    def shown(self, value: Stored) -> object:
        """Return what stands in JSON for a value that is there."""
        if isinstance(value, int | float) and self._scale is not None:  # the common case, without a Decimal
            text = f"{value:.{self._scale}f}"
            if float(text) == value:
                return msgspec.Raw(text.encode())
        return jsonable(self.load(value))

    def _rounded(self, value: Decimal) -> Decimal:
        if not value.is_finite():
            raise BadValue(f"SQLite has no number {value}", code="22003")
        if self._places is None or self._scale is None or self._precision is None:
            return value
        if value and value.adjusted() >= self._precision - self._scale:
            raise BadValue("numeric field overflow", code="22003")
        return value.quantize(self._places, ROUND_HALF_UP)


def _number(value: Decimal) -> Stored:
    """Return the number that SQLite would keep, or refuse what it would change."""
    whole = int(value) if value == value.to_integral_value() else None
    if whole is not None and whole in INT64:
        return whole
    near = float(value)
    if not isfinite(near) or Decimal(repr(near)) != value:
        raise BadValue(f"SQLite cannot keep {value} exactly in this column", code="22003", hint="declare it as text")
    return near
