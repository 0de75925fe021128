"""Operations -> the SQL of MySQL and MariaDB; writes give no records back: those are read in the same transaction."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from bridge_sql.mysql_dialect import Building, Storage
from bridge_sql.statement import Statement

from bridge_core.operations import Create, Delete, Read, Update
from bridge_core.query import EVERYTHING, WHOLE, Filter, Slice

_NO_LIMIT = str(2**64 - 1)


def read_statement(op: Read, names: Sequence[str], storage: Storage) -> Statement:
    """Compile a read of these fields."""
    building = Building(storage)
    conditions = _matching(op, building)
    order = [each for term in op.order for each in building.order(term)]
    rows = sa.select(*_columns(names, storage)).select_from(storage.table).where(*conditions).order_by(*order)
    window = op.window
    assert isinstance(window, Slice)  # the models are declared to page by offset
    limit = building.bound(next(building.slots), int) if window.limit is not None else sa.literal_column(_NO_LIMIT)
    offset = building.bound(next(building.slots), int) if window.offset else sa.literal_column("0")
    if window != WHOLE:
        rows = rows.limit(limit).offset(offset)
    return building.compiled(rows)


def count_statement(op: Read, storage: Storage) -> Statement:
    """Compile the count of every record that a read matches."""
    building = Building(storage)
    conditions = _matching(op, building)
    return building.compiled(sa.select(sa.func.count()).select_from(storage.table).where(*conditions))


def lock_statement(op: Update | Delete, names: Sequence[str], storage: Storage) -> Statement:
    """Compile the read of what a write will touch, so that nobody else touches it meanwhile; slots as the write has."""
    building = Building(storage)
    if isinstance(op, Update):
        for _ in op.values:
            next(building.slots)
    conditions = _matching(op, building)
    rows = sa.select(*_columns(names, storage)).select_from(storage.table).where(*conditions)
    return building.compiled(rows.with_for_update())


def found_statement(names: Sequence[str], where: Filter, check: Filter, storage: Storage, *, lock: bool) -> Statement:
    """Compile the read of these fields where a filter holds, and last whether a check does."""
    building = Building(storage)
    conditions = [] if where == EVERYTHING else [building.filter(where)]
    columns = _columns(names, storage)
    if check != EVERYTHING:
        # The slots of conditions follow each other as the filters do, though the check stands first in the text.
        columns.append(sa.func.coalesce(building.filter(check), sa.false()).label("bridge holds"))
    rows = sa.select(*columns).select_from(storage.table).where(*conditions)
    return building.compiled(rows.with_for_update() if lock else rows)


def insert_statement(op: Create, storage: Storage, records: int = 1) -> Statement:
    """Compile the insertion of so many records; the values of each follow those of the one before."""
    building = Building(storage)
    rows = [
        {name: building.bound(next(building.slots), storage.keepings[name].bind) for name in op.columns}
        for _ in range(records)
    ]
    return building.compiled(sa.insert(storage.table).values(rows if op.columns else {}))


def update_statement(op: Update, storage: Storage) -> Statement:
    """Compile an update; the new values come first."""
    building = Building(storage)
    table = storage.table
    values: dict[Any, Any] = {
        table.c[name]: building.bound(next(building.slots), storage.keepings[name].bind) for name in op.values
    }
    values |= {table.c[name]: sa.literal_column("DEFAULT") for name in op.defaults}
    return building.compiled(sa.update(table).values(values).where(*_matching(op, building)))


def delete_statement(op: Delete, storage: Storage) -> Statement:
    """Compile a delete."""
    building = Building(storage)
    return building.compiled(sa.delete(storage.table).where(*_matching(op, building)))


def _columns(names: Sequence[str], storage: Storage) -> list[Any]:
    return [storage.table.c[name] for name in names] or [sa.literal_column("1")]


def _matching(op: Read | Update | Delete, building: Building) -> list[Any]:
    return [building.filter(term) for term in (op.where, op.scope) if term != EVERYTHING]
