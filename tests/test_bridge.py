"""The bridge as a value: what it serves follows what its adapters describe."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge_core import bridge as room
from bridge_core.bridge import Bridge, described
from bridge_core.errors import Unavailable
from bridge_core.policy import Policy
from bridge_core.router import Served
from bridge_core.schema import Field, FieldType, Model
from bridge_core.testing.memory import MemoryAdapter

pytestmark = pytest.mark.anyio
NOTES = Model("notes", (Field("id", FieldType.INTEGER),), ("id",))
GROWN = replace(NOTES, fields=(*NOTES.fields, Field("text", FieldType.TEXT)))


class Changing(MemoryAdapter):
    """A backend whose schema changes once; the first descriptions after that fail."""

    def __init__(self, failures: Sequence[Exception]) -> None:
        super().__init__([NOTES])
        self.failures = list(failures)
        self.grown = asyncio.Event()
        self.looks = 0

    async def describe(self) -> Sequence[Model]:
        if not self.grown.is_set():
            return [NOTES]
        if self.failures:
            raise self.failures.pop(0)
        return [GROWN]

    async def changed(self) -> None:
        self.looks += 1
        await self.grown.wait()
        if self.looks > len(self.failures) + 2:
            await asyncio.Event().wait()  # described: no more news


@pytest.mark.parametrize("failure", [Unavailable("not now"), RuntimeError("a bug of the adapter")])
async def test_a_description_that_fails_is_tried_again_after_a_pause(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PAUSE", 0.05)
    adapter = Changing([failure])
    bridge = Bridge([Served("memory", adapter, await described("memory", adapter))], Policy({}))
    bridge.watch()

    adapter.grown.set()
    async with asyncio.timeout(10):
        while "text" not in bridge.resources()["memory"].models["notes"].by_name:
            await asyncio.sleep(0)
    looks = adapter.looks
    await bridge.close()

    assert looks <= 3  # no hot loop
