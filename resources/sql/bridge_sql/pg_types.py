"""What PostgreSQL's catalogue says of the types of columns: the names that values are cast to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class PgType:
    """The base type of a column (of its domain, where it has one), without length or precision.

    `name` and `array` are schema-qualified and quoted, so that no word of the SQL grammar gives them another
    meaning (`char` would be `char(1)`) and nothing is cut off by a cast. `base` is the bare name.
    """

    name: str
    array: str | None
    base: str


@dataclass(frozen=True, slots=True)
class PgTypes:
    """Types of columns by (schema, table) and column, and the names that a cast may use."""

    columns: Mapping[tuple[str, str], Mapping[str, PgType]]
    names: Mapping[str, str]

    def castable(self, name: str) -> str | None:
        """Return the quoted type for a name that a caller wrote, or None: only types of the catalogue are used."""
        wanted = " ".join(name.lower().split())
        if wanted.endswith("[]"):
            item = self.castable(wanted[:-2])
            return None if item is None else f"{item}[]"
        return self.names.get(_ALIASES.get(wanted, wanted)) or self.names.get(name.strip())


def column_types(connection: sa.Connection, schemas: Sequence[str]) -> PgTypes:
    """Read the types of every column in these schemas."""
    found: dict[tuple[str, str], dict[str, PgType]] = {}
    for row in connection.execute(_COLUMNS, {"schemas": list(schemas)}):
        found.setdefault((row.schema, row.relation), {})[row.name] = PgType(row.type, row.array, row.base)
    names = connection.execute(_NAMES, {"schemas": list(schemas)})
    return PgTypes(found, {row.name: row.quoted for row in names})


_ALIASES: Final[Mapping[str, str]] = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "char": "bpchar",
    "character": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "bit varying": "varbit",
}

_COLUMNS: Final = sa.text("""
    WITH RECURSIVE base AS (
        SELECT oid, oid AS root FROM pg_catalog.pg_type WHERE typtype <> 'd'
         UNION ALL
        SELECT d.oid, b.root FROM pg_catalog.pg_type d JOIN base b ON b.oid = d.typbasetype WHERE d.typtype = 'd'
    )
    SELECT n.nspname AS schema, c.relname AS relation, a.attname AS name,
           pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS type,
           pg_catalog.quote_ident(an.nspname) || '.' || pg_catalog.quote_ident(at.typname) AS array,
           t.typname AS base
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN base b ON b.oid = a.atttypid
      JOIN pg_catalog.pg_type t ON t.oid = b.root
      JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
      LEFT JOIN pg_catalog.pg_type at ON at.oid = t.typarray
      LEFT JOIN pg_catalog.pg_namespace an ON an.oid = at.typnamespace
     WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY (CAST(:schemas AS text[]))
""")

_NAMES: Final = sa.text("""
    SELECT t.typname AS name,
           pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS quoted
      FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype <> 'p'
       AND (pg_catalog.pg_type_is_visible(t.oid) OR n.nspname = ANY (CAST(:schemas AS text[])))
     ORDER BY pg_catalog.pg_type_is_visible(t.oid)
""")
