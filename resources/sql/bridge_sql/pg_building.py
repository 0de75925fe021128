"""A statement under construction: its parameters, one table of it, and the columns of an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.facts import NativeType as Native
from bridge_sql.pg_dialect import TEXTS, PgStrategy, texts
from bridge_sql.pg_types import PgType, PgTypes
from bridge_sql.predicates import Predicates
from bridge_sql.reflect import Catalogue
from bridge_sql.statement import Binds
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import BadValue, UnknownName
from bridge_core.query import Aggregate, Column, Path
from bridge_core.schema import Model

DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are untyped
ROW: Final = "bridge row"  # a name that no column has, for `json_agg` would prefer the column
EMPTY: Final[ColumnElement[Any]] = sa.literal_column("'[]'::json")
_LONGEST_NAME: Final = 63  # bytes; PostgreSQL cuts longer names off, which would change the keys of the answer


class Known:
    """What is known of a database while statements are built: its catalogue and the types of its columns."""

    def __init__(self, catalogue: Catalogue, types: PgTypes) -> None:
        self._catalogue = catalogue
        self.types = types

    def table(self, model: Model) -> tuple[sa.Table, Mapping[str, PgType]]:
        """Return the table of a model and the types of its columns, or raise UnknownName."""
        entry = self._catalogue.entries.get(model.name)
        if entry is None:
            raise UnknownName(f'relation "{model.name}" does not exist', code="42P01")
        return entry.table, self.types.columns.get((entry.model.namespace, str(entry.table.name)), {})


class Building:
    """One table of a statement under construction, and the parameters that all of them share."""

    def __init__(self, known: Known, table: sa.FromClause, types: Mapping[str, PgType], binds: Binds) -> None:
        self.table = table
        self.types = types
        self.binds = binds
        self.strategy = PgStrategy(binds, types)
        self._known = known

    @classmethod
    def begin(cls, known: Known, model: Model) -> "Building":
        """Begin a statement about a model."""
        return cls(known, *known.table(model), Binds())

    def nested(self, model: Model) -> "Building":
        """Return another table of the same statement, under an alias of its own."""
        table, types = self._known.table(model)
        return Building(self._known, table.alias(f"bridge {self.binds.named()}"), types, self.binds)

    def over(self, rows: sa.FromClause) -> "Building":
        """Return rows that have the columns of this table, in its place."""
        return Building(self._known, rows, self.types, self.binds)

    def predicates(
        self,
        columns: Mapping[str, ColumnElement[Any]] | None = None,
        related: Callable[[Path], ColumnElement[Any]] | None = None,
    ) -> Predicates:
        """Return the translator of filters, over the table or over other columns of the same names."""
        return Predicates(self.strategy, "", columns if columns is not None else by_name(self.table), related)

    def keyed(self, key: tuple[str, ...], slot: int) -> ColumnElement[bool]:
        """Return the condition that a record has one of several keys; the value is a sequence of tuples."""
        parts = [self.strategy.key(name, slot, _part(at)) for at, name in enumerate(key)]
        if len(key) == 1:
            return self.table.c[key[0]] == sa.func.any(parts[0])
        wanted = sa.func.unnest(*parts).table_valued(*key, name="bridge wanted").render_derived()
        return sa.tuple_(*[self.table.c[name] for name in key]).in_(sa.select(*wanted.c))

    def selected(self, column: Column, source: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return what a column of an answer shows, before it is aggregated."""
        if len(column.name.encode()) > _LONGEST_NAME:
            raise BadValue(f"the name {column.name[:20]!r}… is longer than {_LONGEST_NAME} bytes", code="42622")
        value = self.cast(self.strategy.selected(source, column.path), column.cast)
        if column.unit is None:
            return value
        begun = sa.func.date_trunc(sa.literal_column(f"'{column.unit.value}'"), value)
        return sa.cast(begun, sa.Date()) if self.types[column.path.field].base == "date" else begun

    def cast(self, value: ColumnElement[Any], name: str | None) -> ColumnElement[Any]:
        """Return a value as the type of that name, which must be one of the catalogue."""
        if name is None:
            return value
        known = self._known.types.castable(name)
        if known is None:
            raise BadValue(f'type "{name}" does not exist', code="42704")
        return sa.cast(value, Native(known))

    def computed(self, column: Column) -> PgType:
        """Return the type of a column of an answer, as far as a value that it is compared with has to know it."""
        cast = column.result_cast if column.aggregate is not None else column.cast
        extreme = column.aggregate in (Aggregate.MIN, Aggregate.MAX)
        if cast is None and extreme:
            cast = column.cast
        known = self._known.types.castable(cast) if cast is not None else None
        if known is not None:
            return PgType(known, f"{known}[]", str(cast))
        if column.path.steps and column.aggregate is None:
            return _TEXT if column.path.steps[-1].text else _JSONB
        if not (extreme or column.aggregate is None):
            return _NUMERIC
        return self.types[column.path.field]

    def version(self, names: Sequence[str]) -> ColumnElement[str]:
        """Return the version of a record: a digest of these columns as they are sent, whatever the session's settings.

        Not `xmin`: that would tell of changes that the reader may not see.
        """
        row = sa.func.row(*[self.table.c[name] for name in names])
        digest = sa.func.pg_catalog.sha256(sa.func.pg_catalog.record_send(row))
        return sa.func.pg_catalog.encode(digest, sa.literal_column("'hex'"))

    def one_of(self, version: ColumnElement[str], slot: int) -> ColumnElement[bool]:
        """Return the condition that a version is one of several; the value is a sequence of texts."""
        return version == sa.any_(sa.cast(self.binds.value(slot, TEXTS, list), TEXTS))

    def position(self, slot: int) -> ColumnElement[int]:
        """Return a parameter that is a number of records."""
        return sa.cast(self.binds.value(slot, sa.types.NULLTYPE, int), sa.BigInteger())


_JSONB: Final = PgType("pg_catalog.jsonb", "pg_catalog._jsonb", "jsonb")
_TEXT: Final = PgType("pg_catalog.text", "pg_catalog._text", "text")
_NUMERIC: Final = PgType("pg_catalog.numeric", "pg_catalog._numeric", "numeric")


def _part(at: int) -> Callable[[Any], object]:
    return lambda keys: texts(key[at] for key in keys)


def by_name(table: sa.FromClause) -> Mapping[str, ColumnElement[Any]]:
    """Return the columns of a table or statement by name."""
    return {column.name: column for column in table.c}
