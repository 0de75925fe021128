"""A keyed write is done once, whatever fails, whoever dies, and however often it is sent."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from bridge_core.call import Call
from bridge_core.errors import (
    BadValue,
    BridgeError,
    Conflict,
    DeadlineExceeded,
    Outcome,
    Refused,
    Saturated,
    Unavailable,
)
from bridge_core.operations import Written
from bridge_core.schema import Literals
from bridge_core.store import owners
from bridge_core.store.engine import Store, open_store
from bridge_core.store.idempotency import KEPT, StoreMemory
from bridge_core.store.tables import IDEMPOTENCY
from tests.layers.bank import (
    ABLE,
    ADA,
    BOB,
    PAYMENTS,
    Bank,
    Honouring,
    Killed,
    Ledgered,
    Point,
    bridge_over,
    lost,
    pay,
    payment,
)
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


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[StoreMemory]:
    opened = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}")
    yield StoreMemory(opened)
    await opened.close()


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a process that is gone."""
    script = "from bridge_core.store.owners import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


async def test_the_answer_to_a_write_is_given_again(store: Store) -> None:
    bank, memory = Ledgered(), StoreMemory(store)

    first = await pay(bridge_over(bank, memory))
    again = await pay(bridge_over(bank, StoreMemory(store)))  # another worker

    assert len(bank.payments) == 1
    assert not first.replayed
    assert again == replace(first, replayed=True)


async def test_bytes_of_an_answer_are_given_again_as_they_were(memory: StoreMemory) -> None:
    bridge = bridge_over(Bank(), memory)
    await pay(bridge, payment(encoded=True))

    again = await pay(bridge, payment(encoded=True))

    assert again.page is not None
    assert again.page.encoded == b'[{"id":1,"amount":5}]'


@pytest.mark.parametrize("other", [payment(amount=6), payment(timezone="Europe/Rome"), replace(payment(), columns=())])
async def test_a_key_is_good_for_one_request_only(memory: StoreMemory, other: object) -> None:
    bank = Bank()
    bridge = bridge_over(bank, memory)
    await pay(bridge)

    with pytest.raises(Refused) as caught:
        await pay(bridge, other)  # type: ignore[arg-type]  # a write

    assert caught.value.code == "BRG422K"
    assert len(bank.payments) == 1


async def test_keys_belong_to_their_callers(memory: StoreMemory) -> None:
    bank = Bank()
    bridge = bridge_over(bank, memory)

    await pay(bridge, who=ADA)
    await pay(bridge, payment(amount=7), who=BOB)

    assert len(bank.payments) == 2
    assert len(set(bank.keys)) == 2  # the backend gets keys of our own, so that callers cannot meet there


async def test_while_a_write_is_under_way_its_key_is_taken(store: Store) -> None:
    bank = Ledgered()
    bank.stall["before"] = asyncio.Event()
    here, elsewhere = bridge_over(bank, StoreMemory(store)), bridge_over(bank, StoreMemory(store))
    first = asyncio.create_task(pay(here))
    await bank.reached.wait()

    for bridge in (here, elsewhere):
        with pytest.raises(Conflict) as caught:
            await pay(bridge)
        assert caught.value.code == "BRG409"

    bank.stall["before"].set()
    assert (await first).affected == 1
    assert (await pay(elsewhere)).replayed


async def test_many_at_once_are_one(store: Store) -> None:
    bank = Ledgered()
    bridges = [bridge_over(bank, StoreMemory(store)) for _ in range(3)]

    answers = await asyncio.gather(*(pay(bridges[n % 3]) for n in range(12)), return_exceptions=True)

    assert len(bank.payments) == 1
    assert all(isinstance(each, Written) or (isinstance(each, Conflict) and each.code == "BRG409") for each in answers)


async def test_what_was_not_applied_leaves_its_key_free(memory: StoreMemory) -> None:
    bank = Bank()
    bridge = bridge_over(bank, memory)
    for fault in (BadValue("no"), lost(Outcome.NOT_APPLIED)):
        bank.faults["before"] = fault
        with pytest.raises(type(fault)):
            await pay(bridge)

    assert not (await pay(bridge, payment(amount=9))).replayed
    assert bank.payments == [{"id": 1, "amount": 9}]


async def test_a_key_lives_for_a_day(store: Store) -> None:
    time = [1e9]
    bank = Bank()
    bridge = bridge_over(bank, StoreMemory(store, lambda: time[0]))
    await pay(bridge)
    time[0] += KEPT - 1
    assert (await pay(bridge)).replayed
    time[0] += 2

    assert not (await pay(bridge, payment(amount=6))).replayed


async def test_without_a_store_a_key_is_refused_and_nothing_is_written() -> None:
    bank = Bank()

    with pytest.raises(Refused, match="keeps no keys"):
        await pay(bridge_over(bank, None))

    await pay(bridge_over(bank, None), payment(key=None))
    assert len(bank.payments) == 1


