"""What became of a keyed write to an SQLite file: known where the file may hold a ledger, else honestly not."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from bridge_sql.sqlite import SqliteAdapter
from bridge_sql.sqlite_ledger import KEPT, TABLE, Ledger
from bridge_sql.sqlite_plugin import SqliteSettings, connect_sqlite

from bridge_core.adapter import AdapterContext, Transactions
from bridge_core.errors import BridgeError, Conflict, Outcome
from bridge_core.operations import Create, Delete, Update, WriteOptions, Written
from bridge_core.query import Condition, Op
from bridge_core.query import Path as FieldPath
from bridge_core.upstream import Threads

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table things (id integer primary key, n integer)")
    return file


async def opened(path: Path, *, ledger: bool) -> SqliteAdapter:
    context = AdapterContext("shop", Threads(8), time.monotonic, lambda: time.monotonic() + 10)
    adapter = await connect_sqlite(SqliteSettings(path=path, ledger=ledger), context)
    assert isinstance(adapter, SqliteAdapter)
    return adapter


@pytest.fixture(params=[True, False], ids=["with a ledger", "without"])
async def adapter(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[SqliteAdapter]:
    connected = await opened(path, ledger=request.param)
    yield connected
    await connected.close()


@pytest.fixture
async def kept(path: Path) -> AsyncIterator[SqliteAdapter]:
    connected = await opened(path, ledger=True)
    yield connected
    await connected.close()


class Notary:
    """Takes tokens down, or objects."""

    def __init__(self, objection: BaseException | None = None) -> None:
        self.tokens: list[str] = []
        self.answers: list[Written] = []
        self._objection = objection

    async def __call__(self, token: str, answer: Written) -> None:
        self.tokens.append(token)
        self.answers.append(answer)
        if self._objection is not None:
            raise self._objection


async def create(adapter: SqliteAdapter, notary: Notary, key: str = "k1", *, dry_run: bool = False) -> Written:
    (model,) = await adapter.describe()
    options = WriteOptions(key=key, witness=notary, returning=(), dry_run=dry_run)
    return await adapter.create(Create(model, [{"n": 1}], ("n",), options=options))


def rows(path: Path, table: str = "things") -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


async def test_the_ledger_is_no_model(adapter: SqliteAdapter) -> None:
    assert [model.name for model in await adapter.describe()] == ["things"]
    assert isinstance(adapter, Transactions)


async def test_a_write_is_taken_down_before_it_is_committed(adapter: SqliteAdapter, path: Path) -> None:
    notary = Notary()

    answer = await create(adapter, notary)

    assert notary.answers == [answer]
    assert rows(path) == 1


async def test_a_witness_who_objects_has_nothing_applied(adapter: SqliteAdapter, path: Path) -> None:
    with pytest.raises(BridgeError, match="no"):
        await create(adapter, Notary(BridgeError("no")))

    assert rows(path) == 0


async def test_the_outcome_is_known_with_a_ledger(kept: SqliteAdapter) -> None:
    notary = Notary()
    await create(kept, notary)
    with pytest.raises(BridgeError):
        await create(kept, Notary(BridgeError("no")), "k2")

    assert await kept.outcome_of(notary.tokens[0]) is Outcome.APPLIED
    assert await kept.outcome_of("k2") is Outcome.NOT_APPLIED


async def test_without_a_ledger_nobody_knows(path: Path) -> None:
    adapter = await opened(path, ledger=False)
    notary = Notary()
    await create(adapter, notary)

    assert await adapter.outcome_of(notary.tokens[0]) is Outcome.UNKNOWN
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_schema where name = ?", (TABLE,)).fetchone() is None
    await adapter.close()


async def test_of_two_tries_with_one_key_one_is_applied(kept: SqliteAdapter, path: Path) -> None:
    answers = await asyncio.gather(*(create(kept, Notary()) for _ in range(5)), return_exceptions=True)

    refused = [each for each in answers if isinstance(each, Conflict)]
    assert [(each.code, each.outcome) for each in refused] == [("BRG409", Outcome.APPLIED)] * 4
    assert rows(path) == rows(path, TABLE) == 1


async def test_updates_and_deletes_are_taken_down_too(kept: SqliteAdapter) -> None:
    await create(kept, Notary())
    (model,) = await kept.describe()
    where, notary = Condition(FieldPath("id"), Op.EQ, 1), Notary()

    await kept.update(Update(model, {"n": 2}, where, options=WriteOptions(key="u", witness=notary)))
    await kept.delete(Delete(model, where, options=WriteOptions(key="d", witness=notary)))

    assert notary.tokens == ["u", "d"]
    assert [answer.affected for answer in notary.answers] == [1, 1]


async def test_a_trial_is_no_entry(kept: SqliteAdapter, path: Path) -> None:
    notary = Notary()
    await create(kept, notary, dry_run=True)

    assert notary.tokens == []
    assert rows(path, TABLE) == rows(path) == 0


async def test_entries_that_nobody_asks_for_any_more_are_dropped(path: Path) -> None:
    now = [1e9]
    ledger = Ledger(kept=True, clock=lambda: now[0])

    async def write(connection: sqlite3.Connection, key: str) -> None:
        sealed = ledger.sealing(WriteOptions(key=key, witness=Notary()), lambda _: Written(1))
        await asyncio.to_thread(sealed, connection)

    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        ledger.open(connection)
        for key in ("old", "new"):
            await write(connection, key)
            now[0] += KEPT + 1
        connection.commit()

        assert [row[0] for row in connection.execute(f"select key from {TABLE}")] == ["new"]
