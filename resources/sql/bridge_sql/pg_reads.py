"""Read -> one PostgreSQL statement that answers with JSON: built by the database, passed through as bytes."""

from typing import Any

import sqlalchemy as sa
from bridge_sql.pg_building import DIALECT, EMPTY, ROW, Building
from bridge_sql.pg_levels import Level
from bridge_sql.statement import Statement
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.operations import Read
from bridge_core.query import Counting


def read_statement(op: Read, building: Building) -> Statement:
    """Compile a read into `SELECT body, rows[, total][, etag]`; `body` is a JSON array, `etag` of the first record."""
    level = Level(building, op)
    inner = level.rows().subquery(ROW)
    body = sa.func.coalesce(sa.func.json_agg(inner.table_valued()), EMPTY).label("body")
    columns: list[ColumnElement[Any]] = [body, sa.func.count().label("rows")]
    if op.count is Counting.EXACT:
        columns.append(_total(level).label("total"))
    if op.versions:
        columns.append(_version(level, op).label("etag"))
    return building.binds.compile(sa.select(*columns).select_from(inner), DIALECT)


def stream_statement(op: Read, building: Building) -> Statement:
    """Compile a read into a statement that answers with one JSON object per row."""
    inner = Level(building, op).rows().subquery(ROW)
    return building.binds.compile(sa.select(sa.func.row_to_json(inner.table_valued())), DIALECT)


def guess_statement(op: Read, building: Building) -> Statement:
    """Compile a question for the planner's guess of how many records match."""
    matching = Level(building, op).matching().add_columns(sa.literal_column("1"))
    statement = building.binds.compile(matching, DIALECT)
    return Statement(f"EXPLAIN (FORMAT JSON) {statement.sql}", statement.sources, statement.constants)


def _version(level: Level, op: Read) -> sa.ScalarSelect[str]:
    version = level.building.version([field.name for field in op.model.readable])
    return level.matching().add_columns(version).limit(sa.literal_column("1")).scalar_subquery()


def _total(level: Level) -> sa.ScalarSelect[int]:
    if level.grouped:
        return (
            sa.select(sa.func.count()).select_from(level.rows(windowed=False).subquery("bridge all")).scalar_subquery()
        )
    return level.matching().add_columns(sa.func.count()).scalar_subquery()
