"""Keep to the quotas of one backend: a bucket of tokens per scope, and waiting in line for them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from bridge_core.adapter import Rate
from bridge_core.call import remaining
from bridge_core.errors import RateLimited

CALL: Final = "call"  # the scope that every call of the adapter spends


class OverBudget(RateLimited):
    """The bridge itself held a call back: the backend was not asked."""


class Bucket:
    """Tokens of one scope: they come back at an even rate, up to a burst.

    One number is the whole state: the moment when the bucket will be full again, if nobody spends. Who finds too few
    tokens takes those of the future, and waits for them; so the line is in order, and each knows its turn.
    """

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        """Begin full; None: any rate, until there is a pause."""
        self._every = 0.0 if rate is None else rate.per / rate.number  # seconds per token
        burst = 1.0 if rate is None else rate.number if rate.burst is None else rate.burst
        self._span = max(1.0, burst) * self._every
        self._clock = clock
        self._full = float("-inf")
        self._closed_until = float("-inf")
        self._pauses = 0

    def wait(self, units: float) -> float:
        """Return the seconds until so many tokens would be there; none or fewer: they are."""
        now = self._clock()
        return max(max(self._full, now) + units * self._every - self._span, self._closed_until) - now

    def take(self, units: float) -> None:
        """Take tokens, perhaps of the future."""
        self._full = max(self._full, self._clock()) + units * self._every

    def pause(self, seconds: float) -> None:
        """Close the bucket for a while; it then begins with one token, and those in line stand in line again."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
        self._full = self._closed_until + self._span - self._every
        self._pauses += 1

    async def spend(self, units: float, scope: str) -> None:
        """Wait for tokens, or raise OverBudget if the deadline comes first."""
        while True:
            pauses = self._pauses
            seconds = self.wait(units)
            if seconds > 0 and seconds >= remaining(self._clock):
                raise OverBudget(f"the quota {scope!r} of the backend is used up", scope=scope, retry_after=seconds)
            self.take(units)
            if seconds <= 0:
                return
            mine = self._full
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self._give_back(mine, units)
                raise
            if pauses == self._pauses:
                return  # else the tokens are worth nothing: stand in line again

    def _give_back(self, mine: float, units: float) -> None:
        if self._full == mine:  # nobody stands behind: else their turns are fixed, and the gap stays
            self._full -= units * self._every


class Budgets:
    """The buckets of one resource."""

    def __init__(self, rates: Mapping[str, Rate], clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = {scope: Bucket(rate, clock) for scope, rate in rates.items()}
        self._clock = clock
        self.bounded = CALL in self._buckets  # whether calls themselves have anything to wait for

    async def spend(self, scope: str, units: float = 1.0) -> None:
        """Wait until so much may be spent; raise OverBudget where that is beyond the deadline."""
        bucket = self._buckets.get(scope)
        if bucket is not None:
            await bucket.spend(units, scope)

    def pause(self, scope: str, seconds: float) -> None:
        """Spend nothing for a while."""
        if scope not in self._buckets:
            self._buckets[scope] = Bucket(None, self._clock)
        self._buckets[scope].pause(seconds)
        self.bounded = CALL in self._buckets
