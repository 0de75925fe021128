"""What a write does to a sheet, what it should leave there, and how it is undone where it hit other rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bridge_sheets.cells import Raw
from bridge_sheets.layout import Layout, Line
from bridge_sheets.race import After, Expected, Identity, identities
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


@dataclass(frozen=True, slots=True)
class Repair:
    """What undoes a write that hit other rows: `done` are those that it hit rightly, `certain` whether that is all."""

    change: Change
    done: Sequence[Line] = ()
    certain: bool = True


def repair_of(
    layout: Layout, before: Sequence[Line], now: Sequence[Line], change: Change, seen: After
) -> Repair | None:
    """Return what undoes a wrong write; None where nobody can tell what was there."""
    if change.deletes:
        return _undeleted(layout, before, now, change.deletes)
    nothing = (None,) * len(layout.telling)
    there = Counter(layout.identity(each.raws) for each in now)
    lost = Counter(each.raws for each in before) - Counter(each.raws for each in now)
    undone: list[tuple[Line, Cells]] = []
    done: list[Line] = []
    for line, cells in change.updates:
        own, here = layout.identity(line.raws), seen.by_place.get(line.at, nothing)
        right = here == layout.identity(raws_with(layout, line.raws, cells))
        if right and (own == here or not there[own]):
            done.append(line)
            continue
        hit = _hit(layout, line, before, now, cells, here)
        if hit is None:
            continue  # it is gone again
        old = _cells_before(layout, hit, before, lost, cells)
        if old is None:
            return None
        undone.append((hit, old))
    return Repair(Change(updates=undone), done)


def _hit(
    layout: Layout, line: Line, before: Sequence[Line], now: Sequence[Line], cells: Cells, here: Identity
) -> Line | None:
    """Return the row that was written instead: it has what was written, and there are more such rows than before."""
    found = [
        each for each in now if layout.identity(each.raws) == here and raws_with(layout, each.raws, cells) == each.raws
    ]
    found.sort(key=lambda each: each.at != line.at)
    known = sum(each.raws == found[0].raws for each in before) if found else 0
    return found[0] if sum(each.raws == found[0].raws for each in found) > known else None


def _cells_before(
    layout: Layout, hit: Line, before: Sequence[Line], lost: Counter[tuple[Raw, ...]], cells: Cells
) -> Cells | None:
    """Return what stood in the written cells of a row: it is the one that is the same in all others, and is missing."""
    others = [at for at in layout.own if layout.columns[at].at not in cells]
    if others and all(hit.raws[at] is None for at in others):
        return {at: {} for at in cells}  # it was empty
    found = [each for each in before if lost[each.raws] and all(each.raws[at] == hit.raws[at] for at in others)]
    if len({each.raws for each in found}) != 1:
        return None
    return cells_of(layout, {each.name: found[0].record[each.name] for each in layout.columns if each.at in cells})


def _undeleted(layout: Layout, before: Sequence[Line], now: Sequence[Line], meant: Sequence[Line]) -> Repair | None:
    """Add again what is missing: as many rows as were meant, and are there still, at the most."""
    there = Counter(layout.identity(line.raws) for line in now)
    places = {line.at for line in meant}
    missing: list[Line] = []
    for line in before:
        if line.at not in places:
            _counted_off(there, layout.identity(line.raws), missing, line)
    done: list[Line] = []
    for line in meant:
        _counted_off(there, layout.identity(line.raws), done, line)
    left = len(meant) - len(done)
    if left < len(missing):
        return None
    writable = [column.name for column in layout.columns if not column.formula]
    rows = [cells_of(layout, {name: line.record[name] for name in writable}) for line in missing]
    return Repair(Change(appends=rows), done, certain=left == len(missing))


def _counted_off(there: Counter[Identity], wanted: Identity, absent: list[Line], line: Line) -> None:
    if there[wanted]:
        there[wanted] -= 1
    else:
        absent.append(line)
