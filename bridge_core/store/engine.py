"""Open the store: SQLite in a file that only its owner can read, or PostgreSQL; migrated before anybody uses it."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge_core.errors import ConfigurationError
from bridge_core.store.batches import Batches
from bridge_core.store.lanes import Lane, private
from bridge_core.store.pools import Pool
from bridge_core.store.statements import Query

DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
LOOK_WITHIN: Final = 2.0  # seconds

_MIGRATION_LOCK: Final = 0x6272_6964_6765  # any number that means only this


class Store:
    """Connections to the migrated store. It belongs to one event loop.

    A pool serves everybody. Small changes share the commits of `batches`; who looks at something again and again has a
    connection to itself, and waits for nobody.
    """

    def __init__(self, pool: Pool, writer: Pool | Lane, watcher: Pool | Lane) -> None:
        """Take the pool, what commits batches, and what looks; they may be one."""
        self._pool = pool
        self._writer = writer
        self._watcher = watcher
        self.batches = Batches(writer)

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection for reading."""
        return self._pool.reading()

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection in a transaction that ends with the block: kept on success, undone on any error."""
        return self._pool.writing()

    async def look(self, query: Query, **values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows of a query that is asked again and again, whatever else is going on."""
        return await self._watcher.rows(query, values)

    def insert_new(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that leaves alone what is there already, as this store's database writes it."""
        if self._pool.engine.dialect.name == "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()

    async def close(self) -> None:
        """Make the changes that wait, and close every connection."""
        await self.batches.close()
        await asyncio.gather(*(each.close() for each in {self._watcher, self._writer, self._pool}))


async def open_store(url: str) -> Store:
    """Open the store and bring its tables up to date; raise ConfigurationError where that cannot work."""
    location = _location(url)
    if _is_a_file(location):
        private(Path(location.database or ""))
    pool = Pool(location)
    store = Store(pool, *_apart(location, pool))
    try:
        async with store.writing() as connection:
            if connection.dialect.name == "postgresql":  # several servers may start at once; SQLite's lock is its own
                await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            await connection.run_sync(_migrate)
    except BaseException:
        await store.close()
        raise
    return store


def _apart(url: URL, pool: Pool) -> tuple[Pool | Lane, Pool | Lane]:
    """Return what commits batches, and what looks."""
    if _is_a_file(url):
        path = url.database or ""
        return Lane(path, "batches"), Lane(path, "looks", timeout=LOOK_WITHIN)
    if url.drivername.startswith("sqlite"):
        return pool, pool  # what is only in memory, or has a URI of its own, has only these connections
    return pool, Pool(url, size=1, more=0, timeout=LOOK_WITHIN)


def _is_a_file(url: URL) -> bool:
    database = url.database or ":memory:"
    return url.drivername.startswith("sqlite") and database != ":memory:" and not database.startswith("file:")


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


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
