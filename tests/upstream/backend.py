"""A backend that behaves as it is told, call by call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from bridge_core.adapter import Rate
from bridge_core.call import ANONYMOUS, Call, begin
from bridge_core.operations import Create, Delete, Operation, Page, Read, Update, WriteOptions, Written
from bridge_core.query import EVERYTHING
from bridge_core.schema import Capabilities, Model
from bridge_core.upstream import Bounds, Budgets, Upstream
from tests.support.virtual_time import now

MODEL = Model("things", ())
HONEST = replace(MODEL, capabilities=Capabilities(idempotent_create=True))
READ = Read(MODEL)
CREATE = Create(MODEL, [{}], ())
KEYED = Create(HONEST, [{}], (), options=WriteOptions(key="k"))
UPDATE = Update(MODEL, {}, EVERYTHING)
DELETE = Delete(MODEL, EVERYTHING)

Act = BaseException | float | Page


class Backend:
    """An adapter that acts out a script: seconds to take, an error to raise, a page; at its end it answers at once."""

    def __init__(self, *script: Act, then: Act = 0.0) -> None:
        self.script = list(script)
        self.then = then
        self.calls: list[float] = []
        self.busy = 0
        self.most = 0

    async def describe(self) -> Sequence[Model]:
        return (MODEL,)

    async def read(self, op: Read, /) -> Page:
        return await self._act() or Page()

    async def create(self, op: Create, /) -> Written:
        await self._act()
        return Written(1, 1)

    async def update(self, op: Update, /) -> Written:
        await self._act()
        return Written(1)

    async def delete(self, op: Delete, /) -> Written:
        await self._act()
        return Written(1)

    async def close(self) -> None:
        pass

    async def _act(self) -> Page | None:
        self.calls.append(now())
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            act = self.script.pop(0) if self.script else self.then
            if isinstance(act, Page):
                return act
            if isinstance(act, BaseException):
                await asyncio.sleep(0.001)
                raise act
            await asyncio.sleep(act)
            return None
        finally:
            self.busy -= 1


class Probed(Backend):
    """A backend that can say whether it is well."""

    well = True
    probes = 0

    async def probe(self) -> None:
        self.probes += 1
        await asyncio.sleep(0.001)
        if not self.well:
            raise TimeoutError


def room(
    backend: Backend,
    bounds: Bounds = Bounds(),  # noqa: B008 - a frozen value
    chance: Callable[[], float] = lambda: 0.5,
    **rates: Rate,
) -> Upstream:
    """Put a backend behind bounds, in virtual time."""
    return Upstream("shop", backend, bounds, Budgets(rates, now), clock=now, chance=chance)


async def ask(upstream: Upstream, operation: Operation = READ, within: float = 30.0) -> object:
    """Make one call with a deadline, as the router does."""
    begin(Call(operation, ANONYMOUS, now() + within))
    async with asyncio.timeout(within):
        match operation:
            case Read():
                return await upstream.read(operation)
            case Create():
                return await upstream.create(operation)
            case Update():
                return await upstream.update(operation)
            case Delete():
                return await upstream.delete(operation)
            case _:
                return await upstream.act(operation)


async def outcomes(*calls: Awaitable[object]) -> list[object]:
    """Run calls at once and return what each gave or raised."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def pieces(*values: bytes | BaseException) -> AsyncIterator[bytes]:
    """Stream values; raise the errors among them."""
    for value in values:
        if isinstance(value, BaseException):
            raise value
        yield value
