"""Bound the calls that are under way to one backend, so that a slow one fills nothing but its own line."""

import asyncio
from collections import deque
from collections.abc import Callable

from bridge_core.errors import Saturated
from bridge_core.upstream.bounds import Bounds


class Bulkhead:
    """So many places, and a line of as many who wait for one, for a short while.

    Not a semaphore of asyncio: taking a place that is free must cost next to nothing.
    """

    __slots__ = ("_left", "_line", "_longest", "_name", "_patience", "free")

    def __init__(self, name: str, bounds: Bounds, left: Callable[[], float]) -> None:
        """Take who says how many seconds the present request has left."""
        self.free = bounds.calls  # whoever sees some may take one, in one go
        self._name = name
        self._longest = bounds.calls
        self._patience = bounds.patience
        self._line: deque[asyncio.Future[None]] = deque()
        self._left = left

    async def enter(self) -> None:
        """Take a place, or raise Saturated."""
        if self.free:
            self.free -= 1
            return
        patience = min(self._patience, self._left())
        if len(self._line) >= self._longest or patience <= 0:
            raise self._refusal()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as end:
            if turn.done() and not turn.cancelled():
                self.leave()  # it came at the moment of leaving: the next one has it
            elif turn in self._line:
                self._line.remove(turn)
            if isinstance(end, TimeoutError):
                raise self._refusal() from None
            raise

    def leave(self) -> None:
        """Give a place back: it goes to the first in line."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1

    def _refusal(self) -> Saturated:
        return Saturated(f"too many requests wait for the backend of {self._name!r}")
