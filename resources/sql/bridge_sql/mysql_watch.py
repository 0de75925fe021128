"""Following the schema of a MySQL or MariaDB database: reflection, and a look at the catalogue now and then."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import sqlalchemy as sa
from bridge_sql.mysql_pool import Pool
from bridge_sql.reflect import Catalogue, reflect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bridge_core.errors import BridgeError, Unavailable, UnknownName

# Every change of a column, key or table that a description shows changes one of these sums.
_FINGERPRINT: Final = """
SELECT CONCAT_WS(':',
    (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ({0})),
    (SELECT CONCAT(COUNT(*), '-', BIT_XOR(CRC32(CONCAT_WS('|', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION,
        COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT, COLLATION_NAME))))
       FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({0})),
    (SELECT CONCAT(COUNT(*), '-', BIT_XOR(CRC32(CONCAT_WS('|', TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE,
        SEQ_IN_INDEX, COLUMN_NAME)))) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN ({0})),
    (SELECT CONCAT(COUNT(*), '-', BIT_XOR(CRC32(CONCAT_WS('|', TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, CONSTRAINT_NAME,
        REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME))))
       FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA IN ({0})))
"""


class Watch:
    """Describes one database, and waits until it may be described differently."""

    def __init__(self, pool: Pool, schemas: Sequence[str], poll: float = 5.0) -> None:
        """Take how many seconds lie between two looks."""
        self._pool = pool
        self._schemas = tuple(schemas)
        self._poll = poll
        self._stale = asyncio.Event()
        self._known: object = None
        self.is_mariadb = False

    async def reflected(self) -> Catalogue:
        """Read the catalogue over a connection of its own."""

        async def connect() -> object:
            return (await self._pool.connected()).connection

        def read(connection: sa.Connection) -> tuple[Catalogue, bool]:
            return reflect(connection, self._schemas), bool(getattr(connection.dialect, "is_mariadb", False))

        known = await self._fingerprint()
        engine = create_async_engine("mysql+asyncmy://", async_creator=connect, poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                catalogue, self.is_mariadb = await connection.run_sync(read)
        except (sa.exc.DBAPIError, OSError) as failure:
            raise Unavailable("the database could not be described", hint=type(failure).__name__) from failure
        finally:
            await engine.dispose()
        self._known = known
        self._stale.clear()
        return catalogue

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Look at the schema again when a statement met another than the described one."""
        try:
            yield
        except UnknownName:
            self._stale.set()
            raise

    async def changed(self) -> None:
        """Wait for a hint, or for a change that a look finds."""
        while not self._stale.is_set():
            with suppress(BridgeError):  # out of reach: look again later
                if await self._fingerprint() != self._known:
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._stale.wait()

    async def close(self) -> None:
        """End the wait."""
        self._stale.set()

    async def _fingerprint(self) -> object:
        sql = _FINGERPRINT.format(", ".join("?" for _ in self._schemas))
        async with self._pool.lent("information_schema") as session:
            ((found,),) = (await session.run(sql, self._schemas * 4)).rows
        return found
