"""A pool of connections to the store, with SQLAlchemy's drivers."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge_core.errors import ConfigurationError, Unavailable
from bridge_core.store.lanes import TIMEOUT, prepare
from bridge_core.store.statements import Change, Done, Query, Statement, as_json

_log = logging.getLogger(__name__)

_WRITES: Final = "bridge_writes"
_OF_THE_VALUES: Final = "22"  # the class of PostgreSQL's errors that speak of a value


class Pool:
    """Connections of one engine; raises Unavailable where they cannot be had, or fail."""

    def __init__(self, url: URL, *, size: int = 4, more: int = 4, timeout: float = TIMEOUT) -> None:
        """Take how many connections stay open, and how many more there may be, with PostgreSQL."""
        self.engine = _engine(url, size, more, timeout)
        self._writer = self.engine.execution_options(**{_WRITES: True})

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for reading."""
        async with _reachable(), self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a transaction that ends with the block: kept on success, undone on any error."""
        async with _reachable(), self._writer.begin() as connection:
            yield connection

    async def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""
        async with self.reading() as connection:
            return list(await connection.execute(query.sql, dict(values)))

    async def commit(self, changes: Sequence[Change], *, synced: bool) -> Sequence[Done]:
        """Make changes in one transaction, always synced; see `Writer`."""
        done: list[Done] = []
        try:
            async with self.writing() as connection:
                for statement, together in groupby(changes, key=lambda change: change.statement):
                    done += await _made(connection, statement, [dict(change.values) for change in together])
        except Unavailable as failure:
            state = getattr(getattr(failure.__cause__, "orig", None), "sqlstate", None) or ""
            if state.startswith(_OF_THE_VALUES):
                raise ValueError("a value cannot be kept") from failure.__cause__
            raise
        return done

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def _made(connection: AsyncConnection, statement: Statement, rows: Sequence[dict[str, Any]]) -> Sequence[Done]:
    if statement.blind:
        await connection.execute(statement.sql, rows)
        return [Done(1)] * len(rows)
    return [await _one(connection, statement, values) for values in rows]


async def _one(connection: AsyncConnection, statement: Statement, values: dict[str, Any]) -> Done:
    result = await connection.execute(statement.sql, values)
    if not result.returns_rows:
        return Done(result.rowcount)
    found = result.mappings().all()
    return Done(len(found), {**found[0]} if found else None)


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # a matter of what is written, not of the store
    except (DBAPIError, OSError, TimeoutError) as cause:
        _log.warning("the store failed: %s", type(cause).__name__)
        raise Unavailable("the bridge's own store cannot be used now") from cause


def _engine(url: URL, size: int, more: int, timeout: float) -> AsyncEngine:
    try:
        if url.drivername.startswith("sqlite"):
            return _sqlite(url)
        return create_async_engine(
            url,
            pool_size=size,
            max_overflow=more,
            pool_timeout=timeout,
            pool_pre_ping=True,
            json_serializer=as_json,
            connect_args={"timeout": timeout, "command_timeout": timeout},
        )
    except ImportError as cause:
        raise ConfigurationError(
            f"[store] url: the driver of {url.drivername} is not installed ({cause.name})",
            hint="pip install asyncpg" if "asyncpg" in url.drivername else "pip install aiosqlite",
        ) from cause
    except SQLAlchemyError:
        raise ConfigurationError("[store] url cannot be used") from None


def _sqlite(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, json_serializer=as_json, connect_args={"timeout": TIMEOUT})

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: object) -> None:
        connection.isolation_level = None  # the driver's own idea of transactions would end them at every DDL
        prepare(connection.cursor())

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES, False):  # a single read needs no transaction
            connection.exec_driver_sql("begin immediate")

    return engine
