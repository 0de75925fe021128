"""Feel the pulse of the event loop while a call is under way."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_BEAT: Final = 0.005  # seconds


class Pulse:
    """Knows for how long the event loop stood still since `reset`.

    A thread beats beside the loop: what holds up both is the machine and not the adapter, unless the loop's own
    thread was at work all that time.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._last = self._last_beside = time.perf_counter()
        self._last_work = time.thread_time()
        self._still = self._beside = self._work = 0.0

    def held(self) -> float:
        """Return the longest time that a step kept the loop from everything else, in seconds."""
        self._beat()
        noise = max(self._beside, time.perf_counter() - self._last_beside)
        return max(self._work, self._still - noise)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat as long as the block lasts."""
        beside = threading.Thread(target=self._beat_beside, daemon=True)
        beside.start()
        task = asyncio.create_task(self._beat_on())
        try:
            yield
        finally:
            self._ended.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            beside.join()

    def _beat(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self._still = max(self._still, now - self._last)
        self._work = max(self._work, work - self._last_work)
        self._last, self._last_work = now, work

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            self._beat()

    def _beat_beside(self) -> None:
        while not self._ended.wait(_BEAT):
            now = time.perf_counter()
            self._beside = max(self._beside, now - self._last_beside)
            self._last_beside = now
