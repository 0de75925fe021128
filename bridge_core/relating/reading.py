"""Read with related records: from the near end, or from the far one first where that is cheaper; groups at the end."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bridge_core import planner
from bridge_core.adapter import Adapter
from bridge_core.arrange import ordered
from bridge_core.evaluate import predicate
from bridge_core.operations import Embed, Page, Read, Record, page_of
from bridge_core.planner import Limits
from bridge_core.query import NOTHING, After, Counting, Slice
from bridge_core.relating.abilities import takes
from bridge_core.relating.bounds import bounded, counted, counting, cut, too_far, too_many
from bridge_core.relating.ends import probe
from bridge_core.relating.groups import folded, must_group
from bridge_core.relating.joining import Joining, Loaders, junction_read
from bridge_core.relating.keys import Keys
from bridge_core.relating.levels import Level, Row, taken_apart
from bridge_core.relating.semijoins import far_first, keys_near, steady, windows
from bridge_core.relating.shapes import grouped, only_counts, raw
from bridge_core.values import typed_filter, zone_of

_GUESSES: Final = frozenset({Counting.PLANNED, Counting.ESTIMATED})


@dataclass(frozen=True, slots=True)
class Source:
    """One resource, to be asked: its adapter within its bounds, and what an operation may cost there."""

    adapter: Adapter
    limits: Limits


Sources: TypeAlias = Callable[[str], Source]
"""Resource -> its source; raises the reason where there is none."""


class Reading:
    """Everything that is read for one request."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.loaders = Loaders(self.read, self.allowed)

    async def read(self, op: Read) -> Page:
        """Return the records of a read, related ones included; encoded only where its backend takes all of it."""
        if takes(op):
            source = self._sources(op.model.resource)
            page = await planner.perform(source.adapter, op, source.limits)
            assert isinstance(page, Page)  # a Read is answered by a Page
            return page
        if grouped(op):
            return await self._grouped(op)
        return await self._related(op)

    def allowed(self, op: Read) -> int:
        """Return how many records the core may read for an operation on one model."""
        return self._sources(op.model.resource).limits.allowed(op.max_scan)

    async def _grouped(self, op: Read) -> Page:
        must_group(op)
        made = await self._counted(op) if only_counts(op) else await self._folded(op)
        return cut(op, made)

    async def _counted(self, op: Read) -> list[Record]:
        page = await self.read(counting(op))
        assert page.total is not None  # it was asked for
        return counted(op, page.total)

    async def _folded(self, op: Read) -> list[Record]:
        allowed = self.allowed(op)
        page = await self.read(replace(raw(op), window=Slice(0, allowed + 1)))
        if len(page.records) > allowed:
            raise too_many(op, allowed, "group")
        return folded(op, page.records)

    async def _related(self, op: Read) -> Page:
        level = taken_apart(op)
        for embed in far_first(level):
            level = await self._narrowed(level, embed)
        if level.deciding:
            return await self._scanned(level)
        joining = Joining(level, self.loaders)
        page, rows = await self._page(level)
        await joining.attach(rows, level.ours)
        return replace(page, records=[joining.shaped(row) for row in rows], rows=len(rows))

    async def _page(self, level: Level) -> tuple[Page, list[Row]]:
        """Read the rows of a level that the near end decides alone."""
        allowed = self.allowed(level.read)
        page = await self.read(bounded(level.near(), allowed))
        if len(page.records) > allowed:
            raise too_many(level.read, allowed, "embed in")
        return page, [Row(record) for record in page.records]

    async def _narrowed(self, level: Level, embed: Embed) -> Level:
        """Read the far end of an embed that has to be there, and let the near end find what refers to it."""
        most = min(keys_near(level, embed), self.allowed(embed.read))
        near = Keys(level.read.model, embed.relation.fields)
        wanted = await self._wanted(level, embed, near, most)
        if wanted is None:
            return level
        return level.without(embed, near.filter(wanted) if wanted else NOTHING)

    async def _wanted(self, level: Level, embed: Embed, near: Keys, most: int) -> list[tuple[object, ...]] | None:
        """Return the values of near fields that lead to a far record; None: they are too many to be asked for."""
        end = probe(embed, level.read)
        page = await self.read(replace(end.read, window=Slice(0, most + 1)))
        if len(page.records) > most:
            return None
        records, names = page.records, end.joins
        if embed.junction is not None:
            found = await self._across(level, embed, records, names, most)
            if found is None:
                return None
            records, names = found
        taken = [near.taken(record, names) for record in records]
        return list(dict(each for each in taken if each is not None).values())

    async def _across(
        self, level: Level, embed: Embed, records: Sequence[Record], names: tuple[str, ...], most: int
    ) -> tuple[Sequence[Record], tuple[str, ...]] | None:
        read, hidden = junction_read(embed, level.read)
        assert embed.relation.junction is not None  # the junction's read says so
        far = Keys(read.model, embed.relation.junction.far)
        taken = dict(each for record in records if (each := far.taken(record, names)) is not None)
        loader = self.loaders.loader(read, far, hidden.of(embed.relation.junction.far))
        await loader.load(taken)
        links = [placed.record for rank in taken for placed in loader.found(rank)]
        return None if len(links) > most else (links, hidden.of(embed.relation.junction.near))

    async def _scanned(self, level: Level) -> Page:
        """Read the near end until enough records have the related ones that they must have."""
        op, joining = level.read, Joining(level, self.loaders)
        window, allowed = op.window, self.allowed(op)
        assert isinstance(window, Slice)  # only the backend knows what a cursor means
        everything = level.sorts or op.count is not Counting.NONE or window.limit is None
        goal = None if window.limit is None else window.offset + window.limit
        kept: list[tuple[Row, Record]] = []
        complete = True
        test = test_of(level)
        if goal != window.offset or op.count is not Counting.NONE:
            async for rows, within in self._rows(level, None if everything else goal, allowed):
                await joining.attach(rows, level.deciding)
                views = [(row, joining.view(row)) for row in rows]
                kept += [pair for pair in views if test(pair[1])]
                filled = goal is not None and len(kept) >= goal
                if not within and not (filled and not level.sorts and op.count in {Counting.NONE, *_GUESSES}):
                    raise too_far(level, allowed)
                complete = within
                if filled and not everything:
                    break
        total = len(kept) if op.count is not Counting.NONE and complete else None
        chosen = sorted_rows(level, kept)[window.offset : goal]
        await joining.attach(chosen, [embed for embed in level.ours if embed not in level.deciding])
        return page_of([joining.shaped(row) for row in chosen], total=total)

    async def _rows(self, level: Level, goal: int | None, allowed: int) -> AsyncIterator[tuple[list[Row], bool]]:
        """Yield rows of the near end, and whether they are within what may be read."""
        near = replace(level.near(), count=Counting.NONE, versions=False)
        if goal is not None:
            near = steady(near)
        read, cursor = 0, None
        for window in windows(near, goal, allowed):
            if isinstance(window, After):
                window = replace(window, cursor=cursor)  # noqa: PLW2901 - the same one, at its place
            page = await self.read(replace(near, window=window))
            read += len(page.records)
            fresh = page.records[: max(0, allowed - read + len(page.records))]
            yield [Row(record) for record in fresh], read <= allowed
            cursor = page.cursor
            ended = cursor is None if isinstance(window, After) else len(page.records) < (window.limit or 0)
            if ended or read > allowed:
                return


def test_of(level: Level) -> Callable[[Record], bool]:
    """Return what tells of a row's view whether the filters hold that depend on related records."""
    model = level.extended()
    holds = predicate(model, typed_filter(model, level.test(), zone_of(level.read.timezone)))
    return lambda view: holds(view) is True


def sorted_rows(level: Level, kept: Sequence[tuple[Row, Record]]) -> list[Row]:
    """Return rows, each with its view, in the order of the level where that is the core's to make."""
    if not level.sorts:
        return [row for row, _ in kept]
    rows = {id(view): row for row, view in kept}
    return [rows[id(view)] for view in ordered(level.extended(), [view for _, view in kept], level.order())]
