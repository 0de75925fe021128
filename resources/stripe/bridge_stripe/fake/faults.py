"""What can go wrong on the way to Stripe, and at which request it does."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """How a request fails."""

    RESET_BEFORE = "the connection is cut before anything is done"
    RESET_AFTER = "it is done, and the connection is cut before the answer"
    TRUNCATED = "it is done, and the answer breaks off"
    STALLED = "it is done, and the answer never comes"
    GARBLED = "it is done, and the answer is no JSON"
    ERROR_BEFORE = "Stripe answers 500, and nothing is done"
    ERROR_AFTER = "it is done, and Stripe answers 500"
    STORED_ERROR = "it is done, and Stripe answers 500, to every later try as well"
    BUSY = "Stripe answers 429"
    LOCKED = "another request is at work on the object: 429, lock_timeout"
    IN_USE = "an earlier try with the idempotency key is under way: 409"


@dataclass
class _Planned:
    fault: Fault
    after: int
    times: int
    method: str | None


class Faults:
    """The faults that are planned; used by the thread of the server and that of a test."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._weather: Callable[[], Fault | None] | None = None
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

    @contextmanager
    def raining(self, share: float, faults: Sequence[Fault], seed: int = 1) -> Iterator[None]:
        """Fail a share of the writes, in one way or another, until the block ends."""
        chance = random.Random(seed)  # noqa: S311 - the same weather each time

        def weather() -> Fault | None:
            return chance.choice(faults) if chance.random() < share else None

        self._weather = weather
        try:
            yield
        finally:
            self._weather = None

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
            return self._weather() if self._weather is not None and method != "GET" else None
