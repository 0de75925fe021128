"""Values of every type, as hypothesis makes them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import strategies as st

from bridge_core.schema import Field, FieldType
from bridge_core.values import JSON_NULL

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
INTEGERS = st.integers() | st.integers(-(2**70), 2**70) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1])
FLOATS = st.floats(allow_nan=False)
_EXACT = st.builds(
    lambda number, scale: Decimal(number).scaleb(-scale), st.integers(-(10**24), 10**24), st.integers(0, 12)
)
DECIMALS = _EXACT.map(lambda value: value.copy_abs() if value.is_zero() else value)
MOMENTS = st.datetimes(datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("9998-01-01"))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
JSON_SCALARS = st.none() | st.booleans() | INTEGERS | DECIMALS | WORDS
JSON_VALUES = st.recursive(
    JSON_SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)

BY_TYPE = {
    FieldType.BOOLEAN: st.booleans(),
    FieldType.INTEGER: INTEGERS,
    FieldType.FLOAT: FLOATS,
    FieldType.DECIMAL: DECIMALS,
    FieldType.TEXT: WORDS,
    FieldType.ENUM: st.sampled_from(["new", "paid", "gone away"]),
    FieldType.UUID: st.uuids().map(str),
    FieldType.DATE: st.dates(),
    FieldType.TIME: st.times(),
    FieldType.TIMESTAMP: st.datetimes(),
    FieldType.TIMESTAMPTZ: MOMENTS.map(lambda value: value.replace(tzinfo=UTC)),
    FieldType.INTERVAL: st.sampled_from(["1 day", "02:00:00"]),
    FieldType.BYTES: st.binary(max_size=12),
    FieldType.JSON: JSON_VALUES.map(lambda value: JSON_NULL if value is None else value),
    FieldType.ARRAY: st.lists(st.none() | WORDS, max_size=4).map(tuple),
    FieldType.OTHER: WORDS,
}

VALUES = st.sampled_from(sorted(BY_TYPE)).flatmap(
    lambda type_: st.tuples(st.just(Field("f", type_, enum=enum_of(type_))), BY_TYPE[type_])
)


def enum_of(type_: FieldType) -> tuple[str, ...]:
    """Return the words of the enum that the strategies use."""
    return ("new", "paid", "gone away") if type_ is FieldType.ENUM else ()
