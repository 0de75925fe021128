"""What this protocol calls the types of fields: its own names, the finer ones, and the lookups that each has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bridge_core.schema import Field, FieldType


@dataclass(frozen=True, slots=True)
class Kind:
    """The name of a type, the finer name, and how SQLAlchemy would write it."""

    field: str
    db_field: str
    internal: str


_EVERY: Final = frozenset({"exact", "in", "isnull", "isempty"})
_ORDERED: Final = _EVERY | {"gt", "gte", "lt", "lte", "icontains"}
_TEXT: Final = _EVERY | {"icontains", "istartswith", "iendswith"}
_JSON: Final = _EVERY | {"json_icontains"}
_LOOKUPS: Final[Mapping[FieldType, frozenset[str]]] = MappingProxyType(
    {
        FieldType.INTEGER: _ORDERED,
        FieldType.FLOAT: _ORDERED,
        FieldType.DECIMAL: _ORDERED,
        FieldType.DATE: _ORDERED,
        FieldType.TIMESTAMP: _ORDERED,
        FieldType.TIMESTAMPTZ: _ORDERED,
        FieldType.BOOLEAN: _EVERY,
        FieldType.JSON: _JSON,
        FieldType.ARRAY: _JSON,
    }
)
_BY_NATIVE: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "smallint": Kind("IntegerField", "SmallIntegerField", "SMALLINT"),
        "integer": Kind("IntegerField", "IntegerField", "INTEGER"),
        "bigint": Kind("IntegerField", "BigIntegerField", "BIGINT"),
        "int": Kind("IntegerField", "IntegerField", "INTEGER"),
        "real": Kind("FloatField", "FloatField", "REAL"),
        "double precision": Kind("FloatField", "DoublePrecisionField", "DOUBLE_PRECISION"),
        "double": Kind("FloatField", "FloatField", "DOUBLE"),
        "numeric": Kind("FloatField", "NumberField", "NUMERIC"),
        "decimal": Kind("FloatField", "DecimalField", "DECIMAL"),
        "character varying": Kind("CharField", "CharField", "VARCHAR"),
        "varchar": Kind("CharField", "CharField", "VARCHAR"),
        "character": Kind("CharField", "CharField", "CHAR"),
        "char": Kind("CharField", "CharField", "CHAR"),
        "text": Kind("TextField", "TextField", "TEXT"),
        "timestamp without time zone": Kind("DateTimeField", "TimestampField", "TIMESTAMP"),
        "timestamp with time zone": Kind("DateTimeField", "TimestampField", "TIMESTAMP"),
        "datetime": Kind("DateTimeField", "DateTimeField", "DATETIME"),
        "jsonb": Kind("JSONField", "JSONField", "JSONB"),
    }
)
_BY_TYPE: Final[Mapping[FieldType, Kind]] = MappingProxyType(
    {
        FieldType.BOOLEAN: Kind("BooleanField", "BooleanField", "BOOLEAN"),
        FieldType.INTEGER: Kind("IntegerField", "IntegerField", "INTEGER"),
        FieldType.FLOAT: Kind("FloatField", "DoublePrecisionField", "DOUBLE_PRECISION"),
        FieldType.DECIMAL: Kind("FloatField", "NumberField", "NUMERIC"),
        FieldType.TEXT: Kind("TextField", "TextField", "TEXT"),
        FieldType.ENUM: Kind("SelectField", "SelectField", "VARCHAR"),
        FieldType.UUID: Kind("UUIDField", "UUIDField", "UUID"),
        FieldType.DATE: Kind("DateField", "DateField", "DATE"),
        FieldType.TIME: Kind("CharField", "CharField", "TIME"),
        FieldType.TIMESTAMP: Kind("DateTimeField", "TimestampField", "TIMESTAMP"),
        FieldType.TIMESTAMPTZ: Kind("DateTimeField", "TimestampField", "TIMESTAMP"),
        FieldType.INTERVAL: Kind("CharField", "CharField", "INTERVAL"),
        FieldType.BYTES: Kind("CharField", "CharField", "BYTEA"),
        FieldType.JSON: Kind("JSONField", "JSONField", "JSON"),
        FieldType.ARRAY: Kind("JSONField", "JSONField", "ARRAY"),
    }
)
_WITHOUT_NATIVE: Final = frozenset({FieldType.ARRAY, FieldType.ENUM})
_ARGUMENTS: Final = re.compile(r"\s*\(([^)]*)\)")
_MOMENTS: Final = frozenset({FieldType.DATE, FieldType.TIMESTAMP, FieldType.TIMESTAMPTZ})


def lookups_of(field: Field) -> frozenset[str]:
    """Return the lookups that a field has."""
    return _LOOKUPS.get(field.type, _TEXT)


def is_moment(field: Field) -> bool:
    """Tell whether a field holds dates or timestamps."""
    return field.type in _MOMENTS


def kind_of(field: Field) -> Kind:
    """Return what this protocol calls the type of a field."""
    if field.type is FieldType.ENUM:
        longest = max(map(len, field.enum), default=0)
        return Kind("SelectField", "SelectField", f"VARCHAR({longest})")
    arguments = _ARGUMENTS.search(field.native)
    native = _ARGUMENTS.sub("", field.native).lower()
    found = None if field.type in _WITHOUT_NATIVE else _BY_NATIVE.get(native)
    if found is None:
        found = _BY_TYPE.get(field.type) or Kind("CharField", "CharField", native.upper() or "NULL")
    if arguments is None:
        return found
    listed = ", ".join(part.strip() for part in arguments[1].split(","))
    return Kind(found.field, found.db_field, f"{found.internal}({listed})")
