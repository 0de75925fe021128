"""Every write leaves a record, whatever becomes of it; reads leave none and wait for nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge_core.call import Call, Principal
from bridge_core.errors import Conflict, Outcome, Unavailable
from bridge_core.layers.audit import HIDDEN, Redaction, audit
from bridge_core.operations import (
    Answer,
    Create,
    Delete,
    Page,
    Read,
    Record,
    Update,
    Write,
    WriteOptions,
    Written,
    page_of,
)
from bridge_core.query import EVERYTHING, Condition, Not, Op
from bridge_core.query import Path as FieldPath
from bridge_core.schema import Field, FieldType, Model
from bridge_core.store import batches as store_batches
from bridge_core.store.audit import StoreTrail, forget, trail
from bridge_core.store.batches import Batches, Writer
from bridge_core.store.engine import Store, open_store
from bridge_core.store.statements import Change, Done
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

NAMES = ("id", "email", "password_hash", "note")
CUSTOMERS = Model("customers", tuple(Field(name, FieldType.TEXT) for name in NAMES), key=("id",), resource="shop")
ADA = Principal("7", ("support",))
WHERE = Condition(FieldPath("email"), Op.EQ, "ada@example.com")


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_18")
        url = server.database()
    opened = await open_store(url)
    yield opened
    await opened.close()


@pytest.fixture
async def kept(store: Store) -> AsyncIterator[StoreTrail]:
    made = StoreTrail(store)
    yield made
    await made.close()


class Counting:
    """A writer that notes its commits: whether each was synced."""

    def __init__(self, inner: Writer) -> None:
        self._inner = inner
        self.commits: list[bool] = []

    async def commit(self, changes: Sequence[Change], *, synced: bool) -> Sequence[Done]:
        self.commits.append(synced)
        return await self._inner.commit(changes, synced=synced)


class Backend:
    """Answers as a test says, and knows what it was asked."""

    def __init__(self, answer: Answer | BaseException, present: Sequence[Record] = ()) -> None:
        self.answer = answer
        self.present = present
        self.asked: list[Call] = []

    async def __call__(self, call: Call) -> Answer:
        self.asked.append(call)
        if isinstance(call.operation, Read):
            return page_of(self.present)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


async def written(
    store: Store, kept: StoreTrail, operation: Write, backend: Backend, **options: Any
) -> Mapping[str, Any]:
    """Run a write through the layer and return its record."""
    handle = audit(kept, Redaction(frozenset({"note"})), lambda: 1.0, **options)(backend)
    (result,) = await asyncio.gather(handle(Call(operation, ADA, float("inf"))), return_exceptions=True)
    assert result is backend.answer
    await kept.close()
    (record,) = await trail(store)
    return record


async def test_a_record_says_who_did_what(store: Store, kept: StoreTrail) -> None:
    update = Update(CUSTOMERS, {"email": "new@example.com"}, Not(WHERE))

    record = await written(store, kept, update, Backend(Written(3)))

    assert {name: record[name] for name in ("subject", "roles", "resource", "model", "verb")} == {
        "subject": "7", "roles": ["support"], "resource": "shop", "model": "customers", "verb": "update"
    }  # fmt: skip
    assert record["asked"] == {"set": {"email": "new@example.com"}, "where": "not.email.eq.ada@example.com"}
    assert (record["state"], record["outcome"], record["affected"], record["error"]) == ("done", "applied", 3, None)
    assert len(record["request_id"]) == 32


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (Written(0), "applied", None),
        (Written(1, outcome=Outcome.UNKNOWN), "unknown", None),
        (Conflict("no"), "not_applied", "23505"),
        (Unavailable("gone", outcome=Outcome.UNKNOWN), "unknown", "PGRST000"),
        (RuntimeError("bug"), "unknown", "RuntimeError"),
    ],
)
async def test_a_record_says_what_became_of_it(
    store: Store, kept: StoreTrail, answer: Answer | Exception, outcome: str, error: str | None
) -> None:
    record = await written(store, kept, Delete(CUSTOMERS, WHERE), Backend(answer))

    assert (record["state"], record["outcome"], record["error"]) == ("done", outcome, error)


@pytest.mark.parametrize(
    "operation",
    [
        Create(CUSTOMERS, [{"id": "1", "password_hash": "CANARY", "note": "CANARY"}], ("id", "password_hash", "note")),
        Update(CUSTOMERS, {"password_hash": "CANARY"}, EVERYTHING),
        Delete(CUSTOMERS, Condition(FieldPath("note"), Op.IN, ("CANARY",))),
    ],
)
async def test_secrets_and_configured_fields_are_not_recorded(store: Store, kept: StoreTrail, operation: Write) -> None:
    after = page_of([{"id": "1", "password_hash": "CANARY", "note": "CANARY"}])
    backend = Backend(Written(1, page=after), [{"id": "1", "password_hash": "CANARY", "note": "x"}])

    record = await written(store, kept, operation, backend, before=True)

    assert "CANARY" not in repr(record)
    assert HIDDEN in repr(record)


async def test_what_was_there_before_is_recorded_where_that_is_wished(store: Store, kept: StoreTrail) -> None:
    before = [{"id": "1", "email": "old@example.com"}, {"id": "2", "email": "new@example.com"}]
    after = page_of([{"id": "1", "email": "new@example.com"}, {"id": "2", "email": "new@example.com"}])
    backend = Backend(Written(2, page=after), before)
    update = Update(CUSTOMERS, {"email": "new@example.com"}, WHERE, scope=WHERE, options=WriteOptions(returning=()))

    record = await written(store, kept, update, backend, before=True)

    assert record["changes"] == [
        {"key": {"id": "1"}, "before": {"email": "old@example.com"}, "after": {"email": "new@example.com"}},
        {"key": {"id": "2"}, "before": {}, "after": {}},
    ]
    read = backend.asked[0].operation
    assert isinstance(read, Read)
    assert (read.where, read.scope) == (WHERE, WHERE)


async def test_new_records_are_named_by_their_keys(store: Store, kept: StoreTrail) -> None:
    create = Create(CUSTOMERS, [{"email": "a"}], ("email",))

    record = await written(store, kept, create, Backend(Written(1, 1, keys=[{"id": "9"}])))

    assert record["changes"] == [{"key": {"id": "9"}, "after": {"id": "9"}}]


@pytest.mark.parametrize("value", [b"\xff\x00", "a\0b", "\ud800", "x" * 10_000, float("nan"), {1: object()}, 10**40])
async def test_any_value_can_be_recorded(store: Store, kept: StoreTrail, value: object) -> None:
    record = await written(store, kept, Update(CUSTOMERS, {"email": value}, EVERYTHING), Backend(Written(1)))

    assert record["state"] == "done"
    assert len(repr(record["asked"])) < 1_000


async def test_a_write_whose_record_was_never_ended_shows_as_pending(store: Store, kept: StoreTrail) -> None:
    crashed = asyncio.get_running_loop().create_future()

    async def hang(call: Call) -> Answer:
        crashed.set_result(None)
        await asyncio.Event().wait()
        raise AssertionError

    handle = audit(kept, Redaction(), lambda: 1.0)(hang)
    task = asyncio.ensure_future(handle(Call(Delete(CUSTOMERS, WHERE), ADA, float("inf"))))
    await crashed

    (record,) = await trail(store, pending=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await kept.close()

    assert (record["state"], record["outcome"]) == ("pending", None)
    assert [each["outcome"] for each in await trail(store)] == ["unknown"]


async def test_what_cannot_be_recorded_is_not_tried(store: Store, kept: StoreTrail) -> None:
    async with store.writing() as connection:
        await connection.exec_driver_sql("drop table bridge_audit")
    backend = Backend(Written(1))

    with pytest.raises(Unavailable):
        await audit(kept, Redaction(), lambda: 1.0)(backend)(Call(Delete(CUSTOMERS, WHERE), ADA, float("inf")))

    assert backend.asked == []


async def test_many_writes_at_once_are_all_recorded_in_few_commits(store: Store, kept: StoreTrail) -> None:
    store.batches = batches = Batches(counting := Counting(store.batches._writer))
    handle = audit(StoreTrail(store), Redaction(), lambda: 1.0)(Backend(Written(1)))

    await asyncio.gather(*(handle(Call(Delete(CUSTOMERS, WHERE), ADA, float("inf"))) for _ in range(500)))
    await batches.close()

    records = await trail(store, limit=1_000)
    assert [each["state"] for each in records] == ["done"] * 500
    assert len({each["request_id"] for each in records}) == 500
    assert len(counting.commits) <= 3


async def test_writes_one_after_the_other_pay_for_one_commit_each(store: Store, kept: StoreTrail) -> None:
    store.batches = batches = Batches(counting := Counting(store.batches._writer))
    handle = audit(StoreTrail(store), Redaction(), lambda: 1.0)(Backend(Written(1)))

    for _ in range(20):
        await handle(Call(Delete(CUSTOMERS, WHERE), ADA, float("inf")))
    await batches.close()

    assert counting.commits.count(True) == 20
    assert [each["state"] for each in await trail(store)] == ["done"] * 20


async def test_an_outcome_is_written_soon_without_another_write(
    store: Store, kept: StoreTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_batches, "SOON", 0.0)
    handle = audit(kept, Redaction(), lambda: 1.0)(Backend(Written(1)))

    await handle(Call(Delete(CUSTOMERS, WHERE), ADA, float("inf")))

    async with asyncio.timeout(5):
        while await trail(store, pending=True):
            await asyncio.sleep(0)


async def test_a_record_that_cannot_be_kept_stops_its_own_write_only(store: Store, kept: StoreTrail) -> None:
    good, bad = Backend(Written(1)), Backend(Written(1))
    call = Call(Delete(CUSTOMERS, WHERE), ADA, float("inf"))
    nobody = Call(call.operation, Principal(None, ("support",)), float("inf"))  # type: ignore[arg-type]  # on purpose

    results = await asyncio.gather(
        audit(kept, Redaction(), lambda: 1.0)(good)(call),
        audit(kept, Redaction(), lambda: 1.0)(bad)(nobody),
        return_exceptions=True,
    )

    await kept.close()
    assert (results[0], bad.asked) == (good.answer, [])
    assert isinstance(results[1], Unavailable)
    assert [each["subject"] for each in await trail(store)] == ["7"]


CRASHING = """
import asyncio, os, sys
from bridge_core.call import Call, Principal
from bridge_core.layers.audit import Redaction, audit
from bridge_core.operations import Delete, Written
from bridge_core.schema import Field, FieldType, Model
from bridge_core.query import EVERYTHING
from bridge_core.store.audit import StoreTrail
from bridge_core.store.engine import open_store

