"""The bridge's own state survives, stays private, and tells every worker what was revoked."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bridge_core.errors import ConfigurationError, Conflict, Unavailable, UnknownName
from bridge_core.store import keys, users, values
from bridge_core.store.engine import Store, open_store
from bridge_core.store.revocations import announce, news, purge, revoked
from bridge_core.store.tables import METADATA
from tests.support.postgres import PostgresServer

NOW = 1_000.0

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bridge.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_18")
    return server.database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()


async def test_several_servers_may_start_at_once(url: str) -> None:
    stores = await asyncio.gather(*(open_store(url) for _ in range(4)))

    versions = [(await news(each, None)).version for each in stores]

    assert versions == [0] * 4
    await asyncio.gather(*(each.close() for each in stores))


async def test_a_start_waits_for_another_process_that_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("create table something (id)")
        other.execute("begin immediate")
        release = Timer(0.2, other.execute, ["commit"])
        release.start()

        store = await open_store(f"sqlite:///{path}")

        release.join()
    assert (await news(store, None)).version == 0
    await store.close()


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(store: Store) -> None:
    async with store.reading() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
        )

    assert differences == []


async def test_a_sqlite_store_is_private_with_its_side_files(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    path.touch(0o644)
    store = await open_store(f"sqlite:///{path}")
    await values.keep(store, "a", "b", now=NOW)

    assert modes(tmp_path) == {0o600}
    await store.close()


def modes(folder: Path) -> set[int]:
    return {each.stat().st_mode & 0o777 for each in folder.iterdir()}


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "http://h/", "sqlite:////no/such/folder/bridge.db"])
async def test_a_store_that_cannot_be_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\[store\] url"):
        await open_store(url)


async def test_a_store_that_cannot_be_reached_is_unavailable() -> None:
    with pytest.raises(Unavailable) as failure:
        await open_store("postgresql://user:hunter2@127.0.0.1:1/nowhere")

    assert "hunter2" not in str(failure.value)


async def test_an_address_has_one_account_however_it_is_written(store: Store) -> None:
    await users.add(store, " Ada@Example.com", "hash", ["support"], {"country": "FR"}, now=NOW)

    found = await users.by_email(store, "ADA@example.COM ")

    assert found is not None
    assert (found.email, found.roles, found.claims) == ("ada@example.com", ("support",), {"country": "FR"})
    with pytest.raises(Conflict):
        await users.add(store, "ada@example.com", "other", [], {}, now=NOW)


async def test_a_change_of_a_user_is_told_to_others_in_the_same_transaction(store: Store) -> None:
    user = await users.add(store, "ada@example.com", "hash", ["admin"], {}, now=NOW)
    before = await news(store, None)

    changed = await users.change(store, "ada@example.com", now=NOW, roles=["support"])

    told = await news(store, before.version)
    assert changed.generation == user.generation + 1
    assert (told.handles, told.complete) == (frozenset({f"user:{user.id}"}), True)


async def test_a_failed_transaction_leaves_nothing_behind(store: Store) -> None:
    before = await news(store, None)

    async def fail() -> None:
        async with store.writing() as connection:
            await announce(connection, ["user:1"], now=NOW, expires=NOW + 60)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await news(store, None) == before


async def test_news_arrive_in_order_whoever_announces_them(url: str, store: Store) -> None:
    other = await open_store(url)
    heard: set[str] = set()
    version = (await news(store, None)).version

    async def announce_many(through: Store, name: str) -> None:
        for n in range(20):
            async with through.writing() as connection:
                await announce(connection, [f"{name}:{n}"], now=NOW, expires=NOW + 60)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(announce_many(store, "a"))
        tasks.create_task(announce_many(other, "b"))
        while len(heard) < 40:
            told = await news(store, version)
            assert told.complete
            version, heard = told.version, heard | told.handles

    assert heard == {f"{name}:{n}" for name in "ab" for n in range(20)}
    await other.close()


async def test_whoever_missed_news_that_are_gone_learns_that(store: Store) -> None:
    async with store.writing() as connection:
        await announce(connection, ["session:1"], now=NOW, expires=NOW + 60)
    await purge(store, now=NOW + 61)

    assert not (await news(store, 0)).complete


async def test_a_revocation_holds_until_nothing_is_left_to_revoke(store: Store) -> None:
    async with store.writing() as connection:
        await announce(connection, ["session:1"], now=NOW, expires=NOW + 60)
    async with store.reading() as connection:
        assert await revoked(connection, ["token:1", "session:1"], now=NOW + 59) == NOW
        assert await revoked(connection, ["token:1"], now=NOW) is None


async def test_a_key_is_found_by_its_whole_text_alone(store: Store) -> None:
    text = await keys.create(store, "import", ["writer"], {}, now=NOW, expires=None)

    found = await keys.find(store, text)

    assert found is not None
    assert found.roles == ("writer",)
    assert text not in repr(found)
    for wrong in (text[:-1], text + "x", text.swapcase(), text.split("_", 2)[0], "brk_", "brk__", f"brk_{found.id}_"):
        assert await keys.find(store, wrong) is None


async def test_a_revoked_or_expired_key_no_longer_counts(store: Store) -> None:
    text = await keys.create(store, "import", [], {}, now=NOW, expires=NOW + 10)
    found = await keys.find(store, text)
    assert found is not None
    assert (found.counts(NOW + 9), found.counts(NOW + 10)) == (True, False)

    await keys.revoke(store, found.id, now=NOW)

    again = await keys.find(store, text)
    assert again is not None
    assert not again.counts(NOW)
    with pytest.raises(UnknownName):
        await keys.revoke(store, found.id, now=NOW)


async def test_use_of_a_key_is_noted(store: Store) -> None:
    text = await keys.create(store, "import", [], {}, now=NOW, expires=None)
    (before,) = await keys.every(store)

    await keys.used(store, {before.id: NOW + 5})

    (after,) = await keys.every(store)
    assert (before.last_used, after.last_used) == (None, NOW + 5)
    assert text.startswith("brk_")


async def test_the_project_token_is_kept(store: Store) -> None:
    await values.keep(store, values.PROJECT_TOKEN, "old", now=NOW)
    await values.keep(store, values.PROJECT_TOKEN, "new", now=NOW)

    assert await values.load(store, values.PROJECT_TOKEN) == "new"
    assert await values.load(store, "other") is None
