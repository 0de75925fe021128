"""The requests of one write: pure functions from records to what `batchUpdate` takes."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from bridge_core import Record
from bridge_sheets.cells import Raw, encoded, raw_of
from bridge_sheets.layout import Layout, Line

Request = Mapping[str, Any]

MARK: Final = "bridge-write"
_VALUE: Final = "userEnteredValue"
_FORMAT: Final = "userEnteredFormat.numberFormat"


def cells_of(layout: Layout, values: Record) -> dict[int, Mapping[str, Any]]:
    """Return the cells of some fields, by the place of their columns; raise BadValue where a cell cannot hold one."""
    names = [name for name in values if name in layout.by_name]
    return {layout.by_name[name].at: encoded(layout.by_name[name].kind, values[name], name) for name in names}


def raws_with(layout: Layout, raws: Sequence[Raw], cells: Mapping[int, Mapping[str, Any]]) -> tuple[Raw, ...]:
    """Return what a row holds once cells are written; what formulas then say is not known here."""
    return tuple(
        raw_of(cells[column.at]) if column.at in cells else raw
        for column, raw in zip(layout.columns, raws, strict=True)
    )


def updates(layout: Layout, lines: Iterable[Line], cells: Mapping[int, Mapping[str, Any]]) -> Iterator[Request]:
    """Yield requests that set these cells in each of these rows."""
    shaped = [at for at in cells if _is_shaped(cells[at])]
    runs = [*_runs(sorted(cells.keys() - shaped)), *_runs(sorted(shaped))]  # else formats of others would be cleared
    for line in lines:
        for run in runs:
            start = {"sheetId": layout.sheet, "rowIndex": line.at, "columnIndex": run[0]}
            some = [cells[at] for at in run]
            yield {"updateCells": {"start": start, "rows": [{"values": some}], "fields": _fields(some)}}


def append(layout: Layout, rows: Sequence[Mapping[int, Mapping[str, Any]]]) -> Request:
    """Return the request that adds rows behind the last one with anything in it; the grid grows where it must."""
    width = max(max(row, default=0) for row in rows) + 1
    lines = [[row.get(at, {}) for at in range(width)] for row in rows]
    fields = _fields([cell for line in lines for cell in line])
    body = {"sheetId": layout.sheet, "rows": [{"values": line} for line in lines], "fields": fields}
    return {"appendCells": body}


def deletes(layout: Layout, lines: Iterable[Line]) -> Iterator[Request]:
    """Yield requests that take rows out, the lowest first, so that the others keep their places meanwhile.

    A sheet has to keep a row below its header: an empty one is added first.
    """
    yield {"appendDimension": {"sheetId": layout.sheet, "dimension": "ROWS", "length": 1}}
    for run in reversed(list(_runs(sorted(line.at for line in lines)))):
        area = {"sheetId": layout.sheet, "dimension": "ROWS", "startIndex": run[0], "endIndex": run[-1] + 1}
        yield {"deleteDimension": {"range": area}}


def marked(layout: Layout, number: int) -> Request:
    """Return the request that leaves a mark: who finds it later knows that all requests beside it were applied."""
    mark = {
        "metadataId": number,
        "metadataKey": MARK,
        "location": {"sheetId": layout.sheet},
        "visibility": "PROJECT",
    }
    return {"createDeveloperMetadata": {"developerMetadata": mark}}


def unmarked(number: int) -> Request:
    """Return the request that takes a mark away."""
    return {"deleteDeveloperMetadata": {"dataFilter": {"developerMetadataLookup": {"metadataId": number}}}}


def new_mark() -> int:
    """Return an id for a mark."""
    return 1 + secrets.randbelow(2**31 - 2)


def _fields(cells: Iterable[Mapping[str, Any]]) -> str:
    return f"{_VALUE},{_FORMAT}" if any(map(_is_shaped, cells)) else _VALUE


def _is_shaped(cell: Mapping[str, Any]) -> bool:
    return "userEnteredFormat" in cell


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Yield runs of numbers that follow each other."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]
