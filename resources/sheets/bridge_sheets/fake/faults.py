"""What can go wrong on the way to Google, and at which request it does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """How a request fails."""

    RESET_BEFORE = "the connection is cut before anything is done"
    RESET_AFTER = "it is done, and the connection is cut before the answer"
    STALLED = "it is done, and the answer comes too late"
    GARBLED = "it is done, and the answer is no JSON"
    ERROR_BEFORE = "the API answers 503, and nothing is done"
    ERROR_AFTER = "it is done, and the API answers 503"
    BUSY = "the API answers 429"


@dataclass
class _Planned:
    fault: Fault
    after: int
    times: int
    method: str | None


class Faults:
    """The faults that are planned; used by the threads of the server and that of a test."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._once: list[tuple[str, Callable[[], None]]] = []
        self._lock = threading.Lock()

    @contextmanager
    def planned(
        self, fault: Fault, *, after: int = 0, times: int = 1_000_000_000, method: str | None = None
    ) -> Iterator[None]:
        """Let so many requests through, then fail so many, until the block ends; those of one method, if named."""
        mine = _Planned(fault, after, times, method)
        with self._lock:
            self._planned.append(mine)
        try:
            yield
        finally:
            with self._lock:
                self._planned.remove(mine)

    @contextmanager
    def failing(self, after: int) -> Iterator[None]:
        """Cut the connection of every request after so many: what the conformance kit asks for."""
        with self.planned(Fault.RESET_BEFORE, after=after):
            yield

    def just_before(self, method: str, act: Callable[[], None]) -> None:
        """Let somebody act once, when the next request of a method has come and before it is looked at."""
        with self._lock:
            self._once.append((method, act))

    def forget(self) -> None:
        """Let nobody act any more who still waits."""
        with self._lock:
            self._once.clear()

    def act(self, method: str) -> None:
        """Let those act who wait for this method."""
        with self._lock:
            due = [each for name, each in self._once if name == method]
            self._once = [each for each in self._once if each[0] != method]
        for each in due:
            each()

    def next(self, method: str) -> Fault | None:
        """Return how this request fails, if it does."""
        with self._lock:
            for each in self._planned:
                if each.method not in (None, method) or each.times <= 0:
                    continue
                if each.after > 0:
                    each.after -= 1
                    continue
                each.times -= 1
                return each.fault
        return None
