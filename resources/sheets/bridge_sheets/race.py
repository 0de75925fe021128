"""Whether a write hit the rows that it was meant for: the answer to it shows the sheet as it was right afterwards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from bridge_sheets.cells import Raw, raw_of
from bridge_sheets.layout import Layout, Line

Identity: TypeAlias = tuple[Raw, ...]


class Verdict(Enum):
    """What the answer to a write says."""

    RIGHT = "the rows that were meant, and no others"
    WRONG = "others: somebody moved rows in the same moment"
    UNCLEAR = "nobody can tell: somebody added or removed rows in the same moment"


@dataclass(frozen=True, slots=True)
class After:
    """What told rows apart once a write was applied: by their place, and in all."""

    by_place: Mapping[int, Identity]

    @property
    def counted(self) -> Counter[Identity]:
        """How often each stands there."""
        return Counter(each for each in self.by_place.values() if any(part is not None for part in each))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a write should have left: these rows gone, and these in place of them (none, for a delete)."""

    before: Sequence[Identity]
    gone: Sequence[Identity]
    placed: Mapping[int, Identity]

    def verdict(self, after: After) -> Verdict:
        """Judge an answer."""
        there = after.counted
        wanted = Counter(each for each in self.before if any(part is not None for part in each))
        wanted.subtract(self.gone)
        wanted.update(self.placed.values())
        misplaced = any(after.by_place.get(at) != identity for at, identity in self.placed.items())
        left = {each for each in self.gone if there[each] > max(wanted[each], 0)}
        lost = +(+wanted - there)
        if misplaced or left:
            return Verdict.WRONG
        return Verdict.UNCLEAR if lost and (not self.placed or self._renames) else Verdict.RIGHT

    @property
    def _renames(self) -> bool:
        return Counter(self.gone) != Counter(self.placed.values())


def after(layout: Layout, answer: Mapping[str, Any]) -> After:
    """Return what the answer to `batchUpdate` shows of the columns that tell rows apart."""
    rows: dict[int, dict[int, Raw]] = {}
    for sheet in answer.get("updatedSpreadsheet", {}).get("sheets", ()):
        for area in sheet.get("data", ()):
            for at, row in enumerate(area.get("rowData", ()), area.get("startRow", 0)):
                cells = rows.setdefault(at, {})
                for across, cell in enumerate(row.get("values", ()), area.get("startColumn", 0)):
                    cells[across] = raw_of(cell)
    places = [layout.columns[at].at for at in layout.telling]
    return After(
        {at: tuple(cells.get(each) for each in places) for at, cells in rows.items() if at > layout.header_row}
    )


def identities(layout: Layout, lines: Sequence[Line]) -> list[Identity]:
    """Return what tells these rows apart."""
    return [layout.identity(line.raws) for line in lines]


def shown(layout: Layout) -> list[str]:
    """Return the ranges that an answer shall show: the columns that tell rows apart, as few runs as there are."""
    places = sorted(layout.columns[at].at for at in layout.telling)
    runs: list[list[int]] = []
    for at in places:
        if runs and runs[-1][-1] == at - 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    return [layout.columns_range(run[0], run[-1]) for run in runs]