async def test_a_store_that_does_not_answer_uses_up_the_time_of_the_request_and_no_more(
    memory: StoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stalled(*_: object) -> None:
        await asyncio.Event().wait()

    bank = Ledgered()
    monkeypatch.setattr(memory, "begin", stalled)

    with pytest.raises(DeadlineExceeded) as caught:
        await bridge_over(bank, memory).handle(Call(payment(), ADA, time.monotonic() + 0.05))

    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert not bank.payments


async def test_a_store_that_fails_before_the_write_stops_it(
    memory: StoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise Unavailable("the store is gone")

    bank = Ledgered()
    for method, error in (("begin", Unavailable), ("witness", Saturated)):
        with monkeypatch.context() as patch:
            patch.setattr(memory, method, broken)
            with pytest.raises(error):
                await pay(bridge_over(bank, memory))
    assert bank.payments == []

    with monkeypatch.context() as patch:
        patch.setattr(memory, "finish", broken)
        assert (await pay(bridge_over(bank, memory))).affected == 1  # done is done
    assert len(bank.payments) == 1


KILLS: list[Point] = ["before", "sealed", "committed"]


async def killed(bank: Bank, store: Store, process: str, point: Point) -> None:
    """Have a process die at this point of a write."""
    memory = StoreMemory(store)
    memory._process = process

    async def never(*_: object) -> None:
        """The dead do not write."""

    memory.leave = never  # type: ignore[assignment,method-assign]
    bank.faults[point] = Killed()
    with pytest.raises(Killed):
        await pay(bridge_over(bank, memory))


@pytest.mark.parametrize("point", KILLS)
async def test_after_a_crash_a_bank_with_transactions_has_exactly_one_payment(
    store: Store, dead: str, point: Point
) -> None:
    bank = Ledgered()
    await killed(bank, store, dead, point)

    answer = await pay(bridge_over(bank, StoreMemory(store)))
    again = await pay(bridge_over(bank, StoreMemory(store)))

    assert bank.payments == [{"id": 1, "amount": 5}]
    assert answer.replayed == (point == "committed")
    assert again.keys == answer.keys == [{"id": 1}]


@pytest.mark.parametrize("point", KILLS)
async def test_after_a_crash_a_bank_that_honours_keys_gets_the_same_key_again(
    store: Store, dead: str, point: Point
) -> None:
    model = replace(PAYMENTS, capabilities=replace(ABLE, idempotent_create=True))
    bank = Honouring(model)
    memory = StoreMemory(store)
    memory._process = dead
    bank.faults[point] = Killed()
    with pytest.raises(Killed):
        await pay(bridge_over(bank, memory, model), payment(model=model))

    answer = await pay(bridge_over(bank, StoreMemory(store), model), payment(model=model))

    assert answer.affected == 1
    assert len(bank.payments) == 1
    assert len(set(bank.keys)) == 1


@pytest.mark.parametrize("point", KILLS)
async def test_after_a_crash_nobody_guesses_where_nobody_can_know(store: Store, dead: str, point: Point) -> None:
    bank = Bank()
    await killed(bank, store, dead, point)
    before = len(bank.payments)

    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            await pay(bridge_over(bank, StoreMemory(store)))
        assert (caught.value.code, caught.value.outcome) == ("BRG409U", Outcome.UNKNOWN)

    assert len(bank.payments) == before


async def test_a_transaction_that_is_still_under_way_is_waited_for(store: Store, dead: str) -> None:
    bank = Ledgered()
    await killed(bank, store, dead, "sealed")
    bank.outcomes["tx0"] = None
    with pytest.raises(Conflict) as caught:
        await pay(bridge_over(bank, StoreMemory(store)))
    assert caught.value.code == "BRG409"

    bank.outcomes["tx0"] = Outcome.NOT_APPLIED

    assert (await pay(bridge_over(bank, StoreMemory(store)))).affected == 1


async def test_a_backend_that_forgot_is_not_guessed_at(store: Store, dead: str) -> None:
    bank = Ledgered()
    await killed(bank, store, dead, "committed")
    bank.forgetful = True

    with pytest.raises(Conflict) as caught:
        await pay(bridge_over(bank, StoreMemory(store)))

    assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_try_that_was_taken_over_cannot_be_applied_any_more(store: Store) -> None:
    """The first server is alive but so slow that its lease runs out; the second one must not double it."""
    time = [1e9]
    bank = Ledgered()
    bank.stall["before"] = asyncio.Event()
    slow, quick = (bridge_over(bank, StoreMemory(store, lambda: time[0])) for _ in range(2))
    first = asyncio.create_task(pay(slow))
    await bank.reached.wait()
    stalled = bank.stall.pop("before")
    time[0] += 3600

    answer = await pay(quick)
    stalled.set()
    (late,) = await asyncio.gather(first, return_exceptions=True)

    assert answer.affected == 1
    assert isinstance(late, Conflict)
    assert len(bank.payments) == 1
    assert (await pay(quick)).replayed


@pytest.mark.parametrize(("point", "applied"), [("before", False), ("sealed", False), ("committed", True)])
async def test_a_lost_answer_is_asked_for_at_once(memory: StoreMemory, point: Point, applied: bool) -> None:
    bank = Ledgered()
    bridge = bridge_over(bank, memory)
    bank.faults[point] = lost()

    if applied:
        assert (await pay(bridge)).affected == 1
    else:
        with pytest.raises(Unavailable) as caught:
            await pay(bridge)
        assert caught.value.outcome is Outcome.NOT_APPLIED
        await pay(bridge)

    assert len(bank.payments) == 1


async def test_a_lost_answer_stays_unknown_where_nobody_can_tell(memory: StoreMemory) -> None:
    bank = Bank()
    bridge = bridge_over(bank, memory)
    bank.faults["committed"] = lost()

    codes = []
    for _ in range(2):
        with pytest.raises(BridgeError) as caught:
            await pay(bridge)
        codes.append((caught.value.code, caught.value.outcome))

    assert codes == [("PGRST000", Outcome.UNKNOWN), ("BRG409U", Outcome.UNKNOWN)]
    assert len(bank.payments) == 1


async def test_a_try_that_was_repeated_is_judged_by_its_last_transaction(store: Store, dead: str) -> None:
    bank = Ledgered()
    await killed(bank, store, dead, "committed")
    async with store.writing() as connection:
        await connection.execute(update(IDEMPOTENCY).values(tokens=["tx9", "tx0"]))
    bank.outcomes["tx9"] = Outcome.NOT_APPLIED

    assert (await pay(bridge_over(bank, StoreMemory(store)))).replayed
    assert len(bank.payments) == 1


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({"tx0": Outcome.APPLIED}, "BRG409U"),  # the second half may never have been sent
        ({"tx0": Outcome.APPLIED, "tx1": Outcome.APPLIED}, "BRG409U"),
        ({"tx0": Outcome.APPLIED, "tx1": Outcome.NOT_APPLIED}, "BRG409U"),
        ({"tx0": Outcome.NOT_APPLIED, "tx1": None}, "BRG409"),
        ({"tx0": Outcome.NOT_APPLIED, "tx1": Outcome.NOT_APPLIED}, ""),
    ],
)
async def test_a_write_in_several_calls_is_not_taken_for_whole(
    store: Store, dead: str, outcomes: dict[str, Outcome | None], code: str
) -> None:
    able = replace(ABLE, literals=Literals.TYPED, create_batch=1)
    model = replace(PAYMENTS, capabilities=able)
    two = replace(payment(model=model), records=[{"amount": 1}, {"amount": 2}])
    bank, memory = Ledgered(model), StoreMemory(store)
    memory._process = dead
    bank.faults["before"] = Killed()
    with pytest.raises(Killed):
        await pay(bridge_over(bank, memory, model), two)
    async with store.writing() as connection:
        await connection.execute(update(IDEMPOTENCY).values(tokens=list(outcomes), answer=b""))
    bank.outcomes = dict(outcomes)

    if code:
        with pytest.raises(Conflict) as caught:
            await pay(bridge_over(bank, StoreMemory(store), model), two)
        assert caught.value.code == code
    else:
        assert (await pay(bridge_over(bank, StoreMemory(store), model), two)).affected == 2
    assert len(bank.payments) == (0 if code else 2)


