"""PostgreSQL as a resource: a statement per shape of operation, compiled once, whose JSON passes through as bytes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from bridge_sql.pg_answers import checked, guarded, guessed, joined, page_of_row, written
from bridge_sql.pg_building import Building, Known
from bridge_sql.pg_outcomes import AHEAD, STATUS, TOKEN, outcome, parts
from bridge_sql.pg_pool import Pool
from bridge_sql.pg_reads import guess_statement, read_statement, stream_statement
from bridge_sql.pg_stream import LARGE, streamed, use_timezone
from bridge_sql.pg_types import PgTypes
from bridge_sql.pg_watch import Watch
from bridge_sql.pg_writes import create_statement, delete_statement, update_statement
from bridge_sql.reflect import Catalogue
from bridge_sql.runs import runs
from bridge_sql.shape import create_shape, delete_shape, read_shape, update_shape
from bridge_sql.statement import Statement

from bridge_core.errors import BadValue, BridgeError, Conflict, Outcome, UnknownName, UpstreamFailed
from bridge_core.operations import Create, Delete, Page, Read, Update, Written
from bridge_core.query import Counting, Slice
from bridge_core.schema import Model, Precondition
from bridge_core.values import encode

_Run = Callable[[str, Sequence[object]], Awaitable[Any]]
_TWICE: Final = "21000"  # "ON CONFLICT DO UPDATE command cannot affect row a second time"
_NOT_NULL: Final = "23502"
_STATEMENTS: Final = 2_000  # compiled statements that are kept


class PostgresAdapter:
    """The adapter over one database. Statements live as long as the description that they were made for."""

    def __init__(self, reads: Pool, writes: Pool, watch: Watch) -> None:
        self._reads = reads
        self._writes = writes
        self._watch = watch
        self._known = Known(Catalogue({}), PgTypes({}, {}))
        self._statements: dict[Hashable, Statement] = {}

    async def describe(self) -> Sequence[Model]:
        """Reflect the database; statements for the old description are forgotten."""
        catalogue, types = await self._watch.reflected()
        self._known = Known(catalogue, types)
        self._statements = {}
        return [_with_versions(model) for model in catalogue.models]

    async def changed(self) -> None:
        """Return when the database says that its schema changed, or a look at its catalogue does."""
        await self._watch.changed()

    async def read(self, op: Read, /) -> Page:
        """Read with one statement; a large answer is handed out piece by piece."""
        window = op.window
        if op.encoded and isinstance(window, Slice) and (window.limit is None or window.limit > LARGE):
            return await self._read_large(op, window)
        return await self._read(op)

    async def create(self, op: Create, /) -> Written:
        """Insert or upsert. Records that leave different fields to their defaults take a statement each run."""
        try:
            return await self._create(op, list(_parts(op)))
        except UpstreamFailed as failure:
            if failure.code != _TWICE:
                raise
            raise Conflict("two of the records have the same key", code=_TWICE) from failure
        except BadValue as failure:
            raise _without_hidden(op.model, failure) from failure

    async def update(self, op: Update, /) -> Written:
        """Update by filter in one statement."""
        if not op.values and not op.defaults:
            return joined(op, [])
        values: list[object] = [encode([op.values]).decode()]
        shape = update_shape(op, values)
        statement = self._statement(shape, lambda: update_statement(op, self._building(op.model)))
        return await self._write(op, statement, values)

    async def delete(self, op: Delete, /) -> Written:
        """Delete by filter in one statement."""
        values: list[object] = []
        shape = delete_shape(op, values)
        statement = self._statement(shape, lambda: delete_statement(op, self._building(op.model)))
        return await self._write(op, statement, values)

    async def explain(self, op: Read | Create | Update | Delete, /) -> str:
        """Return the statement that the operation would send."""
        building = self._building(op.model)
        match op:
            case Read():
                return read_statement(op, building).sql
            case Create():
                return create_statement(op, building, view=self._is_view(op.model)).sql
            case Update():
                return update_statement(op, building).sql
            case Delete():
                return delete_statement(op, building).sql

    async def probe(self) -> None:
        """Return when the database answers."""
        await self._reads.row("select 1", ())

    async def outcome_of(self, token: str, /) -> Outcome | None:
        """Ask the database what became of the transaction with this token; None: it is still under way."""
        try:
            return outcome(await self._reads.row(STATUS, parts(token)))
        except BridgeError as failure:
            if failure.code == AHEAD:
                return Outcome.UNKNOWN
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self._watch.close()
        await self._reads.close()
        await self._writes.close()

    async def _read(self, op: Read, within: Slice | None = None) -> Page:
        values: list[object] = []
        shape = read_shape(op, values, within)

        def statement_within() -> Statement:
            return read_statement(op if within is None else replace(op, window=within), self._building(op.model))

        statement = self._statement(shape, statement_within)
        row = await self._row(statement, values, op.timezone)
        if op.count is Counting.NONE:
            return page_of_row(op, row, None)
        return page_of_row(op, row, row[2] if op.count is Counting.EXACT else await self._guess(op, row[1]))

    async def _read_large(self, op: Read, window: Slice) -> Page:
        # Most answers turn out to be small: they are read whole, as any other, by asking for one record too many.
        few = await self._read(op, Slice(window.offset, LARGE + 1))
        if few.rows is not None and few.rows <= LARGE:
            return few
        values: list[object] = []
        shape = ("stream", read_shape(op, values))
        statement = self._statement(shape, lambda: stream_statement(op, self._building(op.model)))
        page = await streamed(self._reads, statement, values, op.timezone)
        return replace(page, total=few.total)

    async def _guess(self, op: Read, rows: int) -> int:
        """Return the planner's guess; where the whole answer was seen, that is known better."""
        values: list[object] = []
        plain = replace(op, select=(), order=(), window=Slice(), count=Counting.NONE)
        shape = ("guess", read_shape(plain, values))
        statement = self._statement(shape, lambda: guess_statement(plain, self._building(op.model)))
        row = await self._row(statement, values, None)
        return guessed(row[0])

    async def _row(self, statement: Statement, values: Sequence[object], timezone: str | None) -> Any:
        parameters = statement.parameters(values)
        try:
            if timezone is None:
                return await self._reads.row(statement.sql, parameters)
            async with self._reads.transaction(readonly=True) as connection:
                await use_timezone(connection, timezone)
                return await connection.fetchrow(statement.sql, *parameters)
        except UnknownName:
            self._watch.stale()
            raise

    async def _create(self, op: Create, runs: Sequence[Create]) -> Written:
        if len(runs) == 1 and not guarded(op):
            return await self._insert(runs[0], self._alone)
        async with self._transaction(op) as run:
            answer = checked(op, joined(op, [await self._insert(part, run) for part in runs]))
            return await _sealed(op, answer, run)

    async def _insert(self, op: Create, run: _Run) -> Written:
        values: list[object] = [encode(op.records).decode()]
        shape = create_shape(op, values)
        view = self._is_view(op.model)
        statement = self._statement(shape, lambda: create_statement(op, self._building(op.model), view=view))
        return written(op, await run(statement.sql, statement.parameters(values)))

    async def _write(self, op: Update | Delete, statement: Statement, values: Sequence[object]) -> Written:
        parameters = statement.parameters(values)
        if not guarded(op):
            return written(op, await self._alone(statement.sql, parameters))
        async with self._transaction(op) as run:
            return await _sealed(op, checked(op, written(op, await run(statement.sql, parameters))), run)

    async def _alone(self, sql: str, parameters: Sequence[object]) -> Any:
        """Run one statement that is its own transaction."""
        return await self._writes.row(sql, parameters, writing=True)

    @asynccontextmanager
    async def _transaction(self, op: Create | Update | Delete) -> AsyncIterator[_Run]:
        """Run statements together; they are undone if the block raises, or if the operation is a dry run."""
        try:
            async with self._writes.transaction() as connection:
                if op.options.timezone is not None:
                    await use_timezone(connection, op.options.timezone)
                yield lambda sql, parameters: connection.fetchrow(sql, *parameters)
                if op.options.dry_run:
                    raise _Undo
        except _Undo:
            pass

    def _statement(self, shape: Hashable, make: Callable[[], Statement]) -> Statement:
        found = self._statements.get(shape)
        if found is None:
            found = make()
            if len(self._statements) >= _STATEMENTS:
                del self._statements[next(iter(self._statements))]
            self._statements[shape] = found
        return found

    def _building(self, model: Model) -> Building:
        return Building.begin(self._known, model)

    def _is_view(self, model: Model) -> bool:
        return model.kind != "table"  # partitions have no system columns to look at


