"""Blocks end when their time is over, and only then."""

import asyncio
import time

import pytest

from bridge_core.deadlines import Deadlines

pytestmark = pytest.mark.anyio

NEVER = 60.0  # seconds


def soon(seconds: float = 0.01) -> float:
    return time.monotonic() + seconds


async def _overdue(deadlines: Deadlines, deadline: float) -> float:
    """Return how long a block was let run that never ends by itself."""
    begun = time.monotonic()
    with pytest.raises(TimeoutError), deadlines.within(deadline):
        await asyncio.sleep(NEVER)
    return time.monotonic() - begun


@pytest.mark.parametrize("seconds", [0.01, 0.0, -1.0], ids=["ahead", "now", "past"])
async def test_a_block_ends_at_its_deadline(seconds: float) -> None:
    assert await _overdue(Deadlines(), soon(seconds)) < 5


async def test_each_block_has_its_own_deadline_whatever_the_order_in_which_they_begin() -> None:
    deadlines = Deadlines()

    late, early, middle = await asyncio.gather(
        _overdue(deadlines, soon(0.06)), _overdue(deadlines, soon(0.01)), _overdue(deadlines, soon(0.03))
    )

    assert early < middle < late


async def test_a_block_that_ended_in_time_cancels_nothing_later() -> None:
    deadlines = Deadlines()
    with deadlines.within(soon()):
        pass

    await asyncio.gather(_overdue(deadlines, soon(0.02)), asyncio.sleep(0.03))


async def test_a_deadline_that_never_comes_needs_no_timer() -> None:
    deadlines = Deadlines()

    with deadlines.within(float("inf")):
        await asyncio.sleep(0)

    assert await _overdue(deadlines, soon()) < 5


async def test_who_is_cancelled_by_somebody_else_stays_cancelled() -> None:
    deadlines = Deadlines()

    async def block() -> None:
        with deadlines.within(soon(NEVER)):
            await asyncio.sleep(NEVER)

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_together_with_the_deadline_wins() -> None:
    deadlines = Deadlines(clock=lambda: 0.0)

    async def block() -> None:
        with deadlines.within(0.0):
            asyncio.current_task().cancel()  # type: ignore[union-attr]  # a coroutine runs in a task
            await asyncio.sleep(0.01)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(block())


async def test_an_error_of_the_block_passes() -> None:
    with pytest.raises(KeyError), Deadlines().within(soon(NEVER)):
        raise KeyError


async def test_the_outer_of_two_deadlines_ends_both_blocks() -> None:
    deadlines = Deadlines()

    async def nested() -> None:
        with deadlines.within(soon()), deadlines.within(soon(NEVER)):
            await asyncio.sleep(NEVER)

    with pytest.raises(TimeoutError):
        await nested()
