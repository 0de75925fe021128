"""Connections to one SQLite file: one for short reads on the event loop, several for reads in threads, one writer.

A statement ends with the deadline of its request, or when the caller leaves: SQLite asks for it while it works. Whoever
leaves does not take the connection along: it comes back when its thread is done with it.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from bridge_sql.sqlite_errors import translated
from bridge_sql.sqlite_functions import teach

from bridge_core.adapter import AdapterContext
from bridge_core.errors import ConfigurationError, DeadlineExceeded, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_LEAST: Final = (3, 37, 0)  # RETURNING, table_list and STRICT
_ASK_EVERY: Final = 1_000  # instructions of SQLite's machine between two questions whether to go on
_SHORT: Final = 20  # so many questions long may a read on the event loop be: about a millisecond
_WAIT: Final = 2.0  # seconds for a free connection
_END_WITHIN: Final = 5.0  # seconds that closing waits for statements under way
_STATEMENTS: Final = 1_000  # prepared statements kept per connection


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Which file, and how it is used. Times are seconds."""

    path: Path
    readers: int = 4
    statement_timeout: float = 20.0
    busy_timeout: float = 5.0


class TooLong(Exception):
    """A read is too long for the event loop, or would have to wait there."""


class Lent:
    """A connection that is lent for one request, and used by one thread at a time.

    Everything but the work itself happens on the event loop. Whoever leaves while a thread works has `give_back` put
    off until that thread is done.
    """

    def __init__(self, connection: sqlite3.Connection, lane: "_Lane", context: AdapterContext, limit: float) -> None:
        """Take for how many seconds work may go on; the deadline of the request can be sooner."""
        self._connection = connection
        self._lane = lane
        self._context = context
        self._end = min(context.deadline(), context.clock() + limit)
        self._at_work = False
        self._leaving = False
        self.cancelled = False

    def left(self) -> float:
        """Return the seconds until the work must be done."""
        return self._end - self._context.clock()

    def overdue(self) -> bool:
        """Tell whether the work should end now, in vain."""
        return self.cancelled or self._context.clock() > self._end

    async def run(self, work: Work[T]) -> T:
        """Do work in a thread."""
        loop = asyncio.get_running_loop()
        claims = threading.Lock()  # the first who gets it: the thread that begins, or the caller who leaves before

        def perform() -> T | None:
            if not claims.acquire(blocking=False):
                return None
            try:
                self._connection.set_progress_handler(self.overdue, _ASK_EVERY)
                return work(self._connection)
            finally:
                with suppress(RuntimeError):  # the loop is closed: nobody waits for the connection
                    loop.call_soon_threadsafe(self._done)

        self._at_work = True
        try:
            answer = await self._context.threads(perform)
        except asyncio.CancelledError:
            self.cancelled = True
            if claims.acquire(blocking=False):
                self._at_work = False
            raise
        return answer  # type: ignore[return-value]  # None without work comes only where the caller has left

    def give_back(self) -> None:
        """Return the connection to where it came from, as soon as no thread uses it."""
        self._leaving = True
        if not self._at_work:
            self._lane.take_back(self, self._connection)

    def _done(self) -> None:
        self._at_work = False
        if self._leaving:
            self._lane.take_back(self, self._connection)