MODEL = Model("customers", (Field("id", FieldType.TEXT),), key=("id",), resource="shop")

async def main():
    async def inner(call):
        if call.principal.subject == "dies":
            os.kill(os.getpid(), 9)
        return Written(1)

    store = await open_store(sys.argv[1])
    handle = audit(StoreTrail(store), Redaction(), lambda: 1.0)(inner)
    for subject in ("first", "dies"):
        await handle(Call(Delete(MODEL, EVERYTHING), Principal(subject), float("inf")))

asyncio.run(main())
"""


async def test_a_server_that_dies_within_a_write_leaves_it_pending(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", CRASHING, url)
    assert await died.wait() == -9

    store = await open_store(url)
    records = await trail(store)
    await store.close()

    assert [(each["subject"], each["state"]) for each in records] == [("dies", "pending"), ("first", "done")]


async def test_reads_leave_no_record(kept: StoreTrail, store: Store) -> None:
    page = Page()

    async def inner(call: Call) -> Answer:
        return page

    assert await audit(kept, Redaction(), lambda: 1.0)(inner)(Call(Read(CUSTOMERS), ADA, 1.0)) is page
    assert await trail(store) == []


async def test_old_records_are_forgotten(store: Store, kept: StoreTrail) -> None:
    await written(store, kept, Delete(CUSTOMERS, WHERE), Backend(Written(1)))

    await forget(store, until=2.0)

    assert await trail(store) == []
