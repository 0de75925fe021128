"""Change a value's type, as `select=field::type` asks."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from types import MappingProxyType
from typing import Final

from bridge_core.errors import BadValue
from bridge_core.schema import Field, FieldType
from bridge_core.values.conversion import SQL_NAMES, typed
from bridge_core.values.text import JSON_NULL, text_of, zone_of
from bridge_core.values.wire import jsonable

_NAMES: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "text": FieldType.TEXT,
        "varchar": FieldType.TEXT,
        "character varying": FieldType.TEXT,
        "char": FieldType.TEXT,
        "character": FieldType.TEXT,
        "bpchar": FieldType.TEXT,
        "name": FieldType.TEXT,
        "citext": FieldType.TEXT,
        "smallint": FieldType.INTEGER,
        "int2": FieldType.INTEGER,
        "int": FieldType.INTEGER,
        "int4": FieldType.INTEGER,
        "integer": FieldType.INTEGER,
        "bigint": FieldType.INTEGER,
        "int8": FieldType.INTEGER,
        "numeric": FieldType.DECIMAL,
        "decimal": FieldType.DECIMAL,
        "real": FieldType.FLOAT,
        "float4": FieldType.FLOAT,
        "float8": FieldType.FLOAT,
        "float": FieldType.FLOAT,
        "double precision": FieldType.FLOAT,
        "boolean": FieldType.BOOLEAN,
        "bool": FieldType.BOOLEAN,
        "date": FieldType.DATE,
        "time": FieldType.TIME,
        "timestamp": FieldType.TIMESTAMP,
        "timestamp without time zone": FieldType.TIMESTAMP,
        "timestamptz": FieldType.TIMESTAMPTZ,
        "timestamp with time zone": FieldType.TIMESTAMPTZ,
        "json": FieldType.JSON,
        "jsonb": FieldType.JSON,
        "uuid": FieldType.UUID,
        "bytea": FieldType.BYTES,
        "interval": FieldType.INTERVAL,
    }
)
_WIDTHS: Final[Mapping[str, str]] = MappingProxyType(
    {"smallint": "smallint", "int2": "smallint", "bigint": "bigint", "int8": "bigint"}
)  # all other integers: int4
_NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL})
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.ENUM, FieldType.OTHER, FieldType.INTERVAL})
_MOMENTS: Final = frozenset({FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.TIMESTAMPTZ})
_LONGEST: Final = 150_000  # digits of the longest number that PostgreSQL knows
_PARAMETERS = re.compile(r"\s*([a-z][a-z0-9_ ]*?)\s*(?:\(\s*([0-9]{1,4})\s*(?:,\s*([0-9]{1,4})\s*)?\))?\s*")


def cast(value: object, source: FieldType, name: str, timezone: str | None = None) -> object:
    """Return a value as the type of that name; raise BadValue where the type or the way to it does not exist."""
    found = _PARAMETERS.fullmatch(name.lower())
    target = _NAMES.get(found[1]) if found else None
    if found is None or target is None:
        raise BadValue(f'type "{name}" does not exist', code="42704")
    if value is None:
        return None
    zone = zone_of(timezone)
    result = _converted(value, source, target, found[1], zone)
    return _limited(result, found[2], found[3]) if found[2] else result


def _converted(value: object, source: FieldType, target: FieldType, name: str, zone: tzinfo) -> object:
    goal = Field("", target, native=_WIDTHS.get(name, "int4") if target is FieldType.INTEGER else "")
    if target is FieldType.TEXT:
        return text_of(value, source, zone)
    if source in _TEXTS:
        return typed(goal, text_of(value), zone)
    if target is FieldType.JSON:
        return value if source is FieldType.JSON else jsonable(value, zone)
    if source is FieldType.JSON:
        return _from_json(value, goal)
    return _between(value, source, goal, zone)


def _between(value: object, source: FieldType, goal: Field, zone: tzinfo) -> object:
    target = goal.type
    if source in _NUMBERS and target in _NUMBERS:
        return _number(value, target, goal)
    if {source, target} == {FieldType.BOOLEAN, FieldType.INTEGER} and goal.native in ("", "int4"):
        return bool(value) if target is FieldType.BOOLEAN else int(bool(value))
    if source is target:
        return value
    if source in _MOMENTS and target in _MOMENTS:
        return _moment(value, source, target, zone)
    raise BadValue(f"cannot cast type {source.value} to {SQL_NAMES.get(target, target.value)}", code="42846")


def _from_json(value: object, goal: Field) -> object:
    """Take a number or a boolean out of JSON; PostgreSQL takes nothing else."""
    target = goal.type
    name = SQL_NAMES.get(target, target.value)
    if target not in _NUMBERS and target is not FieldType.BOOLEAN:
        raise BadValue(f"cannot cast type jsonb to {name}", code="42846")
    if value is JSON_NULL:
        return None
    if isinstance(value, bool) and target is FieldType.BOOLEAN:
        return value
    if not isinstance(value, bool) and isinstance(value, int | float | Decimal) and target in _NUMBERS:
        return _number(value, target, goal)
    raise BadValue(f"cannot cast this jsonb value to type {name}", code="22023")


def _number(value: object, target: FieldType, goal: Field) -> object:
    if target is FieldType.FLOAT:
        return float(str(value))
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))
    if target is FieldType.DECIMAL:
        return typed(goal, f"{value:.15g}" if isinstance(value, float) else exact)  # so many digits are exact
    if not exact.is_finite() or exact.adjusted() > 30:
        raise BadValue(f"{goal.native} out of range", code="22003")
    rounding = ROUND_HALF_EVEN if isinstance(value, float) else ROUND_HALF_UP
    with localcontext(prec=_LONGEST):
        return typed(goal, int(exact.to_integral_value(rounding)))


def _moment(value: object, source: FieldType, target: FieldType, zone: tzinfo) -> object:
    match value:
        case datetime():
            local = value.astimezone(zone).replace(tzinfo=None) if source is FieldType.TIMESTAMPTZ else value
        case date():
            local = datetime.combine(value, time.min)
            if target is FieldType.TIME:
                raise BadValue("cannot cast type date to time", code="42846")
        case _:
            raise BadValue(f"cannot cast type {source.value} to {target.value}", code="42846")
    if target is FieldType.TIMESTAMPTZ:
        return typed(Field("", target), local, zone)
    if target is FieldType.DATE:
        return local.date()
    return local.time() if target is FieldType.TIME else local


def _limited(value: object, first: str, second: str | None) -> object:
    """Apply what stands in parentheses behind a type: a length, or precision and scale."""
    if isinstance(value, str):
        return value[: int(first)]
    if not isinstance(value, Decimal) or value.is_nan():
        return value
    scale = int(second or 0)
    if value.is_infinite() or (value.adjusted() + 1 > max(int(first) - scale, 0) and not value.is_zero()):
        raise BadValue("numeric field overflow", code="22003")
    with localcontext(prec=_LONGEST):
        return value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
