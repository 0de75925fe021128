"""Connections to MySQL or MariaDB: one pool that can only read, one that writes.

Values travel as parameters of statements that the server has prepared. A statement whose caller left is killed, and its
connection is not used again.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import asyncmy
from asyncmy.cursors import SSCursor
from bridge_sql.mysql_errors import FAILURES, meaning
from pydantic import SecretStr

from bridge_core.errors import BridgeError, ConfigurationError, Unavailable

_WAIT: Final = 2.0  # seconds for a free connection
_STATEMENTS: Final = 200  # prepared statements kept per connection: the server has a limit of its own
_STALE: Final = 60.0  # seconds of rest after which a connection is asked whether it is still there
_FOUND_ROWS: Final = 2  # a flag of the protocol: count the records that match, not those that change
_MODE: Final = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How to reach a database. Times are seconds."""

    url: SecretStr
    size: int = 10
    statement_timeout: float = 20.0
    connect_timeout: float = 10.0
    tls: bool = False

    def database(self) -> str:
        """Return the name of the database that the URL names."""
        return str(_arguments(self)["database"])


class Session:
    """One connection, and the statements that were prepared on it."""

    def __init__(self, connection: Any) -> None:
        """Take an open connection of asyncmy."""
        self.connection = connection
        self._prepared: dict[str, Any] = {}

    async def run(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Run a statement; the result has `rows`, `affected_rows` and `insert_id`."""
        statement = self._prepared.get(sql)
        if statement is None:
            if len(self._prepared) >= _STATEMENTS:
                await self._prepared.pop(next(iter(self._prepared))).close()
            statement = self._prepared[sql] = await self.connection.prepare(sql)
        return await statement.execute(tuple(parameters))

    async def chunks(self, sql: str, parameters: Sequence[object], size: int) -> AsyncIterator[Sequence[Any]]:
        """Yield the rows of a statement as they come, so many at a time.

        The driver reads prepared statements whole. So the values are first put into variables of the session, which
        then stand for the parameters of a statement that is run by name. The session must not be used again if
        the rows are not read to the end; the caller sees to that by raising.
        """
        names = ", ".join(f"@bridge{number}" for number in range(len(parameters)))
        for number, value in enumerate(parameters):
            await self.run(f"SET @bridge{number} = ?", (value,))
        await self.run("SET @bridge_statement = ?", (sql,))
        await self.command("PREPARE bridge_statement FROM @bridge_statement")
        cursor = self.connection.cursor(SSCursor)
        await cursor.execute("EXECUTE bridge_statement" + (f" USING {names}" if names else ""))
        while rows := await cursor.fetchmany(size):
            yield rows
        await cursor.close()
        await self.command("DEALLOCATE PREPARE bridge_statement")

    async def command(self, sql: str) -> None:
        """Run a command that the server does not prepare; it holds no values."""
        await self.connection.query(sql)

    async def close(self) -> None:
        """Say goodbye to the server, if it still listens."""
        with suppress(*FAILURES):
            await self.connection.ensure_closed()


class Pool:
    """A pool of connections to one database, that reads or writes."""

    def __init__(self, settings: PoolSettings, *, writing: bool) -> None:
        """Take the settings; nothing is connected yet."""
        self._settings = settings
        self._writing = writing
        self._free = asyncio.Semaphore(settings.size)
        self._idle: list[tuple[Session, float]] = []
        self._killing: set[asyncio.Task[None]] = set()

    async def check(self) -> None:
        """Connect once, so that a wrong password or an unreachable server is told at once."""
        with _start_up_errors():
            self._idle.append((await self.connected(), asyncio.get_running_loop().time()))

    async def connected(self) -> Session:
        """Open a connection whose session is limited by the server itself."""
        settings = self._settings
        connection = await asyncmy.connect(
            **_arguments(settings),
            charset="utf8mb4",
            autocommit=True,
            client_flag=_FOUND_ROWS,
            connect_timeout=settings.connect_timeout,
            ssl=ssl.create_default_context() if settings.tls else None,
        )
        session = Session(connection)
        for command in _session(settings, connection.get_server_info(), writing=self._writing):
            await session.command(command)
        return session

    @asynccontextmanager
    async def lent(self, table: str) -> AsyncIterator[Session]:
        """Lend a connection. One that was left in the middle of something is closed instead of kept."""
        try:
            async with asyncio.timeout(_WAIT):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("every connection to the database is in use", code="PGRST003") from None
        session = None
        try:
            session = await self._session()
            yield session
            self._idle.append((session, asyncio.get_running_loop().time()))
        except FAILURES as failure:
            if session is not None:
                await self._saved(session)
            raise meaning(failure, table, writing=self._writing and session is not None) from failure
        except BridgeError:
            await self._saved(session)
            raise
        except BaseException:  # the caller left, now or while a statement runs: also on the server
            self._drop(session)
            raise
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close every connection."""
        idle, self._idle = self._idle, []
        for session, _ in idle:
            await session.close()
        await asyncio.gather(*self._killing, return_exceptions=True)

    async def _session(self) -> Session:
        while self._idle:
            session, since = self._idle.pop()
            if asyncio.get_running_loop().time() - since < _STALE:
                return session
            with suppress(*FAILURES):
                await session.connection.ping(reconnect=False)
                return session
        return await self.connected()

    async def _saved(self, session: Session | None) -> None:
        """Keep a connection after a failure, if it still works."""
        if session is None:
            return
        try:
            await session.command("ROLLBACK")
        except BaseException as failure:
            self._drop(session)
            if not isinstance(failure, FAILURES):
                raise
        else:
            self._idle.append((session, asyncio.get_running_loop().time()))

    def _drop(self, session: Session | None) -> None:
        if session is None:
            return
        number = session.connection.thread_id()
        session.connection.close()
        task = asyncio.get_running_loop().create_task(self._kill(number))
        self._killing.add(task)
        task.add_done_callback(self._killing.discard)

    async def _kill(self, number: int) -> None:
        with suppress(*FAILURES):
            session = await self.connected()
            try:
                await session.command(f"KILL {number:d}")  # it may be gone by itself
            finally:
                await session.close()


def _session(settings: PoolSettings, version: str, *, writing: bool) -> Iterator[str]:
    seconds = settings.statement_timeout
    yield f"SET SESSION sql_mode = '{_MODE}', time_zone = '+00:00'"
    if "MariaDB" in version:
        yield f"SET SESSION max_statement_time = {seconds:.3f}"
    else:
        yield f"SET SESSION max_execution_time = {int(seconds * 1000)}"
    if writing:
        yield f"SET SESSION innodb_lock_wait_timeout = {max(1, int(seconds))}"
    else:
        yield "SET SESSION TRANSACTION READ ONLY"


def _arguments(settings: PoolSettings) -> dict[str, Any]:
    url = urlsplit(settings.url.get_secret_value())
    if url.scheme not in ("mysql", "mariadb") or not url.hostname or not url.path.strip("/"):
        raise ConfigurationError("`url` is not the address of a database", hint=_URL)
    return {
        "host": url.hostname,
        "port": url.port or 3306,
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "database": unquote(url.path.strip("/")),
    }


@contextmanager
def _start_up_errors() -> Iterator[None]:
    try:
        yield
    except FAILURES as failure:
        code = failure.args[0] if failure.args else None
        if code in (1044, 1045, 1698):
            raise ConfigurationError("the database refuses this user or password", hint="look at `url`") from failure
        if code == 1049:
            raise ConfigurationError("there is no database of that name", hint="look at `url`") from failure
        hint = "is it running, and are host and port right?"
        raise Unavailable("the database cannot be reached", hint=hint) from failure


_URL: Final = "it should look like mysql://user:password@host:3306/database"
