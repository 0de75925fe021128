"""Create, Update, Delete -> one PostgreSQL statement each, which answers with what became of it.

The records of a create and the values of an update travel as one JSON text, and `json_to_recordset` gives them the
types of the columns: the statement is the same for one record and for ten thousand.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.facts import NativeType as Native
from bridge_sql.pg_building import DIALECT, EMPTY, ROW, Building, by_name
from bridge_sql.pg_dialect import TEXT, text
from bridge_sql.pg_levels import Level
from bridge_sql.shape import fields_of
from bridge_sql.statement import Statement
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.operations import Create, Delete, Read, Resolution, Update, Upsert
from bridge_core.query import EVERYTHING, ROWS, Filter

BODY: Final = 0  # the position of the JSON text among the values of a create or an update
_JSON: Final = Native("pg_catalog.json")
_INSERTED: Final = "bridge inserted"


def create_statement(op: Create, building: Building, *, view: bool) -> Statement:
    """Compile a create in which every record names `op.columns`.

    A record without any field needs `op.columns` to be empty, and is the only one of its statement. `view`: the
    relation has no system columns that tell inserts from updates.
    """
    slots = count(BODY + 1)
    insert = postgresql.insert(_table(building))
    if op.columns:
        new = _recordset(building, op.columns)
        insert = insert.from_select(list(op.columns), sa.select(*new.c), include_defaults=False)
    else:
        first = next(iter(building.table.c))  # any one: every column that is not named gets its default
        insert = insert.values({first: sa.literal_column("DEFAULT")})
    marks: list[ColumnElement[Any]] = []
    if op.upsert is not None:
        insert = _on_conflict(insert, op, op.upsert, building, slots)
        if not view:
            marks.append(sa.literal_column("xmax = 0").label(_INSERTED))
    return _answer(insert, op, op.check, building, slots, marks)


def update_statement(op: Update, building: Building) -> Statement:
    """Compile an update."""
    slots = count(BODY + 1)
    table = _table(building)
    new = _recordset(building, tuple(op.values))
    values: dict[Any, Any] = {table.c[name]: new.c[name] for name in op.values}
    values |= {table.c[name]: sa.literal_column("DEFAULT") for name in op.defaults}
    update = sa.update(table).values(values).where(*_matching(op, building, slots))
    return _answer(update, op, op.check, building, slots)


def delete_statement(op: Delete, building: Building) -> Statement:
    """Compile a delete."""
    slots = count()
    delete = sa.delete(_table(building)).where(*_matching(op, building, slots))
    return _answer(delete, op, EVERYTHING, building, slots)


def _recordset(building: Building, names: tuple[str, ...]) -> sa.TableValuedAlias:
    body = sa.cast(building.binds.value(BODY, TEXT, text), _JSON)
    columns = [sa.column(name, Native(building.types[name].name)) for name in names]
    rows = sa.func.json_to_recordset(body).table_valued(*columns, name="bridge new")
    return rows.render_derived(with_types=True)


def _table(building: Building) -> sa.Table:
    assert isinstance(building.table, sa.Table)  # a write begins a statement
    return building.table


def _on_conflict(
    insert: postgresql.Insert, op: Create, upsert: Upsert, building: Building, slots: Iterator[int]
) -> postgresql.Insert:
    target = list(upsert.target)
    within = None if op.scope == EVERYTHING else building.predicates().filter(op.scope, slots)
    if upsert.resolution is Resolution.IGNORE:
        return insert.on_conflict_do_nothing(index_elements=target)
    names = [name for name in op.columns if name not in target] or target
    values = {name: insert.excluded[name] for name in names}
    return insert.on_conflict_do_update(index_elements=target, set_=values, where=within)


def _matching(op: Update | Delete, building: Building, slots: Iterator[int]) -> list[ColumnElement[bool]]:
    predicates = building.predicates()
    conditions = [predicates.filter(term, slots) for term in (op.where, op.scope) if term != EVERYTHING]
    if op.keys is not None:
        conditions.append(building.keyed(op.model.key, next(slots)))
    if op.options.etags is not None:
        version = building.version([field.name for field in op.model.readable])
        conditions.append(building.one_of(version, next(slots)))
    return conditions


def _answer(
    write: Any,
    op: Create | Update | Delete,
    check: Filter,
    building: Building,
    slots: Iterator[int],
    marks: Sequence[ColumnElement[Any]] = (),
) -> Statement:
    """Wrap a write: `SELECT rows[, inserted][, refused][, body]` over the records that it touched."""
    needed = dict.fromkeys([*_fields_back(op), *fields_of(check, op.options.order)])
    back = [building.table.c[name] for name in needed] + list(marks)
    touched = write.returning(*(back or [sa.literal_column("1")])).cte("bridge written")
    columns = by_name(touched)
    parts = {"rows": _count(touched)}
    if marks:
        parts["inserted"] = _count(touched, columns[_INSERTED])
    if check != EVERYTHING:
        holds = building.predicates(columns).filter(check, slots)
        parts["refused"] = _count(touched, holds.is_not(sa.true()))
    if op.options.returning is not None:
        shown = Read(op.model, op.options.returning, order=op.options.order, embeds=op.options.embeds)
        rows = Level(building.over(touched), shown, next(slots)).rows().subquery(ROW)
        body = sa.func.coalesce(sa.func.json_agg(rows.table_valued()), EMPTY)
        parts["body"] = sa.select(body).select_from(rows).scalar_subquery()
    answer = sa.select(*[part.label(name) for name, part in parts.items()])
    return building.binds.compile(answer, DIALECT)


def _fields_back(op: Create | Update | Delete) -> list[str]:
    """Return the fields that an answer is made of."""
    options = op.options
    if options.returning is None:
        return []
    near = [name for embed in options.embeds for name in embed.relation.fields]
    if options.returning or options.embeds:
        return [column.path.field for column in options.returning if column.path != ROWS] + near
    return [field.name for field in op.model.readable]


def _count(rows: sa.FromClause, *conditions: ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(rows).where(*conditions).scalar_subquery()
