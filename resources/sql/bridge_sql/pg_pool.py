"""Connections to PostgreSQL: one pool that can only read, one that writes, and what their failures mean.

Reads run in sessions that are read-only and limited in time by the database itself, so no transaction is needed around
a single statement. No session ever changes its state, except within a transaction that is its own.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from bridge_sql.errors import from_sqlstate, lost
from bridge_sql.pg_connections import Connections
from pydantic import SecretStr

from bridge_core.errors import BridgeError, ConfigurationError, Saturated, Unavailable

_WAIT: Final = 2.0  # seconds for a free connection: a caller behind a full pool had better come again
_STATEMENTS: Final = 1_000  # prepared statements kept per connection


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How to reach a database. Times are seconds."""

    url: SecretStr
    size: int = 10
    statement_timeout: float = 20.0
    connect_timeout: float = 10.0


class Pool:
    """A pool of connections to one database, that reads or writes."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @classmethod
    async def open(cls, settings: PoolSettings, *, writing: bool) -> "Pool":
        """Connect once, so that a wrong password or an unreachable server is told at once."""

        async def opened() -> Any:
            connection = await asyncpg.connect(
                settings.url.get_secret_value(),
                timeout=settings.connect_timeout,
                statement_cache_size=_STATEMENTS,
                max_cached_statement_lifetime=0,
                server_settings=_session(settings, writing=writing),
            )
            await connection.set_type_codec("json", schema="pg_catalog", encoder=_same, decoder=_same, format="binary")
            return connection

        connections = Connections(opened, size=settings.size, patience=_WAIT)
        with _start_up_errors():
            connections.give(await connections.take())
        return cls(connections)

    async def row(self, sql: str, parameters: Sequence[object], *, writing: bool = False) -> Any:
        """Run one statement and return its only row."""
        connection = await self._free()
        try:
            row = await connection.fetchrow(sql, *parameters)
        except _FAILURES as failure:
            self._connections.settle(connection)
            raise translated(failure, writing=writing) from failure
        except BaseException:
            self._connections.settle(connection)
            raise
        self._connections.give(connection)
        return row

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncIterator[Any]:
        """Run statements that are applied together, or not at all when the block raises."""
        connection = await self._free()
        try:
            async with connection.transaction(readonly=readonly):
                yield connection
        except _FAILURES as failure:
            self._connections.settle(connection)
            raise translated(failure, writing=not readonly) from failure
        except BaseException:
            self._connections.settle(connection)
            raise
        self._connections.give(connection)

    async def close(self) -> None:
        """Let running statements end, for a short while, and close every connection."""
        await self._connections.close()

    async def _free(self) -> Any:
        try:
            return await self._connections.take()
        except _FAILURES as failure:
            raise translated(failure, writing=False) from failure


async def connect(settings: PoolSettings) -> Any:
    """Open one connection outside of the pools, which only reads."""
    return await asyncpg.connect(
        settings.url.get_secret_value(),
        timeout=settings.connect_timeout,
        server_settings=_session(settings, writing=False),
    )


def translated(failure: BaseException, *, writing: bool) -> BridgeError:
    """Return what a failure of the driver means to the caller."""
    state = failure.sqlstate if isinstance(failure, asyncpg.PostgresError) else None
    if writing and state and state.startswith(_BROKE_OFF):
        return lost(sent=True)
    if isinstance(failure, asyncpg.PostgresError) and state:
        return from_sqlstate(
            state,
            str(failure.args[0]) if failure.args else "",
            constraint=getattr(failure, "constraint_name", None),
            hint=getattr(failure, "hint", None),
        )
    if isinstance(failure, TimeoutError):
        return Saturated("every connection to the database is in use", code="PGRST003")
    return lost(sent=writing)


_BROKE_OFF: Final = ("08", "40003")  # states, also of the driver's own: nobody heard whether it was committed
_FAILURES: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def _session(settings: PoolSettings, *, writing: bool) -> Mapping[str, str]:
    milliseconds = str(int(settings.statement_timeout * 1000))
    return {
        "application_name": "bridge",
        "timezone": "UTC",
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        "default_transaction_read_only": "off" if writing else "on",
    }


def _same(value: bytes) -> bytes:
    return value


@contextmanager
def _start_up_errors() -> Iterator[None]:
    try:
        yield
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as failure:
        raise ConfigurationError("the database refuses this user or password", hint="look at `url`") from failure
    except asyncpg.InvalidCatalogNameError as failure:
        raise ConfigurationError("there is no database of that name", hint="look at `url`") from failure
    except (ValueError, asyncpg.ClientConfigurationError) as failure:
        raise ConfigurationError("`url` is not a PostgreSQL address", hint=_URL) from failure
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as failure:
        raise Unavailable(
            "the database cannot be reached", hint="is it running, and are host and port right?"
        ) from failure


_URL: Final = "it should look like postgresql://user:password@host:5432/database"