class _Lane:
    """Some connections of one kind."""

    def __init__(self, make: Callable[[], sqlite3.Connection], size: int, context: AdapterContext) -> None:
        self._make = make
        self._free = asyncio.Semaphore(size)
        self._size = size
        self._idle: list[sqlite3.Connection] = []
        self._lent: set[Lent] = set()
        self._context = context

    async def lend(self, limit: float) -> Lent:
        try:
            # Not `wait_for`: where both happen at once, it forgets that the caller was cancelled.
            async with asyncio.timeout(_WAIT):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("every connection to the database is in use", code="PGRST003") from None
        try:
            lent = Lent(self._idle.pop() if self._idle else self._make(), self, self._context, limit)
        except sqlite3.Error as failure:
            self._free.release()
            raise Unavailable("the database file cannot be opened") from failure
        self._lent.add(lent)
        return lent

    def take_back(self, lent: Lent, connection: sqlite3.Connection) -> None:
        _roll_back(connection)
        self._lent.discard(lent)
        self._idle.append(connection)
        self._free.release()

    async def close(self) -> None:
        """End what is under way and close every connection."""
        for lent in self._lent:
            lent.cancelled = True
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_WITHIN):
                for _ in range(self._size):
                    await self._free.acquire()
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class Database:
    """One SQLite file. Used by one event loop."""

    def __init__(self, settings: FileSettings, context: AdapterContext) -> None:
        """Open the file; raise ConfigurationError where that cannot work."""
        if sqlite3.sqlite_version_info < _LEAST:
            raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old", hint="3.37 or newer is needed")
        self._settings = settings
        self._fuel = 0
        self._writers = _Lane(lambda: _writer(settings.path), 1, context)
        self._readers = _Lane(lambda: _reader(settings.path), settings.readers, context)
        self._short = _opened(settings.path)
        self._short.set_progress_handler(self._burn, _ASK_EVERY)

    def inline(self, work: Work[T], table: str = "") -> T:
        """Do a short read at once, on the event loop; raise TooLong as soon as it turns out to be none."""
        self._fuel = _SHORT
        try:
            with translated(table):
                return work(self._short)
        except Exception as failure:
            _roll_back(self._short)
            code = getattr(failure.__cause__, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise TooLong from failure
            raise

    @asynccontextmanager
    async def reading(self, table: str) -> AsyncIterator[Callable[[Work[T]], Awaitable[T]]]:
        """Do several pieces of a read in threads, over one connection."""
        lent = await self._readers.lend(self._settings.statement_timeout)

        async def step(work: Work[T]) -> T:
            def perform(connection: sqlite3.Connection) -> T:
                with translated(table), self._patient(connection, lent):
                    return work(connection)

            return await lent.run(perform)

        try:
            yield step
        finally:
            lent.give_back()

    async def read(self, work: Work[T], table: str = "") -> T:
        """Do a read in a thread."""
        async with self.reading(table) as step:
            return await step(work)

    async def write(self, work: Work[T], table: str, *, undo: bool = False) -> T:
        """Do work in a transaction that is applied whole, or not at all when the work raises or its time is over."""
        lent = await self._writers.lend(self._settings.statement_timeout)

        def perform(connection: sqlite3.Connection) -> T:
            with translated(table), self._patient(connection, lent), _transaction(connection, undo=undo):
                answer = work(connection)
                if lent.overdue():
                    raise DeadlineExceeded("the time of the request is used up")
                return answer

        try:
            return await lent.run(perform)
        finally:
            lent.give_back()

    async def close(self) -> None:
        """End what is under way and close every connection; the writer last, as it tidies the file."""
        self._short.close()
        await self._readers.close()
        await self._writers.close()

    @contextmanager
    def _patient(self, connection: sqlite3.Connection, lent: Lent) -> Iterator[None]:
        """Wait for a lock that another process holds, but no longer than the work may take."""
        seconds = max(0.0, min(lent.left(), self._settings.busy_timeout))
        connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        yield

    def _burn(self) -> bool:
        self._fuel -= 1
        return self._fuel < 0


@contextmanager
def _transaction(connection: sqlite3.Connection, *, undo: bool) -> Iterator[None]:
    """Commit at the end of the block; roll back when it raises, or when all was only a trial."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("ROLLBACK" if undo else "COMMIT")
    finally:
        _roll_back(connection)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.rollback()


def _opened(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise ConfigurationError(f"there is no database file {path.name!r}", hint="look at `url`")
    try:
        with closing(_writer(path)) as first:
            first.execute("SELECT count(*) FROM sqlite_schema")
            with suppress(sqlite3.OperationalError):  # a file that can only be read stays as it is
                first.execute("PRAGMA journal_mode = WAL")
            return _reader(path)
    except sqlite3.Error as failure:
        raise ConfigurationError(f"{path.name!r} is not a SQLite database that can be used") from failure


def _reader(path: Path) -> sqlite3.Connection:
    connection = _connected(path, "ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _writer(path: Path) -> sqlite3.Connection:
    connection = _connected(path, "rw")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
    teach(connection)
    return connection
