"""Following the schema of a PostgreSQL database: reflection, notifications, and a cheap look now and then."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from bridge_sql.pg_pool import PoolSettings, connect
from bridge_sql.pg_types import PgTypes, column_types
from bridge_sql.reflect import Catalogue, reflect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bridge_core.errors import Unavailable

_SETTLE: Final = 0.1  # seconds: a migration notifies many times
_EVERY: Final = 5.0  # seconds between looks at the catalogue
_RETRY: Final = 2.0  # seconds until a lost connection is tried again

# Anything that CREATE, ALTER, DROP, COMMENT or GRANT does leaves a newer row in one of these tables, or fewer rows.
_FINGERPRINT: Final = """
SELECT string_agg(part, ',') FROM (
    SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) AS part FROM pg_catalog.pg_class
    UNION ALL SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM pg_catalog.pg_attribute
    UNION ALL SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM pg_catalog.pg_constraint
    UNION ALL SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM pg_catalog.pg_enum
    UNION ALL SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM pg_catalog.pg_type
) parts
"""


class Watch:
    """Describes one database, and waits until it may be described differently."""

    def __init__(self, settings: PoolSettings, schemas: Sequence[str], channel: str) -> None:
        """Take the channel whose notifications mean that the schema changed."""
        self._settings = settings
        self._schemas = schemas
        self._channel = channel
        self._told = asyncio.Event()
        self._connection: Any = None
        self._fingerprint: str | None = None

    async def reflected(self) -> tuple[Catalogue, PgTypes]:
        """Read the catalogue over a connection of its own."""

        def read(connection: sa.Connection) -> tuple[Catalogue, PgTypes]:
            # Taken first: what changes while the rest is read is then seen as news, not missed.
            self._fingerprint = connection.exec_driver_sql(_FINGERPRINT).scalar_one()
            return reflect(connection, self._schemas), column_types(connection, self._schemas)

        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=lambda: connect(self._settings), poolclass=NullPool
        )
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(read)
        except (sa.exc.DBAPIError, OSError, asyncpg.PostgresError) as failure:
            cause = failure.orig if isinstance(failure, sa.exc.DBAPIError) and failure.orig else failure
            raise Unavailable("the database could not be described", hint=type(cause).__name__) from failure
        finally:
            await engine.dispose()

    def stale(self) -> None:
        """Say that a statement met a schema other than the described one."""
        self._told.set()

    async def changed(self) -> None:
        """Wait for a notification, for a hint by `stale`, or for a change that a look finds."""
        while not await self._news():
            pass
        await asyncio.sleep(_SETTLE)
        self._told.clear()

    async def close(self) -> None:
        """Close the connection that listens."""
        if self._connection is not None:
            await self._connection.close()

    async def _news(self) -> bool:
        try:
            connection = await self._listening()
            found = await connection.fetchval(_FINGERPRINT)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self._connection = None
            await asyncio.sleep(_RETRY)
            return False
        if found != self._fingerprint:  # until a description has succeeded, it stays news
            return True
        try:
            await asyncio.wait_for(self._told.wait(), _EVERY)
        except TimeoutError:
            return False
        return True

    async def _listening(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._settings)
            await self._connection.add_listener(self._channel, lambda *_: self._told.set())
        return self._connection
