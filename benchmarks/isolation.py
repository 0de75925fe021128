"""Whether a slow resource holds up another: one takes five seconds per call and has fifty callers, one is quick.

Run it as `python -m benchmarks.isolation [--seconds 10]`. Both are adapters of this process behind one bridge, so that
nothing but the bridge itself stands between them. The slow one waits in threads of an SDK that blocks.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from typing import Final

import uvloop

from bridge_core.adapter import ThreadBridge
from bridge_core.bridge import Bridge
from bridge_core.call import ANONYMOUS, Call
from bridge_core.errors import BridgeError
from bridge_core.operations import Create, Delete, Page, Read, Update, Written
from bridge_core.policy import EVERY_RIGHT, Policy
from bridge_core.router import Served
from bridge_core.schema import Capabilities, Literals, Model
from bridge_core.upstream import Bounds, Budgets, Threads, Upstream

_CALLERS: Final = 50
_SLOW: Final = 5.0
_QUICK: Final = 0.002
_EACH: Final = 0.005  # seconds between two calls of the quick one
_ROUNDS: Final = 3
_NATIVE: Final = Capabilities(literals=Literals.NATIVE)


class _Sleeper:
    """Answers after a while; in a thread, as an SDK that blocks would."""

    def __init__(self, name: str, seconds: float, threads: ThreadBridge | None = None) -> None:
        self.model = Model("things", (), resource=name, capabilities=_NATIVE)
        self._seconds = seconds
        self._threads = threads

    async def describe(self) -> Sequence[Model]:
        return (self.model,)

    async def read(self, op: Read, /) -> Page:
        if self._threads is not None:
            await self._threads(time.sleep, self._seconds)
        else:
            await asyncio.sleep(self._seconds)
        return Page()

    async def create(self, op: Create, /) -> Written:
        raise NotImplementedError

    async def update(self, op: Update, /) -> Written:
        raise NotImplementedError

    async def delete(self, op: Delete, /) -> Written:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def _served(adapter: _Sleeper) -> Served:
    name = adapter.model.resource
    upstream = Upstream(name, adapter, Bounds(), Budgets({}))
    return Served(name, adapter, {"things": adapter.model}, upstream=upstream)


async def _caller(bridge: Bridge, model: Model, until: float) -> None:
    while time.monotonic() < until:
        try:
            await bridge.handle(Call(Read(model), ANONYMOUS, min(until, time.monotonic() + 30)))
        except BridgeError:
            await asyncio.sleep(0.1)


async def _latencies(bridge: Bridge, model: Model, seconds: float) -> list[float]:
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.perf_counter()
        await bridge.handle(Call(Read(model), ANONYMOUS, time.monotonic() + 30))
        found.append(time.perf_counter() - begun)
        await asyncio.sleep(_EACH)
    return sorted(found)


async def measure(seconds: float) -> tuple[list[float], list[float]]:
    """Return the latencies of the quick one, quiet and beside the slow one, in turns."""
    slow, quick = _Sleeper("slow", _SLOW, Threads(8)), _Sleeper("quick", _QUICK)
    served = [_served(slow), _served(quick)]
    bridge = Bridge(served, Policy({("all", "*", "*"): EVERY_RIGHT}, anonymous_roles=("all",)))
    quiet: list[float] = []
    beside: list[float] = []
    for _ in range(_ROUNDS):
        quiet += await _latencies(bridge, quick.model, seconds / _ROUNDS)
        until = time.monotonic() + seconds / _ROUNDS
        callers = [asyncio.create_task(_caller(bridge, slow.model, until)) for _ in range(_CALLERS)]
        beside += await _latencies(bridge, quick.model, seconds / _ROUNDS)
        await asyncio.gather(*callers)
    return sorted(quiet), sorted(beside)


def main() -> None:
    """Measure, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    quiet, beside = uvloop.run(measure(parser.parse_args().seconds))
    for share in (0.5, 0.99):
        before, after = (each[int(len(each) * share)] * 1e3 for each in (quiet, beside))
        print(f"p{share * 100:.0f}: {before:.2f} ms quiet, {after:.2f} ms beside the slow one, x {after / before:.2f}")


if __name__ == "__main__":
    main()
