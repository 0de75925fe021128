"""Carry each call to an adapter: in its place, within its quota, past the breaker, and again where that is safe."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from bridge_core.adapter import Actions, Adapter, Probes
from bridge_core.call import remaining
from bridge_core.errors import (
    BridgeError,
    DeadlineExceeded,
    NotAllowed,
    RateLimited,
    Saturated,
    Unavailable,
    UpstreamFailed,
)
from bridge_core.operations import Act, Answer, Create, Delete, Operation, Page, Read, Update, Written
from bridge_core.schema import Model
from bridge_core.upstream.bounds import Bounds
from bridge_core.upstream.breaker import Breaker, State
from bridge_core.upstream.budgets import CALL, Budgets, OverBudget
from bridge_core.upstream.bulkhead import Bulkhead
from bridge_core.upstream.retries import RetryBudget, pause_before, repeatable

A = TypeVar("A", bound=Answer)
O = TypeVar("O", bound=Operation)  # noqa: E741 - an operation

PROBE_WITHIN: Final = 2.0  # seconds
LONG: Final = 5.0  # seconds: a backend that had no more to answer in is not blamed
_TICK: Final = 0.05  # seconds that the clocks of loop and deadline may differ by
_CLOSED: Final = State.CLOSED


class Upstream:
    """An adapter within its bounds; it is used as the adapter itself.

    Failures of the backend count against it, a caller's mistake never. A call is made again only if it was certainly
    not applied, only reads, or carries a key that the backend honours; never once a part of its answer was handed out.
    """

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        bounds: Bounds,
        budgets: Budgets,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Take the adapter of one resource, and the budgets that it spends from as well."""
        self.adapter = adapter
        self._budgets = budgets
        self._retries = bounds.retries
        self._retry_budget = RetryBudget(clock)
        self._clock = clock
        self._chance = chance
        self._bulkhead = Bulkhead(name, bounds, self._left)
        self._breaker = Breaker(name, _bounded(adapter) if isinstance(adapter, Probes) else None, clock, chance)
        self._calls = 0

    async def describe(self) -> Sequence[Model]:
        """Describe as the adapter does: schemas are read in the background, on nobody's account."""
        return await self.adapter.describe()

    async def read(self, op: Read, /) -> Page:
        """Read; a stream keeps its place until it ends."""
        return await self._carry(op, self.adapter.read)

    async def create(self, op: Create, /) -> Written:
        """Create."""
        return await self._carry(op, self.adapter.create)

    async def update(self, op: Update, /) -> Written:
        """Update."""
        return await self._carry(op, self.adapter.update)

    async def delete(self, op: Delete, /) -> Written:
        """Delete."""
        return await self._carry(op, self.adapter.delete)

    async def act(self, op: Act, /) -> Written:
        """Act, where the adapter can."""
        if not isinstance(self.adapter, Actions):
            raise NotAllowed(f"records of {op.model.name!r} have no actions")
        return await self._carry(op, self.adapter.act)

    async def close(self) -> None:
        """Close the adapter."""
        await self.adapter.close()

    async def _carry(self, op: O, send: Callable[[O], Awaitable[A]]) -> A:
        self._calls += 1
        bulkhead = self._bulkhead
        attempt = 0
        while True:
            if bulkhead.free and self._breaker.state is _CLOSED and not self._budgets.bounded:
                bulkhead.free -= 1  # nothing is in the way, as nearly always
            else:
                await self._admitted()
            begun = self._clock()
            try:
                return self._answered(await send(op))
            except BaseException as failure:
                bulkhead.leave()
                self._note(failure, self._clock() - begun)
                seconds = self._seconds_until_again(op, failure, attempt)
                if seconds is None:
                    raise
            attempt += 1
            await asyncio.sleep(seconds)

    async def _admitted(self) -> None:
        breaker = self._breaker
        await breaker.admit()
        try:
            await self._budgets.spend(CALL)
            await self._bulkhead.enter()
        except BaseException:
            breaker.abandoned()
            raise

    def _answered(self, answer: A) -> A:
        self._breaker.succeeded()
        if isinstance(answer, Page) and answer.stream is not None:
            return replace(answer, stream=_Held(answer.stream, self._breaker, self._bulkhead))
        self._bulkhead.leave()
        return answer

    def _note(self, failure: BaseException, seconds: float) -> None:
        """Tell breaker and budgets what a failure after so many seconds says of the backend."""
        match failure:
            case OverBudget() | Saturated():
                self._breaker.abandoned()
            case RateLimited():
                self._budgets.pause(failure.scope or CALL, failure.retry_after)
                self._breaker.abandoned()
            case DeadlineExceeded() | asyncio.CancelledError() if self._left() > _TICK or seconds < LONG:
                self._breaker.abandoned()  # the caller left, or gave it little time
            case BridgeError() if not isinstance(failure, Unavailable | UpstreamFailed):
                self._breaker.succeeded()  # it answered: the mistake is the caller's
            case _:
                self._breaker.failed()

    def _seconds_until_again(self, op: Operation, failure: BaseException, attempt: int) -> float | None:
        if attempt >= self._retries or not repeatable(op, failure) or self._breaker.state is not _CLOSED:
            return None
        seconds = pause_before(attempt, failure, self._chance)
        return seconds if seconds < self._left() and self._retry_budget.grant(self._calls) else None

    def _left(self) -> float:
        return remaining(self._clock)


class _Held:
    """The pieces of an answer; the place of the call is given back when they end, or nobody wants more of them."""

    def __init__(self, pieces: AsyncIterator[bytes], breaker: Breaker, bulkhead: Bulkhead) -> None:
        self._pieces = pieces
        self._breaker = breaker
        self._bulkhead: Bulkhead | None = bulkhead

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except BaseException as end:
            if isinstance(end, Unavailable | UpstreamFailed):
                self._breaker.failed()
            self._leave()
            raise

    async def aclose(self) -> None:
        """Want no more."""
        try:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
        finally:
            self._leave()

    def _leave(self) -> None:
        bulkhead, self._bulkhead = self._bulkhead, None
        if bulkhead is not None:
            bulkhead.leave()


def _bounded(adapter: Probes) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        try:
            async with asyncio.timeout(PROBE_WITHIN):
                await adapter.probe()
        except Saturated:
            return  # busy is not ill
        except TimeoutError as cause:
            raise DeadlineExceeded("the backend did not answer in time") from cause

    return probe
