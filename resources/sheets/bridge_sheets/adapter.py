"""Spreadsheets as an adapter: reads from a snapshot, writes to the rows where they stand at that moment."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from bridge_core import (
    AdapterContext,
    Conflict,
    Counting,
    Create,
    Delete,
    Forbidden,
    Model,
    Page,
    PreconditionFailed,
    Read,
    Record,
    Rejected,
    Resolution,
    Update,
    UpstreamFailed,
    Written,
    both,
    ordered,
    page_of,
    predicate,
)
from bridge_core.values import etag
from bridge_sheets.api import Api
from bridge_sheets.changes import Cells, Change
from bridge_sheets.layout import Layout, Line
from bridge_sheets.requests import cells_of, raws_with
from bridge_sheets.snapshots import Snapshot, Snapshots
from bridge_sheets.writing import Missed, Writer, moved, partly

T = TypeVar("T")

_TRIES: Final = 3
_INLINE: Final = 500  # records: more are looked through in a thread


class SheetsAdapter:
    """The worksheets of some spreadsheets. Writes to one spreadsheet follow each other."""

    def __init__(
        self, api: Api, context: AdapterContext, layouts: Callable[[], Awaitable[Sequence[Layout]]], freshness: float
    ) -> None:
        self._api = api
        self._context = context
        self._discover = layouts
        self._layouts: Mapping[str, Layout] = {}
        self._stale = asyncio.Event()
        self._snapshots = Snapshots(api, context, freshness, self._stale.set)
        self._writer = Writer(api, self._snapshots)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def describe(self) -> Sequence[Model]:
        """Return the worksheets as they are laid out now."""
        self._stale.clear()
        self._layouts = {each.model: each for each in await self._discover()}
        return [each.described() for each in self._layouts.values()]

    async def changed(self) -> None:
        """Return when a sheet turned out not to be what it was described as."""
        await self._stale.wait()

    async def read(self, op: Read, /) -> Page:
        """Return the records that match, as they were a moment ago."""
        snapshot = await self._snapshots.get(self._layout(op.model), fresh=op.fresh)
        page = await self._apart(snapshot, _page, op, snapshot)
        return Page(page.records, None, None, page.rows, page.total, age=self._context.clock() - snapshot.taken,
                    etags=page.etags)  # fmt: skip

    async def create(self, op: Create, /) -> Written:
        """Add rows behind the last one; with an upsert, change those that are there."""
        return await self._in_turn(op, lambda snapshot: self._create(op, snapshot))

    async def update(self, op: Update, /) -> Written:
        """Change the rows that match now."""
        return await self._in_turn(op, lambda snapshot: self._update(op, snapshot))

    async def delete(self, op: Delete, /) -> Written:
        """Take out the rows that match now."""
        return await self._in_turn(op, lambda snapshot: self._delete(op, snapshot))

    async def close(self) -> None:
        """Close all connections."""
        await self._snapshots.close()
        await self._api.close()

    async def _in_turn(self, op: Create | Update | Delete, write: Callable[[Snapshot], Awaitable[Written]]) -> Written:
        layout = self._layout(op.model)
        done: list[Line] = []
        async with self._turns[layout.book]:
            for _ in range(_TRIES):
                try:
                    written = await write(await self._snapshots.get(layout, fresh=True))
                except Missed as missed:
                    done += missed.done if isinstance(op, Delete) else ()  # an update finds its rows again
                else:
                    return _together(written, layout, done)
        raise moved() if not done else partly()

    async def _create(self, op: Create, snapshot: Snapshot) -> Written:
        layout = snapshot.layout
        changed: list[tuple[Line, Cells]] = []
        added: list[Cells] = []
        for record in op.records:
            cells = cells_of(layout, {name: record.get(name) for name in op.columns})
            if not any(cells.values()):
                raise Rejected(f"a record of {layout.model!r} needs a value: an empty row is none")
            line = _existing(op, snapshot, record)
            if line is None:
                added.append(cells)
            elif op.upsert is not None and op.upsert.resolution is Resolution.MERGE:
                changed.append((line, cells))
        within = predicate(op.model, op.scope)
        if not all(within(line.record) is True for line, _ in changed):
            raise Forbidden(f'new row violates row-level security policy for table "{layout.model}"')
        return await self._written(op, snapshot, Change(updates=changed, appends=added))

    async def _update(self, op: Update, snapshot: Snapshot) -> Written:
        chosen = await self._apart(snapshot, _chosen, op, snapshot)
        values = {**op.values, **dict.fromkeys(op.defaults)}
        cells = cells_of(snapshot.layout, values)
        return await self._written(op, snapshot, Change(updates=[(line, cells) for line in chosen]))

    async def _delete(self, op: Delete, snapshot: Snapshot) -> Written:
        chosen = await self._apart(snapshot, _chosen, op, snapshot)
        return await self._written(op, snapshot, Change(deletes=chosen))

    async def _written(self, op: Create | Update | Delete, snapshot: Snapshot, change: Change) -> Written:
        touched = len(change.updates) + len(change.deletes) + len(change.appends)
        op.options.affected.hold(touched)
        lines = _lines_after(snapshot, change)
        _keys_must_be_unique(snapshot, change, lines)
        if touched and not op.options.dry_run:
            await self._writer.send(snapshot, change)
        if op.options.returning is not None and _computes(snapshot.layout) and not change.deletes:
            lines = await self._computed(snapshot.layout, lines)
        records = [line.record for line in lines]
        keys = [{name: each[name] for name in snapshot.layout.names()} for each in records]
        page = page_of(records) if op.options.returning is not None else None
        return Written(touched, len(change.appends), page, keys)

    async def _computed(self, layout: Layout, lines: Sequence[Line]) -> list[Line]:
        """Return the rows with what their formulas say now."""
        now = await self._snapshots.get(layout)
        return [next(iter(now.by_key.get(layout.key_of(line.record), ())), line) for line in lines]

    def _layout(self, model: Model) -> Layout:
        found = self._layouts.get(model.name)
        if found is None:
            raise UpstreamFailed(f"the worksheet {model.name!r} is gone", hint="its title may have changed")
        return found

    async def _apart(self, snapshot: Snapshot, work: Callable[..., T], *args: object) -> T:
        """Look through records; through many of them in a thread, so that nobody else waits."""
        if len(snapshot.lines) <= _INLINE:
            return work(*args)
        return await self._context.threads(work, *args)


def _together(written: Written, layout: Layout, done: Sequence[Line]) -> Written:
    """Add the rows that an earlier try took out."""
    if not done:
        return written
    records = [line.record for line in done]
    page = None if written.page is None else page_of([*written.page.records, *records])
    keys = [*written.keys, *({name: each[name] for name in layout.names()} for each in records)]
    return Written(written.affected + len(done), written.inserted, page, keys)


def _page(op: Read, snapshot: Snapshot) -> Page:
    matches = predicate(op.model, both(op.scope, op.where))
    lines = snapshot.lines if op.keys is None else [each for key in op.keys for each in snapshot.by_key.get(key, ())]
    found: Sequence[Record] = [line.record for line in lines if matches(line.record) is True]
    total = len(found) if op.count is not Counting.NONE else None
    found = ordered(op.model, found, op.order) if op.order else found
    start = getattr(op.window, "offset", 0)
    limit = op.window.limit
    some = found[start:] if limit is None else found[start : start + limit]
    etags = [etag(op.model, record) for record in some] if op.versions else None
    return Page(some, rows=len(some), total=total, etags=etags)


def _chosen(op: Update | Delete, snapshot: Snapshot) -> Sequence[Line]:
    """Return the rows that a write means, in the versions that it wants."""
    matches = predicate(op.model, both(op.scope, op.where))
    found = [line for line in snapshot.lines if matches(line.record) is True]
    if op.keys is not None:
        wanted = set(op.keys)
        found = [line for line in found if snapshot.layout.key_of(line.record) in wanted]
    if op.options.etags is None:
        return found
    ours = [line for line in found if etag(op.model, line.record) in op.options.etags]
    if not ours:
        raise PreconditionFailed("there is no record in the version that was named")
    return ours


def _existing(op: Create, snapshot: Snapshot, record: Record) -> Line | None:
    """Return the row that an upsert means, or None."""
    if op.upsert is None:
        return None
    wanted = tuple(record.get(name) for name in op.upsert.target)
    if None in wanted:
        return None
    if op.upsert.target == snapshot.layout.names():
        return next(iter(snapshot.by_key.get(wanted, ())), None)
    named = op.upsert.target
    return next((each for each in snapshot.lines if tuple(each.record[name] for name in named) == wanted), None)


def _lines_after(snapshot: Snapshot, change: Change) -> list[Line]:
    """Return the rows that a change touches, as they are then; those that it takes out, as they were."""
    layout = snapshot.layout
    touched = {line.at for line, _ in change.updates}
    others = [line for line in snapshot.lines if line.at not in touched]
    found = [*change.deletes]
    for line, cells in change.updates:
        found.append(layout.line(line.at, raws_with(layout, line.raws, cells), [*others, *found]))
    empty = (None,) * len(layout.columns)
    last = snapshot.lines[-1].at if snapshot.lines else layout.header_row
    for down, cells in enumerate(change.appends, 1):
        found.append(layout.line(last + down, raws_with(layout, empty, cells), [*others, *found]))
    return found


def _keys_must_be_unique(snapshot: Snapshot, change: Change, lines: Sequence[Line]) -> None:
    """Raise Conflict where a new key, or a changed one, is there already: a sheet would take it."""
    layout = snapshot.layout
    if not layout.key or change.deletes:
        return
    before = {line.at: layout.key_of(line.record) for line, _ in change.updates}
    new = [layout.key_of(line.record) for line in lines if layout.key_of(line.record) != before.get(line.at)]
    there = {key for key, some in snapshot.by_key.items() if any(each.at not in before for each in some)}
    kept = [key for key in before.values() if key not in new]
    for key in new:
        if None in key:
            raise Rejected(f"a record of {layout.model!r} needs a key: {', '.join(layout.key)}", code="23502")
    if len(set(new)) < len(new) or there & set(new) or set(kept) & set(new):
        raise Conflict(
            f'duplicate key value violates unique constraint "{layout.model}_pkey"',
            hint=f"key: {', '.join(layout.key)}",
        )


def _computes(layout: Layout) -> bool:
    return any(each.formula for each in layout.columns)
