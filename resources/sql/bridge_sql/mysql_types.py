"""The types of MySQL and MariaDB -> kinds of values, what can be asked of them, and how they come and go."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from math import isfinite
from types import MappingProxyType
from typing import Final

from bridge_sql.keeping import (
    TEXT_OR_INT,
    Keeping,
    bind_boolean,
    bind_json,
    by_value,
    load_boolean,
    load_json,
    plain,
    same,
    show_json,
    text_or_none,
)
from sqlalchemy.types import UserDefinedType

from bridge_core.errors import BadValue
from bridge_core.query import Op
from bridge_core.schema import EQUALITY, ORDERING, TEXTUAL, FieldType

_MIDNIGHT: Final = datetime(2000, 1, 1)  # noqa: DTZ001  # of any day: only the time is used
_BASES: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), FieldType.INTEGER),
        **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), FieldType.TEXT),
        **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary", "bit"), FieldType.BYTES),
        "decimal": FieldType.DECIMAL,
        "float": FieldType.FLOAT,
        "double": FieldType.FLOAT,
        "enum": FieldType.ENUM,
        "date": FieldType.DATE,
        "time": FieldType.TIME,
        "datetime": FieldType.TIMESTAMP,
        "timestamp": FieldType.TIMESTAMPTZ,
        "json": FieldType.JSON,
        "uuid": FieldType.UUID,
    }
)
_OPERATORS: Final[Mapping[FieldType, frozenset[Op]]] = MappingProxyType(
    {
        FieldType.TEXT: TEXTUAL,
        FieldType.ENUM: TEXTUAL,
        FieldType.UUID: EQUALITY,
        FieldType.JSON: frozenset({Op.IS}),
        FieldType.OTHER: frozenset({Op.IS}),
    }
)


class MysqlType(UserDefinedType[object]):
    """A type as SQLAlchemy carries it with a column; `charset` is None where the values are no texts."""

    cache_ok = True

    def __init__(self, native: str, base: str, charset: str | None) -> None:
        self.native = native
        self.base = base
        self.charset = charset

    def get_col_spec(self, **_: object) -> str:
        """Return the type as it was declared."""
        return self.native


def field_type(base: str, native: str) -> FieldType:
    """Return the kind of a type; `tinyint(1)` is what `boolean` is turned into."""
    if native == "tinyint(1)":
        return FieldType.BOOLEAN
    return _BASES.get(base, FieldType.OTHER)


def operators(kind: FieldType) -> frozenset[Op]:
    """Return what can be asked of a kind exactly."""
    return _OPERATORS.get(kind, ORDERING)


def keeping(kind: FieldType, type_: MysqlType) -> Keeping:
    """Return how a column keeps its values."""
    if type_.base == "float":
        return by_value(_bind_single, _load_single)
    return _keepings().get(kind) or Keeping(text_or_none, same, plain(TEXT_OR_INT))


@cache
def _keepings() -> Mapping[FieldType, Keeping]:
    return MappingProxyType(
        {
            FieldType.BOOLEAN: by_value(bind_boolean, load_boolean),
            FieldType.INTEGER: Keeping(_bind_integer, same, plain(TEXT_OR_INT)),
            FieldType.FLOAT: by_value(_bind_double, same),
            FieldType.DECIMAL: by_value(_bind_decimal, same),
            FieldType.DATE: by_value(same, same),
            FieldType.TIME: by_value(_bind_clock, _load_clock),
            FieldType.TIMESTAMP: by_value(same, same),
            FieldType.TIMESTAMPTZ: by_value(_bind_moment, _load_moment),
            FieldType.BYTES: by_value(same, same),
            FieldType.JSON: Keeping(bind_json, load_json, show_json),
        }
    )


def _bind_integer(value: int | None) -> int | None:
    if value is not None and not -(2**63) <= value < 2**64:
        raise BadValue(f'value "{value}" is out of range for type bigint', code="22003")
    return value


def _bind_double(value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise BadValue(f"MySQL has no number {value}", code="22003")
    return value


def _bind_single(value: float | None) -> float | None:
    """Return the nearest number of single precision, as the column keeps it."""
    if _bind_double(value) is None:
        return None
    try:
        (near,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        raise BadValue(f'value "{value}" is out of range for type float', code="22003") from None
    return float(near)


def _load_single(value: object) -> object:
    """Read a number of single precision as the shortest decimal that stands for it."""
    if not isinstance(value, float):
        return value
    short = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    return next((each for each in short if struct.pack("f", each) == struct.pack("f", value)), value)


def _bind_decimal(value: Decimal | None) -> Decimal | None:
    if value is not None and not value.is_finite():
        raise BadValue(f"MySQL has no number {value}", code="22003")
    return value


def _bind_clock(value: time | None) -> str | None:
    return None if value is None else value.isoformat()


def _load_clock(value: object) -> object:
    """Read a time of day; MySQL's times can also be longer than a day, or negative: those stay as text."""
    if not isinstance(value, timedelta):
        return value
    if timedelta() <= value < timedelta(days=1):
        return (_MIDNIGHT + value).time()
    minutes, seconds = divmod(abs(value), timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    fraction = f".{seconds.microseconds:06d}".rstrip("0") if seconds.microseconds else ""
    return f"{'-' if value < timedelta() else ''}{hours:02d}:{minutes:02d}:{seconds.seconds:02d}{fraction}"


def _bind_moment(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None)


def _load_moment(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
