"""Read -> one PostgreSQL statement that answers with JSON: built by the database, passed through as bytes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.facts import NativeType as Native
from bridge_sql.pg_dialect import PgStrategy, texts
from bridge_sql.pg_types import PgType, PgTypes
from bridge_sql.predicates import Predicates
from bridge_sql.statement import Binds, Statement
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import BadValue
from bridge_core.operations import Read
from bridge_core.query import EVERYTHING, Column, Counting, Path, Slice

DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are untyped
ROW: Final = "bridge row"  # a name that no column has, for `json_agg` would prefer the column
EMPTY: Final[ColumnElement[Any]] = sa.literal_column("'[]'::json")
_LONGEST_NAME: Final = 63  # bytes; PostgreSQL cuts longer names off, which would change the keys of the answer


class Building:
    """One statement under construction: the table, its parameters, and the columns of an answer."""

    def __init__(self, table: sa.Table, types: Mapping[str, PgType], known: PgTypes) -> None:
        self.table = table
        self.types = types
        self.binds = Binds()
        self.strategy = PgStrategy(self.binds, types)
        self.slots: Iterator[int] = count()
        self._known = known

    def predicates(self, columns: Mapping[str, ColumnElement[Any]] | None = None) -> Predicates:
        """Return the translator of filters, over the table or over other columns of the same names."""
        return Predicates(self.strategy, self.table.name, columns if columns is not None else by_name(self.table))

    def selection(
        self, select: Sequence[Column], columns: Mapping[str, ColumnElement[Any]]
    ) -> list[ColumnElement[Any]]:
        """Return the labelled columns of an answer; of two with one name, the last one counts, as in any JSON."""
        chosen = {column.name: self._selected(column, columns[column.path.field]) for column in select}
        return [expression.label(sa.sql.quoted_name(name, quote=True)) for name, expression in chosen.items()]

    def keyed(self, key: Sequence[str], slot: int) -> ColumnElement[bool]:
        """Return the condition that a record has one of several keys; the value is a sequence of tuples."""
        parts = [self.strategy.key(name, slot, _part(at)) for at, name in enumerate(key)]
        if len(key) == 1:
            return self.table.c[key[0]] == sa.func.any(parts[0])
        wanted = sa.func.unnest(*parts).table_valued(*key, name="bridge wanted").render_derived()
        return sa.tuple_(*[self.table.c[name] for name in key]).in_(sa.select(*wanted.c))

    def _selected(self, column: Column, source: ColumnElement[Any]) -> ColumnElement[Any]:
        if len(column.name.encode()) > _LONGEST_NAME:
            raise BadValue(f"the name {column.name[:20]!r}… is longer than {_LONGEST_NAME} bytes", code="42622")
        selected = self.strategy.selected(source, column.path)
        if column.cast is None:
            return selected
        name = self._known.castable(column.cast)
        if name is None:
            raise BadValue(f'type "{column.cast}" does not exist', code="42704")
        return sa.cast(selected, Native(name))


def _part(at: int) -> Callable[[Any], object]:
    return lambda keys: texts(key[at] for key in keys)


def by_name(table: sa.FromClause) -> Mapping[str, ColumnElement[Any]]:
    """Return the columns of a table or statement by name."""
    return {column.name: column for column in table.c}


def every_field(op_select: Sequence[Column], readable: Sequence[str]) -> Sequence[Column]:
    """Return the columns of an answer; none named means every readable field."""
    return op_select or [Column(Path(name)) for name in readable]


def read_statement(op: Read, building: Building) -> Statement:
    """Compile a read into `SELECT body, rows[, total]`; `body` is a JSON array."""
    rows, conditions = _rows(op, building)
    inner = rows.subquery(ROW)
    body = sa.func.coalesce(sa.func.json_agg(inner.table_valued()), EMPTY).label("body")
    columns: list[ColumnElement[Any]] = [body, sa.func.count().label("rows")]
    if op.count is Counting.EXACT:
        total = sa.select(sa.func.count()).select_from(building.table).where(*conditions)
        columns.append(total.scalar_subquery().label("total"))
    return building.binds.compile(sa.select(*columns).select_from(inner), DIALECT)


def stream_statement(op: Read, building: Building) -> Statement:
    """Compile a read into a statement that answers with one JSON object per row."""
    rows, _ = _rows(op, building)
    inner = rows.subquery(ROW)
    return building.binds.compile(sa.select(sa.func.row_to_json(inner.table_valued())), DIALECT)


def guess_statement(op: Read, building: Building) -> Statement:
    """Compile a question for the planner's guess of how many records match."""
    _, conditions = _rows(op, building)
    matching: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(building.table).where(*conditions)
    statement = building.binds.compile(matching, DIALECT)
    return Statement(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.sources, statement.constants)


def _rows(op: Read, building: Building) -> tuple[sa.Select[Any], list[ColumnElement[bool]]]:
    table = building.table
    predicates = building.predicates()
    conditions = [predicates.filter(term, building.slots) for term in (op.where, op.scope) if term != EVERYTHING]
    if op.keys is not None:
        conditions.append(building.keyed(op.model.key, next(building.slots)))
    names = [each.name for each in op.model.readable]
    chosen = building.selection(every_field(op.select, names), by_name(table))
    rows = sa.select(*chosen).select_from(table).where(*conditions).order_by(*map(predicates.order, op.order))
    window = op.window
    assert isinstance(window, Slice)  # the models are declared to page by offset
    if window.limit is not None:
        rows = rows.limit(_position(building, next(building.slots)))
    if window.offset:
        rows = rows.offset(_position(building, next(building.slots)))
    return rows, conditions


def _position(building: Building, slot: int) -> ColumnElement[int]:
    return sa.cast(building.binds.value(slot, sa.types.NULLTYPE, int), sa.BigInteger())
