"""SQLite as a resource: a statement per shape of operation; short reads on the event loop, all else in threads."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import sqlalchemy as sa
from bridge_sql.answers import Answer, Row, in_order
from bridge_sql.pg_answers import checked
from bridge_sql.reflect import Catalogue, reflect
from bridge_sql.runs import runs
from bridge_sql.shape import create_shape, delete_shape, read_shape, update_shape
from bridge_sql.sqlite_connections import Database, TooLong
from bridge_sql.sqlite_dialect import Storage
from bridge_sql.sqlite_ledger import TABLE, Ledger
from bridge_sql.sqlite_statements import (
    back_names,
    count_statement,
    create_statement,
    delete_statement,
    known_statement,
    read_statement,
    stored_names,
    update_statement,
)
from bridge_sql.statement import Statement
from sqlalchemy.pool import StaticPool

from bridge_core.errors import Forbidden, Outcome, Unavailable, UnknownName
from bridge_core.operations import Create, Delete, Page, Read, Record, Update, Written
from bridge_core.query import EVERYTHING, Counting, Slice
from bridge_core.schema import Model

T = TypeVar("T")

LARGE: Final = 2_000  # records: more than this are not put together in one piece
_CHUNK: Final = 500  # records fetched at once
_SHORT: Final = 100  # records: no more than this are read on the event loop
_PREPARED: Final = 2_000  # compiled statements that are kept


@dataclass(slots=True)
class _Prepared:
    """What is known of one shape of read."""

    rows: Statement
    total: Statement | None
    answer: Answer
    long: bool = False  # it was once too long for the event loop


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is known of one shape of write."""

    statement: Statement
    known: Statement | None
    answer: Answer | None
    names: Sequence[str]


