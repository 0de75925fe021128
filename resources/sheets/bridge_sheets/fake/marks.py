"""Developer metadata: marks that programs leave on spreadsheets, sheets and rows, found by id, key or value."""

from collections.abc import Mapping
from typing import Any, Final

from bridge_sheets.fake.grid import Mark, Spreadsheet
from bridge_sheets.fake.refusals import Refusal, invalid

MOST: Final = 30_000  # characters of keys and values on one sheet


def created(book: Spreadsheet, wanted: Mapping[str, Any]) -> Mark:
    """Leave a mark; its id may be chosen, and is then unique in the spreadsheet."""
    number = wanted.get("metadataId") or max(book.marks, default=0) + 1
    if number in book.marks:
        raise invalid(
            f"Invalid requests[0].createDeveloperMetadata: Developer metadata with ID {number} already exists."
        )
    mark = Mark(number, wanted.get("metadataKey") or "", wanted.get("metadataValue") or "", wanted["visibility"])
    place = wanted.get("location") or {}
    if "dimensionRange" in place:
        area = place["dimensionRange"]
        mark.sheet = book.sheet(area.get("sheetId"))
        mark.row = mark.sheet.row(area.get("startIndex", 0))
    elif not place.get("spreadsheet"):
        mark.sheet = book.sheet(place.get("sheetId"))
    on_sheet = sum(len(each.key) + len(each.value) for each in book.marks.values() if each.sheet is mark.sheet)
    if on_sheet + len(mark.key) + len(mark.value) > MOST:
        raise invalid("Developer metadata storage quota exceeded.")
    book.marks[number] = mark
    return mark


def found(book: Spreadsheet, number: int) -> Mark:
    """Return the mark with this id."""
    if number not in book.marks:
        raise Refusal(404, f"No developer metadata with id {number}")
    return book.marks[number]


def looked_up(book: Spreadsheet, wanted: Mapping[str, Any]) -> list[Mark]:
    """Return the marks that a data filter means."""
    look = wanted.get("developerMetadataLookup")
    if look is None:
        raise Refusal(501, "the stand-in looks marks up by themselves alone")
    tests = {"metadataId": "id", "metadataKey": "key", "metadataValue": "value", "visibility": "visibility"}
    return [
        mark
        for mark in book.marks.values()
        if all(getattr(mark, own) == look[name] for name, own in tests.items() if name in look)
    ]


def told(mark: Mark) -> dict[str, Any]:
    """Return what the API tells of a mark."""
    place: dict[str, Any] = {"locationType": "SPREADSHEET", "spreadsheet": True}
    if mark.sheet is not None:
        place = {"locationType": "SHEET", "sheetId": mark.sheet.id}
    if mark.sheet is not None and mark.row is not None:
        at = next(at for at, each in enumerate(mark.sheet.rows) if each is mark.row)
        area = {"sheetId": mark.sheet.id, "dimension": "ROWS", "startIndex": at, "endIndex": at + 1}
        place = {"locationType": "ROW", "dimensionRange": area}
    return {
        "metadataId": mark.id,
        "metadataKey": mark.key,
        "metadataValue": mark.value,
        "location": place,
        "visibility": mark.visibility,
    }
