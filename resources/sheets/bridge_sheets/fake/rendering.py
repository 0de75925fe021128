"""What the API shows of cells: by render option, and as cell data."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from bridge_sheets.fake.a1 import Range
from bridge_sheets.fake.grid import EPOCH, Raw, Row, Sheet

_PATTERNS: Final[Mapping[str, str]] = {
    "DATE": "%Y-%m-%d",
    "TIME": "%H:%M:%S",
    "DATE_TIME": "%Y-%m-%d %H:%M:%S",
}
ERRORS: Final[Mapping[str, str]] = {
    "#DIV/0!": "DIVIDE_BY_ZERO",
    "#VALUE!": "VALUE",
    "#REF!": "REF",
    "#NAME?": "NAME",
    "#NUM!": "NUM",
    "#N/A": "N_A",
    "#NULL!": "NULL_VALUE",
    "#ERROR!": "ERROR",
}


def values_of(sheet: Sheet, within: Range, show: Callable[[Row, int], Raw]) -> list[list[Raw]]:
    """Return the values of a range: empty cells at the ends of rows, and empty rows at the end, are left out."""
    right = within.right(sheet.column_count)
    table = []
    for _, row in sheet.cells(within):
        line: list[Raw] = [show(row, at) for at in range(within.left, min(right, max(row.width, within.left)))]
        while line and line[-1] == "":
            line.pop()
        table.append(line)
    while table and not table[-1]:
        table.pop()
    return table


def renderer(option: str) -> Callable[[Row, int], Raw]:
    """Return what shows a cell in the way of a render option."""
    return {"UNFORMATTED_VALUE": _unformatted, "FORMULA": _formula}.get(option, formatted)


def formatted(row: Row, at: int) -> str:
    """Show a cell as people see it."""
    value = row.value(at)
    pattern = _PATTERNS.get(row.formats.get(at, {}).get("type", ""))
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case int() | float() if pattern is not None:
            return (EPOCH + timedelta(days=value)).strftime(pattern)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def cell_data(row: Row, at: int) -> dict[str, Any]:
    """Return all that the API tells of one cell."""
    found: dict[str, Any] = {}
    value = row.value(at)
    if value is not None:
        found["effectiveValue"] = extended(value, computed=at in row.formulas)
        found["userEnteredValue"] = (
            {"formulaValue": row.formulas[at]} if at in row.formulas else found["effectiveValue"]
        )
        found["formattedValue"] = formatted(row, at)
    if at in row.formats:
        found["userEnteredFormat"] = found["effectiveFormat"] = {"numberFormat": dict(row.formats[at])}
    if at in row.rules:
        found["dataValidation"] = dict(row.rules[at])
    return found


def grid_data(sheet: Sheet, within: Range) -> dict[str, Any]:
    """Return the cells of a range as the API tells of them; what is 0 is left out."""
    right = within.right(sheet.column_count)
    rows = [
        {"values": [cell_data(row, at) for at in range(within.left, min(right, len(row.cells)))]}
        for _, row in sheet.cells(within)
    ]
    found: dict[str, Any] = {"rowData": rows}
    if within.top:
        found["startRow"] = within.top
    if within.left:
        found["startColumn"] = within.left
    return found


def extended(value: Raw, *, computed: bool = False) -> dict[str, Any]:
    """Return a value in the form that tells its type."""
    match value:
        case bool():
            return {"boolValue": value}
        case str() if computed and value in ERRORS:
            return {"errorValue": {"type": ERRORS[value], "message": value}}
        case str():
            return {"stringValue": value}
        case _:
            return {"numberValue": value}


def masked(answer: Any, mask: Sequence[str]) -> Any:
    """Return only the fields that a mask names: `a,b.c,d(e,f)`."""
    return answer if not mask else _kept(answer, _tree(",".join(mask)))


def _tree(mask: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    name, depth, start = "", 0, 0
    for at, each in enumerate(mask + ","):
        if each == "(":
            name, depth = (mask[start:at], depth + 1) if depth == 0 else (name, depth + 1)
            start = at + 1 if depth == 1 else start
        elif each == ")":
            depth -= 1
            if depth == 0:
                _grow(tree, name, _tree(mask[start:at]))
                start = at + 1
        elif each == "," and depth == 0:
            if mask[start:at]:
                _grow(tree, mask[start:at], {})
            start = at + 1
    return tree


def _grow(tree: dict[str, Any], path: str, inner: dict[str, Any]) -> None:
    *above, last = path.replace("/", ".").split(".")
    for each in above:
        tree = tree.setdefault(each, {})
    tree.setdefault(last, {}).update(inner)


def _kept(value: Any, tree: Mapping[str, Any]) -> Any:
    if not tree or "*" in tree:
        return value
    if isinstance(value, list):
        return [_kept(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _kept(each, tree[name]) for name, each in value.items() if name in tree}


def _unformatted(row: Row, at: int) -> Raw:
    value = row.value(at)
    return "" if value is None else value


def _formula(row: Row, at: int) -> Raw:
    return row.formulas.get(at) or _unformatted(row, at)
