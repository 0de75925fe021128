"""The `values` collection: reading ranges, writing them, appending to the table that stands there."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bridge_sheets.fake.a1 import Range, parsed, written
from bridge_sheets.fake.grid import Raw, Sheet, Spreadsheet
from bridge_sheets.fake.refusals import invalid
from bridge_sheets.fake.rendering import renderer, values_of

Query = Mapping[str, Sequence[str]]
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


def resolved(book: Spreadsheet, text: str) -> tuple[Sheet, Range]:
    """Return the sheet and the rectangle that a range means, or refuse what lies outside of the grid."""
    sheet = book.titled(text)
    within = Range(text) if sheet is not None else parsed(text)
    if sheet is None:
        sheet = book.sheets[0] if within.title is None else book.titled(within.title)
    if sheet is None or sheet.kind != "GRID":
        raise invalid(f"Unable to parse range: {text}")
    rows, columns = sheet.row_count, sheet.column_count
    outside = within.top >= rows or within.left >= columns or within.bottom(rows) > rows
    if outside or within.right(columns) > columns:
        raise invalid(f"Range ({text}) exceeds grid limits. Max rows: {rows}, max columns: {columns}")
    return sheet, within


def get(book: Spreadsheet, text: str, query: Query) -> dict[str, Any]:
    """Read one range."""
    sheet, within = resolved(book, text)
    shown = renderer(_one(query, "valueRenderOption"))
    table = values_of(sheet, within, shown)
    by_columns = _one(query, "majorDimension") == "COLUMNS"
    found: dict[str, Any] = {
        "range": _name(sheet, within),
        "majorDimension": "COLUMNS" if by_columns else "ROWS",
    }
    if table:
        found["values"] = _turned(table) if by_columns else table
    return found


def batch_get(book: Spreadsheet, query: Query) -> dict[str, Any]:
    """Read several ranges."""
    ranges = [get(book, each, query) for each in query.get("ranges", ())]
    return {"spreadsheetId": book.id, "valueRanges": ranges}


def update(book: Spreadsheet, text: str, option: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Write one range: null leaves a cell, an empty text empties it."""
    sheet, within = resolved(book, text)
    table = body.get("values") or []
    width = max(map(len, table), default=0)
    below = within.top + len(table) > within.bottom(sheet.row_count)
    if below or within.left + width > within.right(sheet.column_count):
        raise invalid(f"Requested writing within range [{text}], but tried writing outside of it")
    return _put(book, sheet, within.top, within.left, table, option)


def batch_update(book: Spreadsheet, body: Mapping[str, Any]) -> dict[str, Any]:
    """Write several ranges."""
    option = body.get("valueInputOption") or ""
    answers = [update(book, each["range"], option, each) for each in body.get("data") or ()]
    totals = {f"totalUpdated{name}": sum(each[f"updated{name}"] for each in answers) for name in ("Rows", "Cells")}
    return {"spreadsheetId": book.id, **totals, "responses": answers}


def append(book: Spreadsheet, text: str, query: Query, body: Mapping[str, Any]) -> dict[str, Any]:
    """Write below the table that stands in a range; the grid grows where it must."""
    sheet, within = resolved(book, text)
    end = within.top
    while end < len(sheet.rows) and sheet.rows[end].width:
        end += 1
    table = body.get("values") or []
    if _one(query, "insertDataOption") == "INSERT_ROWS":
        sheet.insert(end, end + len(table))
    sheet.row_count = max(sheet.row_count, end + len(table))
    updates = _put(book, sheet, end, within.left, table, _one(query, "valueInputOption"))
    above = {"tableRange": _name(sheet, Range(None, within.top, 0, end, 1))} if end > within.top else {}
    return {"spreadsheetId": book.id, **above, "updates": updates}


def clear(book: Spreadsheet, texts: Sequence[str]) -> list[str]:
    """Empty ranges; formats stay."""
    cleared = []
    for text in texts:
        sheet, within = resolved(book, text)
        for _, row in sheet.cells(within):
            for at in range(within.left, min(within.right(sheet.column_count), len(row.cells))):
                row.put(at, None)
        cleared.append(_name(sheet, within))
    return cleared


def entered(value: Raw) -> tuple[Raw, str | None]:
    """Return what a person's typing makes of a text: a value, and a formula where it is one."""
    if not isinstance(value, str):
        return value, None
    if value.startswith("="):
        return None, value
    if value.upper() in ("TRUE", "FALSE"):
        return value.upper() == "TRUE", None
    if _NUMBER.fullmatch(value):
        return (float(value) if "." in value else int(value)), None
    return value.removeprefix("'"), None


def _put(
    book: Spreadsheet, sheet: Sheet, top: int, left: int, table: Sequence[Sequence[Raw]], option: str
) -> dict[str, Any]:
    if option not in ("RAW", "USER_ENTERED"):
        raise invalid("'valueInputOption' is required but not specified")
    read: Callable[[Raw], tuple[Raw, str | None]] = entered if option == "USER_ENTERED" else lambda value: (value, None)
    for down, line in enumerate(table):
        row = sheet.row(top + down)
        for across, value in enumerate(line):
            if value is not None:
                row.put(left + across, *read(value))
    book.must_hold()
    width = max(map(len, table), default=0)
    return {
        "spreadsheetId": book.id,
        "updatedRange": _name(sheet, Range(None, top, left, top + max(len(table), 1), left + max(width, 1))),
        "updatedRows": len(table),
        "updatedColumns": width,
        "updatedCells": sum(map(len, table)),
    }


def _turned(table: Sequence[Sequence[Raw]]) -> list[list[Raw]]:
    width = max(map(len, table))
    return [[line[at] if at < len(line) else "" for line in table] for at in range(width)]


def _name(sheet: Sheet, within: Range) -> str:
    return written(
        sheet.title, within.top, within.left, within.bottom(sheet.row_count), within.right(sheet.column_count)
    )


def _one(query: Query, name: str) -> str:
    return next(iter(query.get(name, ())), "")
