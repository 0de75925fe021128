"""Whoever follows the revocations waits for nobody; and where nobody can look, memory is not believed."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bridge_core.auth.authenticate import Authenticator
from bridge_core.auth.following import LEASE, Follower
from bridge_core.auth.key_use import KeyUse
from bridge_core.auth.remembered import Verified
from bridge_core.call import Principal
from bridge_core.errors import Unavailable
from bridge_core.store.engine import Store, open_store
from bridge_core.store.revocations import announce
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

ADA = Principal("7", ("support",))
CONNECTIONS = {"sqlite": 15, "postgresql": 8}  # that the pool has at most


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_18")
    return server.database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()


def remembering() -> Authenticator:
    """Return an authenticator that has verified one credential."""
    made = Authenticator([])
    made.memory.keep("Bearer x", Verified(ADA, float("inf"), ("user:7",)))
    return made


async def test_a_look_does_not_wait_for_a_connection_of_the_pool(url: str, store: Store) -> None:
    authenticator = remembering()
    follower = Follower(store, authenticator, KeyUse(store), clock=time.time)
    async with AsyncExitStack() as stack:
        for _ in range(CONNECTIONS[url.partition(":")[0]]):
            _ = await stack.enter_async_context(store.reading())

        await asyncio.wait_for(follower.look(), LEASE)

    assert authenticator.memory.lease > 0


async def test_a_look_does_not_wait_for_housekeeping(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    store = await open_store(f"sqlite:///{path}")
    authenticator, key_use = remembering(), KeyUse(store)
    key_use.note("k", 1.0)
    now = 1_000.0
    follower = Follower(store, authenticator, key_use, clock=lambda: now)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")  # what is noted about the key waits for this
        follower.start()
        try:
            async with asyncio.timeout(2):
                while authenticator.memory.lease < 1_000.0 + LEASE:
                    await asyncio.sleep(0)
                now = 1_001.0
                while authenticator.memory.lease < 1_001.0 + LEASE:
                    await asyncio.sleep(0)
        finally:
            other.execute("rollback")
            await follower.close()
            await store.close()


async def test_what_is_revoked_elsewhere_is_forgotten_at_the_next_look(url: str, store: Store) -> None:
    other = await open_store(url)
    authenticator = Authenticator([])
    follower = Follower(store, authenticator, KeyUse(store), clock=time.time)
    await follower.look()
    authenticator.memory.keep("Bearer x", Verified(ADA, float("inf"), ("user:7",)))
    authenticator.memory.keep("Bearer y", Verified(ADA, float("inf"), ("user:8",)))
    async with other.writing() as connection:
        await announce(connection, ["user:7"], now=1.0, expires=2.0**40)

    await follower.look()

    assert authenticator.remembered("Bearer x") is None
    assert authenticator.remembered("Bearer y") == ADA
    await other.close()


async def test_where_nobody_can_look_the_lease_runs_out(store: Store) -> None:
    now = 0.0
    authenticator = Authenticator([], clock=lambda: now)
    follower = Follower(store, authenticator, KeyUse(store), clock=lambda: now)
    await follower.look()
    authenticator.memory.keep("Bearer x", Verified(ADA, float("inf"), ("user:7",)))
    assert authenticator.remembered("Bearer x") == ADA

    async with store.writing() as connection:
        await connection.exec_driver_sql("alter table bridge_state rename to bridge_gone")
    now = LEASE - 0.1
    with pytest.raises(Unavailable):
        await follower.look()

    assert authenticator.remembered("Bearer x") == ADA
    now = LEASE
    assert authenticator.remembered("Bearer x") is None
