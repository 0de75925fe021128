"""Open the store: SQLite in a file that only its owner can read, or PostgreSQL; migrated before anybody uses it."""

import errno
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Table, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge_core.errors import ConfigurationError, Unavailable

_log = logging.getLogger(__name__)

DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
TIMEOUT: Final = 5.0  # seconds, for a connection and for a statement
PRIVATE: Final = 0o600

_WRITES: Final = "bridge_writes"
_MIGRATION_LOCK: Final = 0x6272_6964_6765  # any number that means only this


class Store:
    """A pool of connections to the migrated store. It belongs to one event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for reading."""
        async with _reachable(), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a transaction that ends with the block: kept on success, undone on any error."""
        async with _reachable(), self._writer.begin() as connection:
            yield connection

    def insert_new(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that leaves alone what is there already, as this store's database writes it."""
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def open_store(url: str) -> Store:
    """Open the store and bring its tables up to date; raise ConfigurationError where that cannot work."""
    engine = _engine(_location(url))
    store = Store(engine)
    try:
        async with store.writing() as connection:
            if engine.dialect.name == "postgresql":  # several servers may start at once; SQLite's lock is its own
                await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            await connection.run_sync(_migrate)
    except BaseException:
        await store.close()
        raise
    return store


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # a matter of what is written, not of the store
    except (DBAPIError, OSError, TimeoutError) as cause:
        _log.warning("the store failed: %s", type(cause).__name__)
        raise Unavailable("the bridge's own store cannot be used now") from cause


def _location(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("[store] url cannot be read", hint="write it as sqlite:///bridge.db") from None
    driver = DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise ConfigurationError(
            f"[store] url: {parsed.drivername!r} is no store", hint="use sqlite:///bridge.db or postgresql://..."
        )
    return parsed.set(drivername=driver)


def _engine(url: URL) -> AsyncEngine:
    try:
        if url.drivername.startswith("sqlite"):
            return _sqlite(url)
        return create_async_engine(
            url,
            pool_size=4,
            max_overflow=4,
            pool_timeout=TIMEOUT,
            pool_pre_ping=True,
            connect_args={"timeout": TIMEOUT, "command_timeout": TIMEOUT},
        )
    except ImportError as cause:
        raise ConfigurationError(
            f"[store] url: the driver of {url.drivername} is not installed ({cause.name})",
            hint="pip install asyncpg" if "asyncpg" in url.drivername else "pip install aiosqlite",
        ) from cause
    except SQLAlchemyError:
        raise ConfigurationError("[store] url cannot be used") from None


def _sqlite(url: URL) -> AsyncEngine:
    if url.database and url.database != ":memory:":
        _private(Path(url.database))
    engine = create_async_engine(url, connect_args={"timeout": TIMEOUT})

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: object) -> None:
        connection.isolation_level = None  # the driver's own idea of transactions would end them at every DDL
        cursor = connection.cursor()
        for pragma in ("synchronous=full", "foreign_keys=on"):
            cursor.execute(f"pragma {pragma}")
        _log_ahead(cursor)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES, False):  # a single read needs no transaction
            connection.exec_driver_sql("begin immediate")

    return engine


def _log_ahead(cursor: Any) -> None:
    """Switch to the write-ahead log; SQLite does not wait for the lock that this takes, so we do."""
    until = time.monotonic() + TIMEOUT
    while True:
        try:
            cursor.execute("pragma journal_mode=wal")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)  # only while several processes open a new file
        else:
            return


def _private(path: Path) -> None:
    """Make sure that the file is there and that only its owner can read it; its side files get the same mode.

    A file that is there is not opened: closing it would release the locks that this process holds on it.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
        elif not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE)
    except OSError as cause:
        raise ConfigurationError(f"[store] url: {path} cannot be written: {cause.strerror}") from cause


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
