"""`spreadsheets.batchUpdate`: requests that are applied in their order, all of them or none."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from bridge_sheets.fake.a1 import Range
from bridge_sheets.fake.grid import Row, Sheet, Spreadsheet
from bridge_sheets.fake.marks import created, looked_up, told
from bridge_sheets.fake.refusals import Refusal, invalid

Json: TypeAlias = Mapping[str, Any]


def applied(book: Spreadsheet, request: Json) -> dict[str, Any]:
    """Apply one request to a spreadsheet, which may be left half changed: work on a copy."""
    kind, body = next(((kind, body) for kind, body in request.items() if body is not None), ("", {}))
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise Refusal(501, f"the stand-in does not know the request {kind!r}")
    _must_be_open(book, kind, body)
    reply = handler(book, body)
    book.must_hold()
    return {kind: reply} if reply else {}


def _update_cells(book: Spreadsheet, body: Json) -> None:
    start = body.get("start") or {}
    area = body.get("range") or {}
    sheet = book.sheet(start.get("sheetId", area.get("sheetId")))
    top = start.get("rowIndex", area.get("startRowIndex", 0))
    left = start.get("columnIndex", area.get("startColumnIndex", 0))
    _write(sheet, top, left, body)


def _append_cells(book: Spreadsheet, body: Json) -> None:
    sheet = book.sheet(body.get("sheetId"))
    top = sheet.used
    sheet.row_count = max(sheet.row_count, top + len(body.get("rows") or ()))
    _write(sheet, top, 0, body)


def _write(sheet: Sheet, top: int, left: int, body: Json) -> None:
    fields = str(body.get("fields", "")).split(",")
    for down, line in enumerate(body.get("rows") or ()):
        row = sheet.row(top + down)
        for across, cell in enumerate(line.get("values") or ()):
            if left + across >= sheet.column_count:
                raise invalid(f"Attempting to write column: {left + across}, beyond the last requested column")
            _write_cell(row, left + across, cell, fields)


def _write_cell(row: Row, at: int, cell: Json, fields: list[str]) -> None:
    if "*" in fields or any(each.split(".")[0] == "userEnteredValue" for each in fields):
        value = cell.get("userEnteredValue") or {}
        plain = next((value[kind] for kind in ("numberValue", "stringValue", "boolValue") if kind in value), None)
        row.put(at, plain, value.get("formulaValue"))
    if "*" in fields or any(each.startswith("userEnteredFormat") for each in fields):
        found = (cell.get("userEnteredFormat") or {}).get("numberFormat")
        row.formats.pop(at, None)
        if found:
            row.formats[at] = found
    if "*" in fields or "dataValidation" in fields:
        row.rules.pop(at, None)
        if cell.get("dataValidation"):
            row.rules[at] = cell["dataValidation"]


def _insert(book: Spreadsheet, body: Json) -> None:
    area = _rows(body["range"])
    book.sheet(area.get("sheetId")).insert(area.get("startIndex", 0), area["endIndex"])


def _delete(book: Spreadsheet, body: Json) -> None:
    area = _rows(body["range"])
    sheet = book.sheet(area.get("sheetId"))
    gone = sheet.rows[area.get("startIndex", 0) : area["endIndex"]]
    sheet.delete(area.get("startIndex", 0), area["endIndex"])
    for mark in [each for each in book.marks.values() if any(each.row is row for row in gone)]:
        del book.marks[mark.id]


def _append_rows(book: Spreadsheet, body: Json) -> None:
    if body.get("dimension") == "COLUMNS":
        book.sheet(body.get("sheetId")).column_count += body["length"]
    else:
        book.sheet(body.get("sheetId")).row_count += body["length"]


def _rows(area: Json) -> Json:
    if area.get("dimension") != "ROWS":
        raise Refusal(501, "the stand-in moves no columns")
    if area.get("endIndex", 0) <= area.get("startIndex", 0):
        raise invalid("Invalid range: the end is not behind the start")
    return area


def _sort(book: Spreadsheet, body: Json) -> None:
    area = body["range"]
    sheet = book.sheet(area.get("sheetId"))
    for spec in reversed(body.get("sortSpecs") or ()):
        down = spec.get("sortOrder") == "DESCENDING"
        end = min(area.get("endRowIndex", sheet.row_count), sheet.used)
        sheet.sort(area.get("startRowIndex", 0), end, spec.get("dimensionIndex", 0), descending=down)


def _properties(book: Spreadsheet, body: Json) -> None:
    wanted = body["properties"]
    sheet = book.sheet(wanted.get("sheetId"))
    grid = wanted.get("gridProperties") or {}
    for each in str(body.get("fields", "")).replace("/", ".").split(","):
        match each:
            case "title":
                sheet.title = wanted["title"]
            case "gridProperties.rowCount":
                sheet.row_count = grid["rowCount"]
                del sheet.rows[sheet.row_count :]
            case "gridProperties.columnCount":
                sheet.column_count = grid["columnCount"]
            case "gridProperties.frozenRowCount":
                sheet.frozen = grid["frozenRowCount"]
            case _:
                raise Refusal(501, f"the stand-in does not set {each!r}")


def _add_sheet(book: Spreadsheet, body: Json) -> dict[str, Any]:
    wanted = body.get("properties") or {}
    title = wanted.get("title") or f"Sheet{len(book.sheets) + 1}"
    if book.titled(title):
        raise invalid(f'A sheet with the name "{title}" already exists. Please enter another name.')
    grid = wanted.get("gridProperties") or {}
    number = wanted.get("sheetId") or max((each.id for each in book.sheets), default=0) + 1
    sheet = Sheet(number, title, grid.get("rowCount", 1_000), grid.get("columnCount", 26))
    book.sheets.append(sheet)
    return {"properties": properties_of(book, sheet)}


def _delete_sheet(book: Spreadsheet, body: Json) -> None:
    book.sheets.remove(book.sheet(body.get("sheetId")))


def _mark(book: Spreadsheet, body: Json) -> dict[str, Any]:
    return {"developerMetadata": told(created(book, body["developerMetadata"]))}


def _unmark(book: Spreadsheet, body: Json) -> dict[str, Any]:
    found = looked_up(book, body["dataFilter"])
    for each in found:
        del book.marks[each.id]
    return {"deletedDeveloperMetadata": [told(each) for each in found]}


def _protect(book: Spreadsheet, body: Json) -> dict[str, Any]:
    wanted = dict(body["protectedRange"])
    book.sheet((wanted.get("range") or {}).get("sheetId")).protected.append(wanted)
    return {"protectedRange": wanted}


def _add_table(book: Spreadsheet, body: Json) -> dict[str, Any]:
    sheet = book.sheet(((body["table"]).get("range") or {}).get("sheetId"))
    table = {"tableId": f"table{sum(len(each.tables) for each in book.sheets) + 1}", **body["table"]}
    sheet.tables.append(table)
    return {"table": table}


def properties_of(book: Spreadsheet, sheet: Sheet) -> dict[str, Any]:
    """Return what the API tells of a sheet itself."""
    found = {"sheetId": sheet.id, "title": sheet.title, "index": book.sheets.index(sheet), "sheetType": sheet.kind}
    if sheet.kind != "GRID":
        return found
    grid = {"rowCount": sheet.row_count, "columnCount": sheet.column_count}
    return {**found, "gridProperties": {**grid, **({"frozenRowCount": sheet.frozen} if sheet.frozen else {})}}


def _must_be_open(book: Spreadsheet, kind: str, body: Json) -> None:
    """Refuse to touch what is protected."""
    area = body.get("range") or body.get("start") or body
    if kind not in _TOUCHING or not isinstance(area, dict):
        return
    sheet = book.sheet(area.get("sheetId"))
    named = (area.get(name) for name in ("startRowIndex", "startIndex", "rowIndex"))
    top = next((each for each in named if each is not None), sheet.used)
    for each in sheet.protected:
        within = Range(
            None, (each.get("range") or {}).get("startRowIndex", 0), 0, (each.get("range") or {}).get("endRowIndex")
        )
        inside = within.top <= top < within.bottom(sheet.row_count + 1)
        if inside and not each.get("warningOnly") and not each.get("requestingUserCanEdit"):
            raise invalid(
                "Invalid requests[0]: You are trying to edit a protected cell or object. "
                "Please contact the spreadsheet owner to remove protection if you need to edit."
            )


_TOUCHING: Final = frozenset({"updateCells", "appendCells", "deleteDimension", "sortRange"})
_HANDLERS: Final[Mapping[str, Callable[[Spreadsheet, Json], dict[str, Any] | None]]] = {
    "updateCells": _update_cells,
    "appendCells": _append_cells,
    "insertDimension": _insert,
    "deleteDimension": _delete,
    "appendDimension": _append_rows,
    "sortRange": _sort,
    "updateSheetProperties": _properties,
    "addSheet": _add_sheet,
    "deleteSheet": _delete_sheet,
    "createDeveloperMetadata": _mark,
    "deleteDeveloperMetadata": _unmark,
    "addProtectedRange": _protect,
    "addTable": _add_table,
}
