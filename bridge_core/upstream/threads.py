"""Run the blocking calls of an SDK beside the event loop, each resource in threads of its own number."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")

_ANY_NUMBER: Final = float("inf")


class Threads:
    """Runs blocking calls of one resource, a bounded number at once.

    A caller who leaves (cancelled, or out of time) does not wait for the call. One that was not begun is never run.
    One that was begun is not interrupted: it ends in its own time, its result is dropped, and its thread counts until
    then, so that a backend that hangs costs no more threads than its limit.
    """

    def __init__(self, limit: int) -> None:
        self._limiter = CapacityLimiter(limit)
        self._unlimited = CapacityLimiter(_ANY_NUMBER)  # ours counts threads, anyio's would count callers

    async def __call__(self, call: Callable[..., T], /, *args: object) -> T:
        """Run `call(*args)` in a thread and return what it returns."""
        place = object()
        await self._limiter.acquire_on_behalf_of(place)
        loop = asyncio.get_running_loop()
        claim = threading.Lock()  # the first who gets it: the thread that begins, or the caller who leaves before

        def run() -> T:
            if not claim.acquire(blocking=False):
                raise _TooLate
            try:
                return call(*args)
            finally:
                _tell(loop, partial(self._limiter.release_on_behalf_of, place))

        try:
            return await to_thread.run_sync(run, limiter=self._unlimited, abandon_on_cancel=True)
        except asyncio.CancelledError:
            if claim.acquire(blocking=False):
                self._limiter.release_on_behalf_of(place)
            raise


class _TooLate(Exception):
    """Nobody waits for the call any more; never seen outside of the thread."""


def _tell(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(news)
    except RuntimeError:
        if not loop.is_closed():
            raise
