"""End what takes too long, with one timer for everything that is under way."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Protocol, Self

_TICK: Final = 0.001  # seconds: the timers of the loop are no finer, and may ring so much too early


class Block(Protocol):
    """Something under way that has a deadline. Blocks are told apart by identity."""

    deadline: float

    def expire(self) -> None:
        """Do what is to be done when the deadline has come."""
        ...


class Deadlines:
    """Watches over blocks of many tasks; it belongs to one event loop.

    `asyncio.timeout` sets and cancels a timer for each block. Nearly all blocks end long before their time, so one
    timer is enough: it rings when the earliest of them would be overdue, and then looks at those that are left.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clock of the deadlines."""
        self.clock = clock
        self._under_way: set[Block] = set()
        self._rings_at = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def within(self, deadline: float) -> "Within":
        """Return a context whose block is cancelled at that moment, and then raises TimeoutError."""
        return Within(self, deadline)

    def enter(self, block: Block) -> None:
        """Begin to watch over a block."""
        self._under_way.add(block)
        if block.deadline < self._rings_at:
            self._ring_at(block.deadline)

    def leave(self, block: Block) -> None:
        """Stop watching over a block."""
        self._under_way.discard(block)

    def _ring_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = max(0.0, moment - self.clock())
        self._rings_at = moment
        self._timer = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = float("inf")
        now = self.clock() + _TICK
        for block in [each for each in self._under_way if each.deadline <= now]:
            self._under_way.discard(block)
            block.expire()
        if self._under_way:
            self._ring_at(min(block.deadline for block in self._under_way))


class Within:
    """One block and its deadline; used once."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "deadline")

    def __init__(self, deadlines: Deadlines, deadline: float) -> None:
        self.deadline = deadline
        self._deadlines = deadlines
        self._expired = False

    def __enter__(self) -> Self:
        """Begin the block in the present task."""
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None  # blocks are entered by coroutines
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the block; a cancellation that came from its deadline, and from nobody else, becomes TimeoutError."""
        self._deadlines.leave(self)
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel the block: its time is over."""
        self._expired = True
        self._task.cancel()
