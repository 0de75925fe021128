"""What a write does to a sheet, what it should leave there, and how it is undone where it hit other rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bridge_sheets.layout import Layout, Line
from bridge_sheets.race import After, Expected, identities
from bridge_sheets.requests import Request, append, cells_of, deletes, raws_with, updates

Cells: TypeAlias = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """What a write does to a sheet: cells for some rows, rows to take out, rows to add."""

    updates: Sequence[tuple[Line, Cells]] = ()
    deletes: Sequence[Line] = ()
    appends: Sequence[Cells] = ()

    def requests(self, layout: Layout) -> list[Request]:
        """Return its requests, in an order in which places hold."""
        found = [request for line, cells in self.updates for request in updates(layout, [line], cells)]
        found += [append(layout, self.appends)] if self.appends else []
        return found + (list(deletes(layout, self.deletes)) if self.deletes else [])

    def expected(self, layout: Layout, before: Sequence[Line]) -> Expected:
        """Return what the sheet should look like afterwards."""
        touched = [line for line, _ in self.updates]
        placed = {line.at: layout.identity(raws_with(layout, line.raws, cells)) for line, cells in self.updates}
        return Expected(identities(layout, before), identities(layout, [*touched, *self.deletes]), placed)


def repair_of(
    layout: Layout, before: Sequence[Line], now: Sequence[Line], change: Change, seen: After
) -> Change | None:
    """Return the change that undoes a wrong write; None where nobody can tell what was there."""
    if change.deletes:
        return _undeleted(layout, before, now, change.deletes)
    undone: list[tuple[Line, Cells]] = []
    nothing = (None,) * len(layout.telling)
    for line, cells in change.updates:
        here = seen.by_place.get(line.at, nothing)
        left = any(layout.identity(each.raws) == layout.identity(line.raws) for each in now)
        if here == layout.identity(raws_with(layout, line.raws, cells)) and not (
            left and layout.identity(line.raws) != here
        ):
            continue  # this one is right
        hits = [
            each
            for each in now
            if layout.identity(each.raws) == here and raws_with(layout, each.raws, cells) == each.raws
        ]
        if not hits:
            continue  # it is gone again
        old = _cells_before(layout, hits[0], before, now, cells)
        if old is None or len(hits) > 1:
            return None
        undone.append((hits[0], old))
    return Change(updates=undone)


def _cells_before(layout: Layout, hit: Line, before: Sequence[Line], now: Sequence[Line], cells: Cells) -> Cells | None:
    """Return what stood in the written cells of a row: it is the one that is the same in all others."""
    others = [at for at in layout.own if layout.columns[at].at not in cells]
    if not others:
        there = {each.raws for each in now}
        found = [each for each in before if each.raws not in there]
    elif all(hit.raws[at] is None for at in others):
        return {at: {} for at in cells}  # it was empty
    else:
        found = [each for each in before if all(each.raws[at] == hit.raws[at] for at in others)]
    if len(found) != 1:
        return None
    return cells_of(layout, {each.name: found[0].record[each.name] for each in layout.columns if each.at in cells})


def _undeleted(layout: Layout, before: Sequence[Line], now: Sequence[Line], meant: Sequence[Line]) -> Change | None:
    there = {layout.identity(line.raws) for line in now}
    wanted = {layout.identity(line.raws) for line in meant}
    left = [line for line in meant if layout.identity(line.raws) in there]
    lost = [line for line in before if layout.identity(line.raws) not in there | wanted]
    if len(left) != len(lost):
        return None
    writable = [column.name for column in layout.columns if not column.formula]
    rows = [cells_of(layout, {name: line.record[name] for name in writable}) for line in lost]
    return Change(appends=rows)
