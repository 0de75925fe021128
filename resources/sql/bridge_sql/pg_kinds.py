"""PostgreSQL's types -> kinds of values, after what its own JSON makes of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge_core.schema import FieldType

_BUILTIN: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "bool": FieldType.BOOLEAN,
        "int2": FieldType.INTEGER,
        "int4": FieldType.INTEGER,
        "int8": FieldType.INTEGER,
        "float4": FieldType.FLOAT,
        "float8": FieldType.FLOAT,
        "numeric": FieldType.DECIMAL,
        "uuid": FieldType.UUID,
        "date": FieldType.DATE,
        "time": FieldType.TIME,
        "timestamp": FieldType.TIMESTAMP,
        "timestamptz": FieldType.TIMESTAMPTZ,
        "interval": FieldType.INTERVAL,
        "bytea": FieldType.BYTES,
        "json": FieldType.JSON,
        "jsonb": FieldType.JSON,
    }
)


def field_type(name: str, typtype: str, category: str, *, builtin: bool) -> FieldType:
    """Return the kind of a type, given what pg_type says of it; domains must have been resolved before."""
    if typtype == "e":
        return FieldType.ENUM
    if category == "A":
        return FieldType.ARRAY
    if category == "S":
        return FieldType.TEXT
    return _BUILTIN.get(name, FieldType.OTHER) if builtin else FieldType.OTHER
