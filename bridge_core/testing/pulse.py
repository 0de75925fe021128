"""Feel the pulse of the event loop while a call is under way."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

_BEAT: Final = 0.005  # seconds
_SCHEDULING: Final = Path("/proc/thread-self/schedstat")


class Pulse:
    """Knows for how long the event loop stood still since `reset`.

    What the machine took does not count: time that the loop's thread stood in line for a processor, where the system
    tells, and time in which a thread that beats beside it stood still as well. Time at work always counts, but for
    the garbage collector's.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.get_ident()
        self._collection = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._last = self._last_beside = time.perf_counter()
        self._last_work = time.thread_time()
        self._last_queued = _queued()
        self._still = self._beside = self._work = 0.0

    def held(self) -> float:
        """Return the longest time that a step kept the loop from everything else, in seconds."""
        self._beat()
        noise = max(self._beside, time.perf_counter() - self._last_beside)
        return max(self._work, self._still - noise)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat as long as the block lasts."""
        gc.callbacks.append(self._collecting)
        beside = threading.Thread(target=self._beat_beside, daemon=True)
        beside.start()
        task = asyncio.create_task(self._beat_on())
        try:
            yield
        finally:
            gc.callbacks.remove(self._collecting)
            self._ended.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            beside.join()

    def _collecting(self, phase: str, _: object) -> None:
        """Move the start of the present work by the time that a collection takes."""
        if threading.get_ident() == self._thread:
            now = time.thread_time()
            self._last_work += now - self._collection if phase == "stop" else 0.0
            self._collection = now

    def _beat(self) -> None:
        now, work, queued = time.perf_counter(), time.thread_time(), _queued()
        self._still = max(self._still, now - self._last - (queued - self._last_queued))
        self._work = max(self._work, work - self._last_work)
        self._last, self._last_work, self._last_queued = now, work, queued

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            self._beat()

    def _beat_beside(self) -> None:
        while not self._ended.wait(_BEAT):
            now = time.perf_counter()
            self._beside = max(self._beside, now - self._last_beside)
            self._last_beside = now


def _queued() -> float:
    """Return how long this thread has stood in line for a processor, in seconds; 0 where the system does not tell."""
    try:
        return int(_SCHEDULING.read_bytes().split()[1]) / 1e9
    except OSError:
        return 0.0
