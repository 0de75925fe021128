"""Writes to MySQL and MariaDB: what they touch is locked first, and read again afterwards where it is wanted back."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from bridge_sql.answers import Answer, Row, in_order
from bridge_sql.mysql_dialect import Storage, keyed, spelled
from bridge_sql.mysql_pool import Session
from bridge_sql.mysql_statements import (
    delete_statement,
    found_statement,
    insert_statement,
    lock_statement,
    update_statement,
)
from bridge_sql.pg_answers import checked
from bridge_sql.runs import runs
from bridge_sql.shape import delete_shape, fields_of, update_shape
from bridge_sql.statement import Statement

from bridge_core.errors import Forbidden, Refused
from bridge_core.operations import Create, Delete, Key, Page, Record, Resolution, Update, Upsert, Written
from bridge_core.query import EVERYTHING, And, Column, Condition, Filter, Op, Path, conditions

_TOGETHER: Final = 200  # records that one statement inserts, where none of them is looked at
_AT_ONCE: Final = 500  # records that are read back by one statement


class Writer:
    """Carries out writes of one model within a transaction that somebody else ends."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def create(self, op: Create, session: Session) -> Written:
        """Insert or upsert."""
        if op.upsert is None and op.options.returning is None and op.check == EVERYTHING:
            inserted = sum([await self._insert_together(part, session) for part in runs(op)])
            return checked(op, Written(inserted, inserted))
        keys: list[Key] = []
        inserted = 0
        for part in runs(op):
            for record in part.records:
                known = None if op.upsert is None else await self._known(part, op.upsert, record, session)
                if known is None:
                    keys.append(await self._insert(part, record, session))
                    inserted += 1
                elif op.upsert is not None and op.upsert.resolution is Resolution.MERGE:
                    keys += await self._merge(part, known, record, session)
        rows = await self._back(op, keys, op.check, session)
        return checked(op, self._written(op, rows, len(keys), inserted))

    async def update(self, op: Update, session: Session) -> Written:
        """Update by filter."""
        if not op.values and not op.defaults:
            return self._written(op, [], 0, 0)
        values: list[object] = list(op.values.values())
        update_shape(op, values)
        statement = update_statement(op, self._storage)
        if op.options.returning is None and op.check == EVERYTHING:
            result = await session.run(statement.sql, statement.parameters(values))
            return checked(op, Written(result.affected_rows))
        self._must_have_key(op)
        locking = lock_statement(op, op.model.key, self._storage)
        before = (await session.run(locking.sql, locking.parameters(values))).rows
        await session.run(statement.sql, statement.parameters(values))
        rows = await self._back(op, [self._key_after(op, row) for row in before], op.check, session)
        return checked(op, self._written(op, rows, len(before), 0))

    async def delete(self, op: Delete, session: Session) -> Written:
        """Delete by filter."""
        values: list[object] = []
        delete_shape(op, values)
        rows: Sequence[Row] = []
        if op.options.returning is not None:
            locking = lock_statement(op, self._names(op), self._storage)
            rows = (await session.run(locking.sql, locking.parameters(values))).rows
        statement = delete_statement(op, self._storage)
        result = await session.run(statement.sql, statement.parameters(values))
        return checked(op, self._written(op, rows, result.affected_rows, 0))

    async def _insert_together(self, op: Create, session: Session) -> int:
        if not op.columns:
            return sum([await self._affected(insert_statement(op, self._storage), [], session) for _ in op.records])
        records = iter(op.records)
        done, statement = 0, None
        while part := list(islice(records, _TOGETHER)):
            if statement is None or len(part) < _TOGETHER:
                statement = insert_statement(op, self._storage, len(part))
            values = [record.get(name) for record in part for name in op.columns]
            done += await self._affected(statement, values, session)
        return done

    async def _affected(self, statement: Statement, values: Sequence[object], session: Session) -> int:
        return int((await session.run(statement.sql, statement.parameters(values))).affected_rows)

    async def _insert(self, op: Create, record: Record, session: Session) -> Key:
        """Insert one record and return its key."""
        statement = insert_statement(op, self._storage)
        result = await session.run(statement.sql, statement.parameters([record.get(name) for name in op.columns]))
        given = {name: record.get(name) for name in op.columns if record.get(name) is not None}
        numbered = [name for name in op.model.key if name not in given]
        if not op.model.key or len(numbered) > 1 or (numbered and not result.insert_id):
            self._must_have_key(op)
            raise Refused("the database does not tell the key of a new record", hint=f"send {', '.join(numbered)}")
        return tuple(given.get(name, result.insert_id) for name in op.model.key)

    async def _known(self, op: Create, upsert: Upsert, record: Record, session: Session) -> Key | None:
        """Return the key of the record that stands in the way of a new one, locked; None: there is none."""
        self._must_have_key(op)
        if any(record.get(name) is None for name in upsert.target):
            return None
        same = And(tuple(Condition(Path(name), Op.EQ, record[name]) for name in upsert.target))
        rows = await self._found(op.model.key, same, EVERYTHING, session, lock=True)
        return self._key(op, rows[0]) if rows else None

    async def _merge(self, op: Create, known: Key, record: Record, session: Session) -> list[Key]:
        values: Mapping[str, object] = {name: record.get(name) for name in op.columns}
        update = Update(op.model, values, where=spelled(keyed(op.model.key, (known,))), scope=op.scope)
        bound: list[object] = list(values.values())
        update_shape(update, bound)
        statement = update_statement(update, self._storage)
        touched = await self._affected(statement, bound, session)
        return [tuple(values.get(n, v) for n, v in zip(op.model.key, known, strict=True))] if touched else []

    async def _back(self, op: Create | Update, keys: Sequence[Key], check: Filter, session: Session) -> list[Row]:
        """Read the records that were written, and refuse those that policy does not allow."""
        if op.options.returning is None and check == EVERYTHING:
            return []
        rows: list[Row] = []
        names = self._names(op)
        for start in range(0, len(keys), _AT_ONCE):
            some = tuple(keys[start : start + _AT_ONCE])
            found = await self._found(names, spelled(_one_of(op.model.key, some)), check, session, lock=False)
            if check != EVERYTHING and (len(found) < len(set(some)) or not all(row[-1] for row in found)):
                raise Forbidden(f'new row violates row-level security policy for table "{op.model.name}"')
            rows += found
        return rows

    async def _found(
        self, names: Sequence[str], where: Filter, check: Filter, session: Session, *, lock: bool
    ) -> Sequence[Row]:
        values = [each.value for term in (where, check) for each in conditions(term) if each.op is not Op.IS]
        statement = found_statement(names, where, check, self._storage, lock=lock)
        rows: Sequence[Row] = (await session.run(statement.sql, statement.parameters(values))).rows
        return rows

    def _names(self, op: Create | Update | Delete) -> list[str]:
        """Return the fields that a write gives back: those of the answer and of its order, and the key."""
        options = op.options
        returning = [Column(Path(field.name)) for field in op.model.readable] if options.returning == () else ()
        selected = [each.path.field for each in (options.returning or returning)]
        return list(dict.fromkeys([*selected, *fields_of(EVERYTHING, options.order), *op.model.key]))

    def _written(self, op: Create | Update | Delete, rows: Sequence[Row], affected: int, inserted: int) -> Written:
        options, names = op.options, self._names(op)
        if options.returning is None:
            return Written(affected, inserted)
        answer = Answer(op.model, options.returning, names, self._storage)
        ordered = in_order(list(rows), options.order, names, self._storage)
        keys = [dict(zip(op.model.key, self._key(op, row, names), strict=True)) for row in ordered]
        if options.encoded:
            page = Page(encoded=answer.encoded(ordered, options.timezone), rows=len(ordered))
        else:
            page = Page(records=answer.records(ordered, options.timezone), rows=len(ordered))
        return Written(affected, inserted, page, keys=keys if op.model.key else ())

    def _key(self, op: Create | Update | Delete, row: Row, names: Sequence[str] | None = None) -> Key:
        places = names or op.model.key
        return tuple(self._storage.keepings[name].load(row[places.index(name)]) for name in op.model.key)

    def _key_after(self, op: Update, row: Row) -> Key:
        before: dict[str, Any] = dict(zip(op.model.key, self._key(op, row), strict=True))
        return tuple(op.values.get(name, value) for name, value in before.items())

    def _must_have_key(self, op: Create | Update) -> None:
        if not op.model.key:
            raise Refused(f"{op.model.name} has no key, and MySQL gives no records back", hint="ask for none back")


def _one_of(key: tuple[str, ...], keys: tuple[Key, ...]) -> Filter:
    """Return the filter for several keys, rounded up in number so that few shapes of statements come about."""
    return keyed(key, keys + keys[-1:] * ((1 << (len(keys) - 1).bit_length()) - len(keys)))
