"""Changes that come together are committed together, and none takes another down."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update

from bridge_core.errors import Unavailable
from bridge_core.store import batches as store_batches
from bridge_core.store.batches import Batches, Writer
from bridge_core.store.engine import Store, open_store
from bridge_core.store.lanes import Lane
from bridge_core.store.statements import Change, Done, Query, Statement
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


@pytest.fixture
def writer(store: Store) -> "Watched":
    return Watched(store.batches._writer)


class Watched:
    """The real writer; notes what was committed, and whether synced; fails as long as it is told to."""

    def __init__(self, inner: Writer) -> None:
        self._inner = inner
        self.commits: list[tuple[int, bool]] = []
        self.broken = False

    async def commit(self, changes: Sequence[Change], *, synced: bool) -> Sequence[Done]:
        self.commits.append((len(changes), synced))
        if self.broken:
            raise Unavailable("gone")
        return await self._inner.commit(changes, synced=synced)


INSERT = Statement(insert(SETTINGS), ("name", "value", "changed"))
RENAME = Statement(update(SETTINGS).where(SETTINGS.c.name == bindparam("at_name")).values(name=bindparam("to_name")))


def named(name: str) -> dict[str, Any]:
    return {"name": name, "value": "v", "changed": 0.0}


async def test_many_at_once_share_few_commits(store: Store, writer: Watched) -> None:
    batches = Batches(writer)

    done = await asyncio.gather(*(batches.run(INSERT, named(f"{n:02}")) for n in range(50)))

    assert [each.rows for each in done] == [1] * 50
    assert len(await names(store)) == 50
    assert len(writer.commits) <= 3


async def test_a_change_that_fails_takes_no_other_along(store: Store) -> None:
    wanted = ["a", "b", "a", "c", "b", "d"]

    answers = await asyncio.gather(*(store.batches.run(INSERT, named(name)) for name in wanted), return_exceptions=True)

    assert [isinstance(each, Exception) for each in answers] == [False, False, True, False, True, False]
    assert await names(store) == ["a", "b", "c", "d"]


async def test_who_leaves_leaves_the_others_be(store: Store) -> None:
    tasks = [asyncio.create_task(store.batches.run(INSERT, named(name))) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    await store.batches.run(INSERT, named("d"))
    assert await names(store) == ["a", "b", "c", "d"]


async def test_what_may_be_later_goes_along_with_the_next_commit(store: Store, writer: Watched) -> None:
    batches = Batches(writer)
    await batches.run(INSERT, named("a"))
    batches.later(RENAME, {"at_name": "a", "to_name": "b"})

    await batches.run(INSERT, named("c"))

    assert await names(store) == ["b", "c"]
    assert writer.commits == [(1, True), (2, True)]
    await batches.close()


async def test_what_nobody_waits_for_is_made_without_a_sync(store: Store, writer: Watched) -> None:
    batches = Batches(writer)
    await batches.run(INSERT, named("a"))
    batches.later(RENAME, {"at_name": "a", "to_name": "b"})

    await batches.flush()

    assert await names(store) == ["b"]
    assert writer.commits[-1] == (1, False)
    await batches.run(INSERT, named("c"))
    assert writer.commits[-1] == (1, True)
    await batches.close()


async def test_what_may_be_later_outlasts_a_store_that_fails(store: Store, writer: Watched) -> None:
    batches = Batches(writer)
    await batches.run(INSERT, named("a"))
    batches.later(RENAME, {"at_name": "a", "to_name": "b"})
    writer.broken = True
    with pytest.raises(Unavailable):
        await batches.run(INSERT, named("c"))

    writer.broken = False
    await batches.close()

    assert await names(store) == ["b"]


async def test_a_failing_store_is_asked_once_for_all(writer: Watched) -> None:
    batches = Batches(writer)
    writer.broken = True

    answers = await asyncio.gather(*(batches.run(INSERT, named(f"{n}")) for n in range(20)), return_exceptions=True)

    assert all(isinstance(each, Unavailable) for each in answers)
    assert len(writer.commits) == 1


async def test_there_is_a_bound_to_what_waits(writer: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_batches, "MAX_WAITING", 10)
    batches = Batches(writer)

    answers = await asyncio.gather(*(batches.run(INSERT, named(f"{n}")) for n in range(20)), return_exceptions=True)

    assert [isinstance(each, Unavailable) for each in answers] == [False] * 10 + [True] * 10


async def test_a_commit_waits_for_the_lock_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    store = await open_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        waiting = asyncio.create_task(store.batches.run(INSERT, named("a")))
        await store.look(Query(select(SETTINGS.c.name)))
        assert not waiting.done()
        other.execute("commit")

    assert (await waiting).rows == 1
    await store.close()


async def test_only_a_commit_that_may_get_lost_is_not_synced(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}")
    lane = store.batches._writer
    assert isinstance(lane, Lane)
    seen: list[tuple[int]] = []
    for synced in (True, False, True):
        await lane.commit([Change(INSERT, named(f"{len(seen)}"))], synced=synced)
        (row,) = await lane._run(lambda connection: connection.execute("pragma synchronous").fetchall())
        seen.append(row)

    assert seen == [(2,)] * 3  # full, before and after
    await store.close()
