"""Statements that come together are committed together, and none takes another down."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select

from bridge_core.store.batches import Batches
from bridge_core.store.engine import Store, open_store
from bridge_core.store.tables import SETTINGS
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_18")
        url = server.database()
    opened = await open_store(url)
    yield opened
    await opened.close()


async def names(store: Store) -> list[str]:
    async with store.reading() as connection:
        return list((await connection.execute(select(SETTINGS.c.name).order_by(SETTINGS.c.name))).scalars())


async def test_many_at_once_share_few_commits(store: Store) -> None:
    commits = []
    event.listen(store._engine.sync_engine, "commit", lambda connection: commits.append(1))
    batches = Batches(store)

    await asyncio.gather(
        *(batches.run(insert(SETTINGS).values(name=f"{n:02}", value="v", changed=0.0)) for n in range(50))
    )

    assert len(await names(store)) == 50
    assert len(commits) <= 3


async def test_a_statement_that_fails_takes_no_other_along(store: Store) -> None:
    batches = Batches(store)
    wanted = ["a", "b", "a", "c", "b", "d"]

    answers = await asyncio.gather(
        *(batches.run(insert(SETTINGS).values(name=name, value="v", changed=0.0)) for name in wanted),
        return_exceptions=True,
    )

    assert [isinstance(each, Exception) for each in answers] == [False, False, True, False, True, False]
    assert await names(store) == ["a", "b", "c", "d"]


async def test_who_leaves_leaves_the_others_be(store: Store) -> None:
    batches = Batches(store)
    tasks = [
        asyncio.create_task(batches.run(insert(SETTINGS).values(name=name, value="v", changed=0.0))) for name in "abc"
    ]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    await batches.run(insert(SETTINGS).values(name="d", value="v", changed=0.0))
    assert await names(store) == ["a", "b", "c", "d"]