async def _sealed(op: Create | Update | Delete, answer: Written, run: _Run) -> Written:
    """Have the transaction taken down, with its answer, before it is committed."""
    if op.options.witness is not None and not op.options.dry_run:
        await op.options.witness((await run(TOKEN, ()))[0], answer)
    return answer


def _with_versions(model: Model) -> Model:
    """Say that versions can be told apart: of plain tables, where the statement that writes sees what it compares."""
    if model.kind != "table":
        return model
    return replace(model, capabilities=replace(model.capabilities, precondition=Precondition.ETAG))


def _without_hidden(model: Model, failure: BadValue) -> BadValue:
    """Return what the database said of a field without a value, unless the caller may not know that field."""
    names = failure.message.split('"')[1:2]
    if failure.code != _NOT_NULL or (names and names[0] in model.by_name):
        return failure
    return BadValue(f'a field of "{model.name}" that must have a value would be without one', code=_NOT_NULL)


class _Undo(BridgeError):
    """Ends a transaction in nothing; never seen outside of this module."""

    def __init__(self) -> None:
        super().__init__("undone")


def _parts(op: Create) -> Iterator[Create]:
    """Split a create into what one statement can add: records of the same fields, or one without any."""
    for run in runs(op):
        if run.columns:
            yield run
        else:
            yield from (replace(run, records=[record]) for record in run.records)
