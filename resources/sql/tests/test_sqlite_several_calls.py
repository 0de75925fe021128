"""A keyed write that takes several calls: done once and whole, or nobody says that it was."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from bridge_sql.sqlite import SqliteAdapter
from bridge_sql.sqlite_plugin import SqliteSettings, connect_sqlite

from bridge_core.adapter import AdapterContext
from bridge_core.bridge import Bridge, described
from bridge_core.call import Call, Principal
from bridge_core.errors import Conflict, Outcome
from bridge_core.operations import Create, Resolution, Update, Upsert, Verb, WriteOptions, Written
from bridge_core.policy import Policy, Rule
from bridge_core.query import Condition, Op
from bridge_core.query import Path as FieldPath
from bridge_core.router import Served
from bridge_core.store.engine import open_store
from bridge_core.store.idempotency import StoreMemory
from bridge_core.upstream import Threads

pytestmark = pytest.mark.anyio

ME = Principal("ada", ("clerk",))
OURS = Condition(FieldPath("tenant"), Op.EQ, "a")  # what the records do not name: each existing one is looked at first
RULES = {("clerk", "shop", "things"): Rule(dict.fromkeys(Verb), OURS)}
KEYED = WriteOptions(key="k1")


class _Killed(BaseException):
    """The server dies."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table things (id integer primary key, n integer, tenant text)")
        connection.executemany("insert into things values (?, 0, 'a')", [(1,), (2,), (3,)])
        connection.commit()
    return file


@pytest.fixture
async def adapter(path: Path) -> AsyncIterator[SqliteAdapter]:
    context = AdapterContext("shop", Threads(8), time.monotonic, lambda: time.monotonic() + 10)
    connected = await connect_sqlite(SqliteSettings(path=path, ledger=True), context)
    assert isinstance(connected, SqliteAdapter)
    yield connected
    await connected.close()


@pytest.fixture
async def bridge(adapter: SqliteAdapter, tmp_path: Path) -> AsyncIterator[Bridge]:
    store = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}")
    served = Served("shop", adapter, await described("shop", adapter))
    yield Bridge([served], Policy(RULES), memory=StoreMemory(store))
    await store.close()


async def upserted(bridge: Bridge) -> Written:
    records = [{"id": 1, "n": 5}, {"id": 2, "n": 6}, {"id": 3, "n": 7}]
    model = bridge.model(ME, "shop", "things")
    op = Create(model, records, ("id", "n"), upsert=Upsert(Resolution.MERGE, ("id",)), options=KEYED)
    answer = await bridge.handle(Call(op, ME, time.monotonic() + 10))
    assert isinstance(answer, Written)
    return answer


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [n for (n,) in connection.execute("select n from things order by id")]


async def test_each_call_of_a_keyed_write_is_made(bridge: Bridge, path: Path) -> None:
    first = await upserted(bridge)
    again = await upserted(bridge)

    assert numbers(path) == [5, 6, 7]
    assert (first.affected, first.failures) == (3, None)
    assert again == replace(first, replayed=True)


async def test_a_part_is_not_taken_for_the_whole(
    bridge: Bridge, adapter: SqliteAdapter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, calls = adapter.update, 0

    async def dying(op: Update, /) -> Written:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise _Killed
        return await update(op)

    monkeypatch.setattr(adapter, "update", dying)
    with pytest.raises(_Killed):
        await upserted(bridge)
    assert numbers(path) == [5, 0, 0]

    with pytest.raises(Conflict) as caught:
        await upserted(bridge)

    assert caught.value.outcome is Outcome.UNKNOWN