class SqliteAdapter:
    """The adapter over one file. Statements live as long as the description that they were made for."""

    def __init__(self, database: Database, poll: float = 1.0, *, ledger: bool = False) -> None:
        """Take how many seconds lie between two looks at the schema, and whether there may be a table of ours."""
        self._database = database
        self._ledger = Ledger(kept=ledger)
        self._poll = poll
        self._catalogue = Catalogue({})
        self._version = -1
        self._stale = asyncio.Event()
        self._reads: dict[Hashable, _Prepared] = {}
        self._writes: dict[Hashable, _Writing] = {}
        self._storages: dict[str, Storage] = {}

    async def describe(self) -> Sequence[Model]:
        """Reflect the database; statements for the old description are forgotten."""
        version, catalogue = await self._database.read(_described)
        self._version, self._catalogue = version, catalogue
        self._reads, self._writes, self._storages = {}, {}, {}
        self._stale.clear()
        return [model for model in self._catalogue.models if model.name != TABLE]

    async def open(self) -> None:
        """Make the ledger, where there may be one."""
        await self._database.write(self._ledger.open, TABLE)

    async def outcome_of(self, token: str, /) -> Outcome:
        """Tell what became of the write with this token; without a ledger nobody knows."""
        return await self._database.read(lambda connection: self._ledger.outcome(connection, token), TABLE)

    async def changed(self) -> None:
        """Return when the version of the schema is another than that of the last description."""
        while not self._stale.is_set():
            if self._looked() != self._version:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._stale.wait()

    async def read(self, op: Read, /) -> Page:
        """Read; a large answer is handed out piece by piece."""
        window = op.window
        if op.encoded and isinstance(window, Slice) and (window.limit is None or window.limit > LARGE):
            return await self._read_large(op, window)
        return await self._read(op)

    async def create(self, op: Create, /) -> Written:
        """Insert or upsert, record by record, in one transaction."""
        parts = [self._creating(each) for each in runs(op)]

        def work(connection: sqlite3.Connection) -> Written:
            rows: list[Row] = []
            inserted = 0
            for writing, batches in parts:
                for values in batches:
                    known = (
                        writing.known is not None
                        and connection.execute(writing.known.sql, writing.known.parameters(values)).fetchone()
                    )
                    back = connection.execute(writing.statement.sql, writing.statement.parameters(values)).fetchall()
                    rows += _permitted(op, back)
                    inserted += 0 if known else len(back)
            return checked(op, _written(op, rows, parts[0][0] if parts else None, inserted, self._storage(op.model)))

        return await self._write(op, work)

    async def update(self, op: Update, /) -> Written:
        """Update by filter or by key in one statement."""
        if not op.values and not op.defaults:
            return _written(op, [], None, 0, self._storage(op.model))
        values: list[object] = list(op.values.values())
        shape = update_shape(op, values)
        alone = _alone(op)
        return await self._changing(op, (shape, alone), values, lambda kept: update_statement(op, kept, alone=alone))

    async def delete(self, op: Delete, /) -> Written:
        """Delete by filter or by key in one statement."""
        values: list[object] = []
        shape = delete_shape(op, values)
        alone = _alone(op)
        return await self._changing(op, (shape, alone), values, lambda kept: delete_statement(op, kept, alone=alone))

    async def explain(self, op: Read | Create | Update | Delete, /) -> str:
        """Return the statement that the operation would send."""
        storage = self._storage(op.model)
        match op:
            case Read():
                return read_statement(op, storage, alone=_alone(op)).sql
            case Create():
                return create_statement(op, storage).sql
            case Update():
                return update_statement(op, storage, alone=_alone(op)).sql
            case Delete():
                return delete_statement(op, storage, alone=_alone(op)).sql

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()

    def _looked(self) -> int:
        try:
            return self._database.inline(_schema_version)
        except (TooLong, Unavailable):
            return self._version  # somebody holds the file: look again later

    async def _read(self, op: Read) -> Page:
        values: list[object] = []
        shape = (read_shape(op, values), _alone(op))
        prepared = self._reads.get(shape) or self._prepare(op, shape)
        rows_of, total_of = prepared.rows, prepared.total

        def work(connection: sqlite3.Connection) -> tuple[list[Row], int | None]:
            if total_of is None:
                return connection.execute(rows_of.sql, rows_of.parameters(values)).fetchall(), None
            connection.execute("BEGIN")  # both see the same state
            rows = connection.execute(rows_of.sql, rows_of.parameters(values)).fetchall()
            (total,) = connection.execute(total_of.sql, total_of.parameters(values)).fetchone()
            connection.execute("COMMIT")
            return rows, total

        rows, total = await self._fetched(op, prepared, work)
        if op.encoded:
            return Page(encoded=prepared.answer.encoded(rows, op.timezone), rows=len(rows), total=total)
        return Page(records=prepared.answer.records(rows, op.timezone), rows=len(rows), total=total)

    async def _fetched(
        self, op: Read, prepared: _Prepared, work: Callable[[sqlite3.Connection], tuple[list[Row], int | None]]
    ) -> tuple[list[Row], int | None]:
        if not prepared.long and _short(op):
            try:
                with self._noticing():
                    return self._database.inline(work, op.model.name)
            except TooLong:
                prepared.long = True
        with self._noticing():
            return await self._database.read(work, op.model.name)

    async def _read_large(self, op: Read, window: Slice) -> Page:
        # Most answers turn out to be small: they are read whole, as any other, by asking for one record too many.
        few = await self._read(replace(op, window=Slice(window.offset, LARGE + 1)))
        if few.rows is not None and few.rows <= LARGE:
            return few
        values: list[object] = []
        shape = (read_shape(op, values), _alone(op))
        prepared = self._reads.get(shape) or self._prepare(op, shape)
        return Page(stream=self._pieces(op, prepared, values), rows=None, total=few.total)

    async def _pieces(self, op: Read, prepared: _Prepared, values: Sequence[object]) -> AsyncIterator[bytes]:
        """Yield one JSON array in pieces; all of them show the state of the moment when the first one was read."""
        sql, parameters = prepared.rows.sql, prepared.rows.parameters(values)
        async with self._database.reading(op.model.name) as step:
            cursor = await step(lambda connection: connection.execute(sql, parameters))
            opening = b"["
            while rows := await step(lambda _: cursor.fetchmany(_CHUNK)):
                yield opening + prepared.answer.encoded(rows, op.timezone)[1:-1]
                opening = b",\n"
            yield b"]" if opening != b"[" else b"[]"

    def _prepare(self, op: Read, shape: Hashable) -> _Prepared:
        storage, alone = self._storage(op.model), _alone(op)
        total = None if op.count is Counting.NONE else count_statement(op, storage, alone=alone)
        answer = Answer(op.model, op.select, stored_names(op.model, op.select), storage)
        prepared = _Prepared(read_statement(op, storage, alone=alone), total, answer)
        return _kept(self._reads, shape, prepared)

    def _creating(self, op: Create) -> tuple[_Writing, Iterator[list[object]]]:
        """Return the statement for records that all name the same fields, and the values of each of them."""
        rest: list[object] = []
        shape = create_shape(op, rest)
        writing = self._writes.get(shape)
        if writing is None:
            storage = self._storage(op.model)
            writing = self._writing(op, shape, create_statement(op, storage), known_statement(op, storage))
        return writing, ([*[record.get(name) for name in op.columns], *rest] for record in op.records)

    async def _changing(
        self, op: Update | Delete, shape: Hashable, values: Sequence[object], make: Callable[[Storage], Statement]
    ) -> Written:
        storage = self._storage(op.model)
        writing = self._writes.get(shape) or self._writing(op, shape, make(storage), None)

        def work(connection: sqlite3.Connection) -> Written:
            sql, parameters = writing.statement.sql, writing.statement.parameters(values)
            rows = _permitted(op, connection.execute(sql, parameters).fetchall())
            return checked(op, _written(op, rows, writing, 0, storage))

        return await self._write(op, work)

    def _writing(
        self, op: Create | Update | Delete, shape: Hashable, statement: Statement, known: Statement | None
    ) -> _Writing:
        names = back_names(op)
        returning = op.options.returning
        answer = None if returning is None else Answer(op.model, returning, names, self._storage(op.model))
        return _kept(self._writes, shape, _Writing(statement, known, answer, names))

    async def _write(self, op: Create | Update | Delete, work: Callable[[sqlite3.Connection], Written]) -> Written:
        with self._noticing():
            sealed = self._ledger.sealing(op.options, work)
            return await self._database.write(sealed, op.model.name, undo=op.options.dry_run)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Look at the schema again when a statement met another than the described one."""
        try:
            yield
        except UnknownName:
            self._stale.set()
            raise

    def _storage(self, model: Model) -> Storage:
        found = self._storages.get(model.name)
        if found is None:
            entry = self._catalogue.entries.get(model.name)
            if entry is None:
                raise UnknownName(f'relation "{model.name}" does not exist', code="42P01")
            found = self._storages[model.name] = Storage.of(entry.model, entry.table)
        return found


def _kept(known: dict[Hashable, T], shape: Hashable, made: T) -> T:
    if len(known) >= _PREPARED:
        del known[next(iter(known))]
    known[shape] = made
    return made


def _described(connection: sqlite3.Connection) -> tuple[int, Catalogue]:
    engine = sa.create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    connection.execute("BEGIN")  # the version is that of the description
    version = _schema_version(connection)
    with engine.connect() as wrapped:
        return version, reflect(wrapped, ("main",))


def _schema_version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA schema_version").fetchone()
    return int(version)


def _alone(op: Read | Update | Delete) -> bool:
    return op.keys is not None and len(op.keys) == 1


def _short(op: Read) -> bool:
    if op.keys is not None:
        return len(op.keys) <= _SHORT
    return isinstance(op.window, Slice) and op.window.limit is not None and op.window.limit <= _SHORT


def _permitted(op: Create | Update | Delete, rows: list[Row]) -> list[Row]:
    """Return the rows that a write gave back, or raise where one of them is not what policy allows."""
    check = EVERYTHING if isinstance(op, Delete) else op.check
    if check != EVERYTHING and not all(row[-1] for row in rows):
        raise Forbidden(f'new row violates row-level security policy for table "{op.model.name}"')
    return rows


def _written(
    op: Create | Update | Delete, rows: list[Row], writing: _Writing | None, inserted: int, storage: Storage
) -> Written:
    options = op.options
    if options.returning is None:
        return Written(len(rows), inserted)
    if not rows or writing is None or writing.answer is None:
        return Written(len(rows), inserted, Page(encoded=b"[]" if options.encoded else None, rows=0))
    rows = in_order(rows, options.order, writing.names, storage)
    if options.encoded:
        page = Page(encoded=writing.answer.encoded(rows, options.timezone), rows=len(rows))
    else:
        page = Page(records=writing.answer.records(rows, options.timezone), rows=len(rows))
    return Written(len(rows), inserted, page, keys=_keys(op.model, rows, writing, storage))


def _keys(model: Model, rows: Sequence[Row], writing: _Writing, storage: Storage) -> list[Record]:
    places = [(name, writing.names.index(name), storage.keepings[name].load) for name in model.key]
    return [{name: load(row[at]) for name, at, load in places} for row in rows] if places else []
