"""The records of each sheet as they were last read: kept for a moment, read once for all who wait."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge_core import AdapterContext, Key, Outcome, UpstreamFailed
from bridge_sheets.api import Api
from bridge_sheets.layout import Layout, Line, Unreadable


@dataclass(frozen=True)
class Snapshot:
    """All records of a sheet, in their order there; `taken` is the moment before they were asked for."""

    layout: Layout
    lines: Sequence[Line]
    taken: float
    by_key: Mapping[Key, Sequence[Line]]


class Snapshots:
    """Reads sheets. `freshness` is how many seconds an answer may be used again; own writes forget it at once.

    `changed` is called when a sheet turns out not to be what it was described as.
    """

    def __init__(self, api: Api, context: AdapterContext, freshness: float, changed: Callable[[], None]) -> None:
        self._api = api
        self._context = context
        self._freshness = freshness
        self._changed = changed
        self._kept: dict[str, Snapshot] = {}
        self._under_way: dict[str, asyncio.Task[Snapshot]] = {}

    async def get(self, layout: Layout, *, fresh: bool = False) -> Snapshot:
        """Return the records of a sheet: as fresh as declared, or read from now on."""
        kept = self._kept.get(layout.model)
        usable = kept is not None and not fresh and kept.layout == layout
        if kept is not None and usable and self._context.clock() - kept.taken < self._freshness:
            return kept
        if fresh:
            self.forget(layout)
        task = self._under_way.get(layout.model)
        if task is None:
            task = asyncio.ensure_future(self._read(layout))
            self._under_way[layout.model] = task
            task.add_done_callback(lambda done: self._ended(layout.model, done))
        return await asyncio.shield(task)

    def forget(self, layout: Layout) -> None:
        """Read the sheet again for whoever comes from now on."""
        self._kept.pop(layout.model, None)
        self._under_way.pop(layout.model, None)

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._under_way.values())
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, layout: Layout) -> Snapshot:
        taken = self._context.clock()
        (table,) = await self._api.values(layout.book, [layout.range])
        try:
            return await self._context.threads(_snapshot, layout, table, taken)
        except Unreadable as error:
            self._changed()
            raise UpstreamFailed(
                str(error), hint="the sheet is looked at anew now: try again", outcome=Outcome.NOT_APPLIED
            ) from error

    def _ended(self, model: str, task: asyncio.Task[Snapshot]) -> None:
        current = self._under_way.get(model) is task
        if current:
            del self._under_way[model]
        if not task.cancelled() and task.exception() is None and current:
            self._kept[model] = task.result()


def _snapshot(layout: Layout, table: Sequence[Sequence[Any]], taken: float) -> Snapshot:
    lines = layout.read(table)
    by_key: dict[Key, list[Line]] = {}
    for line in lines:
        by_key.setdefault(layout.key_of(line.record), []).append(line)
    return Snapshot(layout, lines, taken, by_key)