async def test_a_caller_who_leaves_in_the_middle_finds_out_later(memory: StoreMemory) -> None:
    bank = Ledgered()
    bridge = bridge_over(bank, memory)
    bank.stall["committed"] = asyncio.Event()
    first = asyncio.create_task(pay(bridge))
    await bank.reached.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    del bank.stall["committed"]

    assert (await pay(bridge)).replayed
    assert len(bank.payments) == 1


async def test_writes_that_are_undone_need_no_key(memory: StoreMemory) -> None:
    bank = Bank()
    bridge = bridge_over(bank, memory)

    await pay(bridge, payment(dry_run=True))
    await pay(bridge, payment(dry_run=True))

    assert len(bank.payments) == 2  # this bank knows no dry run: both got through


def living(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (living, False),
        (lambda name: "", False),
        (lambda name: "x" * 32, False),
        (lambda name: name.rpartition("/")[0] + "/1", True),  # another process has its number now
        (lambda name: "another-boot" + name[36:], False),
    ],
)
def test_a_process_is_believed_gone_only_where_that_is_certain(change: Callable[[str], str], gone: bool) -> None:
    assert owners.is_gone(change(owners.this_process())) == gone


def test_a_process_that_ended_is_gone(dead: str) -> None:
    assert owners.is_gone(dead)
