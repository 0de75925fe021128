"""Operations -> SQLite's SQL: rows come back as they are stored, and values are bound as they are kept."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from bridge_sql.keeping import Keeping
from bridge_sql.shape import fields_of
from bridge_sql.sqlite_dialect import Building, Storage, listed
from bridge_sql.statement import Statement
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import Rejected
from bridge_core.operations import Create, Delete, Key, Read, Resolution, Update, Upsert
from bridge_core.query import EVERYTHING, WHOLE, Column, Filter, Slice
from bridge_core.schema import Field, FieldType, Model


def read_statement(op: Read, storage: Storage, *, alone: bool) -> Statement:
    """Compile a read; `alone`: its one key is the only value of its position."""
    building = Building(storage)
    names = stored_names(op.model, op.select)
    conditions = _matching(op, building, alone=alone)
    columns: list[Any] = [storage.table.c[name] for name in names] or [sa.literal_column("1")]
    rows = sa.select(*columns).select_from(storage.table).where(*conditions).order_by(*map(building.order, op.order))
    window = op.window
    assert isinstance(window, Slice)  # the models are declared to page by offset
    limit = building.bound(next(building.slots), int) if window.limit is not None else sa.literal_column("-1")
    offset = building.bound(next(building.slots), int) if window.offset else sa.literal_column("0")
    if window != WHOLE:
        rows = rows.limit(limit).offset(offset)
    return building.compiled(rows)


def count_statement(op: Read, storage: Storage, *, alone: bool) -> Statement:
    """Compile the count of every record that a read matches."""
    building = Building(storage)
    conditions = _matching(op, building, alone=alone)
    return building.compiled(sa.select(sa.func.count()).select_from(storage.table).where(*conditions))


def create_statement(op: Create, storage: Storage) -> Statement:
    """Compile the insertion of one record; the values of its columns come first, then scope and check."""
    building = Building(storage)
    values = {
        storage.table.c[name]: building.bound(next(building.slots), storage.keepings[name].bind) for name in op.columns
    }
    insert = sqlite.insert(storage.table)
    insert = insert.values(values) if values else insert
    if op.upsert is not None:
        insert = _on_conflict(insert, op, op.upsert, building)
    return building.compiled(insert.returning(*_back(op, op.check, building)))


def known_statement(op: Create, storage: Storage) -> Statement | None:
    """Compile the question whether a record with the target fields of an upsert is there already."""
    if op.upsert is None or not set(op.upsert.target) <= set(op.columns):
        return None
    building = Building(storage)
    places = {name: at for at, name in enumerate(op.columns)}
    same = [
        storage.table.c[name] == building.bound(places[name], storage.keepings[name].bind) for name in op.upsert.target
    ]
    return building.compiled(sa.select(sa.literal_column("1")).select_from(storage.table).where(*same))


def update_statement(op: Update, storage: Storage, *, alone: bool) -> Statement:
    """Compile an update; the new values come first."""
    building = Building(storage)
    table = storage.table
    values: dict[Any, Any] = {
        table.c[name]: building.bound(next(building.slots), storage.keepings[name].bind) for name in op.values
    }
    values |= {table.c[name]: _preset(storage.fields[name]) for name in op.defaults}
    update = sa.update(table).values(values).where(*_matching(op, building, alone=alone))
    return building.compiled(update.returning(*_back(op, op.check, building)))


def delete_statement(op: Delete, storage: Storage, *, alone: bool) -> Statement:
    """Compile a delete."""
    building = Building(storage)
    delete = sa.delete(storage.table).where(*_matching(op, building, alone=alone))
    return building.compiled(delete.returning(*_back(op, EVERYTHING, building)))


def stored_names(model: Model, select: Sequence[Column]) -> list[str]:
    """Return the fields that an answer is made of; none selected means every readable one."""
    return list(dict.fromkeys(each.path.field for each in select)) or [each.name for each in model.readable]


def back_names(op: Create | Update | Delete) -> list[str]:
    """Return the fields that a write gives back: those of the answer and of its order, and the key."""
    options = op.options
    if options.returning is None:
        return list(op.model.key)
    ordered = fields_of(EVERYTHING, options.order)
    return list(dict.fromkeys([*stored_names(op.model, options.returning), *ordered, *op.model.key]))


def _matching(op: Read | Update | Delete, building: Building, *, alone: bool) -> list[ColumnElement[bool]]:
    conditions = [building.filter(term) for term in (op.where, op.scope) if term != EVERYTHING]
    if op.keys is not None:
        conditions.append(_keyed(op.model.key, building, alone=alone))
    return conditions


def _keyed(key: Sequence[str], building: Building, *, alone: bool) -> ColumnElement[bool]:
    """Return the condition that a record has one of several keys; the value is a sequence of tuples."""
    slot, table, keepings = next(building.slots), building.table, building.storage.keepings
    if alone:
        return sa.and_(
            *[table.c[name] == building.bound(slot, _part(at, keepings[name])) for at, name in enumerate(key)]
        )
    binds = [keepings[name].bind for name in key]

    def rows(keys: Sequence[Key]) -> str:
        return f"[{','.join(listed(bind(part) for bind, part in zip(binds, each, strict=True)) for each in keys)}]"

    each = sa.func.json_each(building.bound(slot, rows)).table_valued("value")
    wanted = [sa.func.json_extract(each.c.value, sa.literal_column(f"'$[{at}]'")) for at in range(len(key))]
    held = [_hexed(table.c[name], building.storage.fields[name]) for name in key]
    return (held[0] if len(held) == 1 else sa.tuple_(*held)).in_(sa.select(*wanted))


def _hexed(column: ColumnElement[Any], field: Field) -> ColumnElement[Any]:
    return sa.func.hex(column) if field.type is FieldType.BYTES else column


def _part(at: int, kept: Keeping) -> Callable[[Any], object]:
    return lambda keys: kept.bind(keys[0][at])


def _on_conflict(insert: sqlite.Insert, op: Create, upsert: Upsert, building: Building) -> sqlite.Insert:
    target: list[Any] = [building.table.c[name] for name in upsert.target]
    within = None if op.scope == EVERYTHING else building.filter(op.scope)  # its values have their place in any case
    if upsert.resolution is Resolution.IGNORE:
        return insert.on_conflict_do_nothing(index_elements=target)
    names = [name for name in op.columns if name not in upsert.target] or list(upsert.target)
    values = {building.table.c[name]: insert.excluded[name] for name in names}
    return insert.on_conflict_do_update(index_elements=target, set_=values, where=within)


def _back(op: Create | Update | Delete, check: Filter, building: Building) -> list[ColumnElement[Any]]:
    """Return what a write gives back: fields, and last, where there is a check, whether it holds."""
    back: list[ColumnElement[Any]] = [building.table.c[name] for name in back_names(op)]
    if check != EVERYTHING:
        back.append(building.filter(check).is_(sa.true()).label("bridge holds"))
    return back or [sa.literal_column("1")]


def _preset(field: Field) -> ColumnElement[Any]:
    if field.default is None:
        return sa.null()
    if not field.nullable and field.type is FieldType.INTEGER and " " in field.default:
        raise Rejected(f"field {field.name!r} is numbered when a record is added, not later", code="428C9")
    return sa.literal_column(f"({field.default})")
