"""Connections lent out: never shared, never more than allowed, never lost, whoever fails or leaves."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from bridge_sql.pg_connections import Connections

pytestmark = pytest.mark.anyio


class FakeConnection:
    """Behaves as a connection of asyncpg does towards its pool."""

    def __init__(self) -> None:
        self.closed = False
        self.in_transaction = False
        self.settled: asyncio.Event | None = None
        self.users = 0

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return self.in_transaction

    async def execute(self, sql: str) -> None:
        if self.closed:
            raise asyncpg.InterfaceError("connection is closed")
        if self.settled is not None:
            await self.settled.wait()

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg has it
        self.closed = True

    def terminate(self) -> None:
        self.closed = True


class Database:
    """Opens connections, or refuses to."""

    def __init__(self) -> None:
        self.opened: list[FakeConnection] = []
        self.refuse: Callable[[], bool] = lambda: False

    async def connect(self) -> FakeConnection:
        await asyncio.sleep(0)
        if self.refuse():
            raise ConnectionRefusedError
        self.opened.append(FakeConnection())
        return self.opened[-1]

    @property
    def alive(self) -> int:
        return sum(not each.closed for each in self.opened)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def connections(database: Database) -> AsyncIterator[Connections]:
    made = Connections(database.connect, size=2, patience=30.0)
    yield made
    await made.close()


async def _in_line(waiting: "asyncio.Task[Any]") -> None:
    """Let a task run until it waits."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()


async def test_the_connection_given_back_last_is_taken_first(connections: Connections, database: Database) -> None:
    first, second = await connections.take(), await connections.take()

    connections.give(second)
    connections.give(first)

    assert await connections.take() is first
    assert await connections.take() is second
    assert len(database.opened) == 2
    connections.give(first)
    connections.give(second)


async def test_those_who_wait_are_served_in_line(connections: Connections) -> None:
    held = [await connections.take(), await connections.take()]
    served: list[str] = []

    async def user(name: str) -> None:
        connection = await connections.take()
        served.append(name)
        connections.give(connection)

    waiting = [asyncio.create_task(user(name)) for name in "abc"]
    await _in_line(waiting[-1])
    for connection in held:
        connections.give(connection)
    await asyncio.gather(*waiting)

    assert served == ["a", "b", "c"]


async def test_nobody_waits_longer_than_patience(database: Database) -> None:
    connections = Connections(database.connect, size=1, patience=0.01)
    held = await connections.take()

    with pytest.raises(TimeoutError):
        await connections.take()

    connections.give(held)
    await connections.close()


async def test_a_connection_that_broke_while_idle_is_replaced(connections: Connections, database: Database) -> None:
    broken = await connections.take()
    connections.give(broken)
    broken.terminate()

    fresh = await connections.take()

    assert fresh is not broken
    assert not fresh.is_closed()
    connections.give(fresh)


async def test_one_who_leaves_the_line_when_a_connection_is_handed_over_passes_it_on(connections: Connections) -> None:
    held = [await connections.take(), await connections.take()]
    leaving = asyncio.create_task(connections.take())
    staying = asyncio.create_task(connections.take())
    await _in_line(staying)

    connections.give(held[0])
    leaving.cancel()

    assert await staying is held[0]
    for connection in held:
        connections.give(connection)


async def test_a_place_whose_opening_failed_goes_to_the_next_in_line(database: Database) -> None:
    connections = Connections(database.connect, size=1, patience=30.0)
    answers = iter([True, False])
    database.refuse = lambda: next(answers)
    first = asyncio.create_task(connections.take())
    second = asyncio.create_task(connections.take())

    with pytest.raises(ConnectionRefusedError):
        await first

    connections.give(await second)
    await connections.close()


async def test_a_connection_left_in_the_middle_is_lent_again_only_when_it_has_settled(connections: Connections) -> None:
    left, other = await connections.take(), await connections.take()
    left.settled = asyncio.Event()
    connections.settle(left)
    waiting = asyncio.create_task(connections.take())
    await _in_line(waiting)

    left.settled.set()

    assert await waiting is left
    connections.give(left)
    connections.give(other)


@pytest.mark.parametrize("state", ["in_transaction", "closed"])
async def test_a_connection_left_in_a_transaction_or_broken_is_replaced(connections: Connections, state: str) -> None:
    left, other = await connections.take(), await connections.take()
    setattr(left, state, True)
    connections.settle(left)

    fresh = await connections.take()

    assert fresh not in (left, other)
    assert left.is_closed()
    connections.give(fresh)
    connections.give(other)


async def test_closing_waits_for_what_is_lent_and_turns_others_away(
    connections: Connections, database: Database
) -> None:
    lent, other = await connections.take(), await connections.take()
    connections.give(other)
    closing = asyncio.create_task(connections.close())
    await _in_line(closing)

    connections.give(lent)
    await closing

    assert database.alive == 0
    with pytest.raises(asyncpg.InterfaceError):
        await connections.take()


@pytest.mark.parametrize("seed", range(20))
async def test_under_failures_and_departures_connections_are_never_shared_nor_lost(seed: int) -> None:
    dice = random.Random(seed)
    database = Database()
    database.refuse = lambda: dice.random() < 0.2
    connections = Connections(database.connect, size=3, patience=30.0)

    async def user() -> None:
        connection = await connections.take()
        connection.users += 1
        shared = connection.users > 1
        try:
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            connection.closed = connection.closed or dice.random() < 0.1
        except asyncio.CancelledError:
            connection.users -= 1
            connections.settle(connection)
            raise
        connection.users -= 1
        (connections.settle if connection.closed else connections.give)(connection)
        assert not shared
        assert database.alive <= 3

    tasks = [asyncio.create_task(user()) for _ in range(200)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        dice.choice(tasks).cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(each) for each in outcomes} <= {type(None), asyncio.CancelledError, ConnectionRefusedError}
    database.refuse = lambda: False
    taken = [await connections.take() for _ in range(3)]
    assert len(set(taken)) == 3
    for connection in taken:
        connections.give(connection)
    await connections.close()
    assert database.alive == 0
