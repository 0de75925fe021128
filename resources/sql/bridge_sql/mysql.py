"""MySQL or MariaDB as a resource: a statement per shape of operation, rows that become JSON here."""

from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from bridge_sql.answers import Answer, Row
from bridge_sql.mysql_dialect import Storage, keyed, spelled
from bridge_sql.mysql_pool import Pool, Session
from bridge_sql.mysql_statements import (
    count_statement,
    delete_statement,
    insert_statement,
    read_statement,
    update_statement,
)
from bridge_sql.mysql_watch import Watch
from bridge_sql.mysql_writes import Writer
from bridge_sql.reflect import Catalogue
from bridge_sql.shape import read_shape
from bridge_sql.statement import Statement

from bridge_core.errors import UnknownName
from bridge_core.operations import Create, Delete, Page, Read, Update, Written
from bridge_core.query import Column, Counting, Path, Slice, both
from bridge_core.schema import Model

AnyOperation = TypeVar("AnyOperation", Read, Update, Delete)

LARGE: Final = 2_000  # records: more than this are not put together in one piece
_CHUNK: Final = 500  # records fetched at once
_PREPARED: Final = 2_000  # compiled statements that are kept

_Reading = tuple[Statement, Statement | None, Answer]


class MysqlAdapter:
    """The adapter over one database. Statements live as long as the description that they were made for."""

    def __init__(self, reads: Pool, writes: Pool, watch: Watch) -> None:
        self._reads = reads
        self._writes = writes
        self._watch = watch
        self._catalogue = Catalogue({})
        self._storages: dict[str, Storage] = {}
        self._prepared: dict[Hashable, _Reading] = {}

    async def describe(self) -> Sequence[Model]:
        """Reflect the database; statements for the old description are forgotten."""
        self._catalogue = await self._watch.reflected()
        self._storages, self._prepared = {}, {}
        return self._catalogue.models

    async def changed(self) -> None:
        """Return when a look at the catalogue finds it changed."""
        await self._watch.changed()

    async def read(self, op: Read, /) -> Page:
        """Read; a large answer is handed out piece by piece."""
        op = _spelled(op)
        window = op.window
        if op.encoded and isinstance(window, Slice) and (window.limit is None or window.limit > LARGE):
            return await self._read_large(op, window)
        return await self._read(op)

    async def create(self, op: Create, /) -> Written:
        """Insert or upsert in one transaction."""
        op = replace(op, scope=spelled(op.scope), check=spelled(op.check))
        return await self._write(op, lambda writer, session: writer.create(op, session))

    async def update(self, op: Update, /) -> Written:
        """Update by filter or by key, in one transaction."""
        op = replace(_spelled(op), check=spelled(op.check))
        return await self._write(op, lambda writer, session: writer.update(op, session))

    async def delete(self, op: Delete, /) -> Written:
        """Delete by filter or by key, in one transaction."""
        op = _spelled(op)
        return await self._write(op, lambda writer, session: writer.delete(op, session))

    async def explain(self, op: Read | Create | Update | Delete, /) -> str:
        """Return the statement that the operation would send."""
        storage = self._storage(op.model)
        match op:
            case Read():
                op = _spelled(op)
                return read_statement(op, _names(op), storage).sql
            case Create():
                return insert_statement(op, storage).sql
            case Update():
                return update_statement(_spelled(op), storage).sql
            case Delete():
                return delete_statement(_spelled(op), storage).sql

    async def close(self) -> None:
        """Close every connection."""
        await self._watch.close()
        await self._reads.close()
        await self._writes.close()

    async def _read(self, op: Read) -> Page:
        values: list[object] = []
        rows_of, total_of, answer = self._prepare(op, read_shape(op, values))
        total = None
        with self._watch.noticing():
            async with self._reads.lent(op.model.name) as session:
                if total_of is not None:  # both see the same state
                    await session.command("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                    ((total,),) = (await session.run(total_of.sql, total_of.parameters(values))).rows
                rows: Sequence[Row] = (await session.run(rows_of.sql, rows_of.parameters(values))).rows
                if total_of is not None:
                    await session.command("COMMIT")
        if op.encoded:
            return Page(encoded=answer.encoded(rows, op.timezone), rows=len(rows), total=total)
        return Page(records=answer.records(rows, op.timezone), rows=len(rows), total=total)

    async def _read_large(self, op: Read, window: Slice) -> Page:
        # Most answers turn out to be small: they are read whole, as any other, by asking for one record too many.
        few = await self._read(replace(op, window=Slice(window.offset, LARGE + 1)))
        if few.rows is not None and few.rows <= LARGE:
            return few
        return Page(stream=self._pieces(op), rows=None, total=few.total)

    async def _pieces(self, op: Read) -> AsyncIterator[bytes]:
        """Yield one JSON array in pieces; all of them show the same state."""
        values: list[object] = []
        statement, _, answer = self._prepare(op, read_shape(op, values))
        async with self._reads.lent(op.model.name) as session:
            opening = b"["
            async for rows in session.chunks(statement.sql, statement.parameters(values), _CHUNK):
                yield opening + answer.encoded(rows, op.timezone)[1:-1]
                opening = b",\n"
            yield b"]" if opening != b"[" else b"[]"

    async def _write(self, op: Create | Update | Delete, work: Callable[[Writer, Session], Any]) -> Written:
        writer = Writer(self._storage(op.model))
        with self._watch.noticing():
            async with self._writes.lent(op.model.name) as session:
                await session.command("START TRANSACTION")
                written: Written = await work(writer, session)
                await session.command("ROLLBACK" if op.options.dry_run else "COMMIT")
                return written

    def _prepare(self, op: Read, shape: Hashable) -> _Reading:
        found = self._prepared.get(shape)
        if found is None:
            storage, names = self._storage(op.model), _names(op)
            total = None if op.count is Counting.NONE else count_statement(op, storage)
            answer = Answer(op.model, op.select, names, storage)
            found = (read_statement(op, names, storage), total, answer)
            if len(self._prepared) >= _PREPARED:
                del self._prepared[next(iter(self._prepared))]
            self._prepared[shape] = found
        return found

    def _storage(self, model: Model) -> Storage:
        found = self._storages.get(model.name)
        if found is None:
            entry = self._catalogue.entries.get(model.name)
            if entry is None:
                raise UnknownName(f'relation "{model.name}" does not exist', code="42P01")
            made = Storage.of(entry.model, entry.table, is_mariadb=self._watch.is_mariadb)
            found = self._storages[model.name] = made
        return found


def _spelled(op: AnyOperation) -> AnyOperation:
    where = op.where if op.keys is None else both(op.where, keyed(op.model.key, op.keys))
    return replace(op, where=spelled(where), scope=spelled(op.scope), keys=None)


def _names(op: Read) -> list[str]:
    """Return the fields that an answer is made of; none selected means every readable one."""
    select = op.select or [Column(Path(field.name)) for field in op.model.readable]
    return list(dict.fromkeys(each.path.field for each in select))
