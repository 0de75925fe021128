"""What a spreadsheet offers: four reads of it, and from them a layout for each of its worksheets."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bridge_core import ConfigurationError, FieldType
from bridge_sheets.api import Api, Json
from bridge_sheets.cells import Kind, Raw, plain
from bridge_sheets.inference import commonest, header_at, kind_of, letters, names_of, table_format
from bridge_sheets.layout import Column, Layout, quoted

Table: TypeAlias = Sequence[Sequence[Raw]]

_LOG: Final = logging.getLogger("bridge_sheets")
_SAMPLE: Final = 20  # rows whose formats and rules are looked at
_PROPERTIES: Final = "properties(title,timeZone),sheets(properties,tables)"
_CELLS: Final = (
    "sheets(properties.sheetId,data(startRow,startColumn,"
    "rowData.values(userEnteredFormat.numberFormat,effectiveFormat.numberFormat,dataValidation)))"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says of one worksheet. `header` is counted from 1."""

    header: int | None = None
    key: tuple[str, ...] = ()
    types: Mapping[str, FieldType] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One worksheet as it is: values, formulas, and of its first rows the formats and rules, by column."""

    title: str
    number: int
    zone: str
    values: Table
    formulas: Table
    header: int
    formats: Mapping[int, Sequence[Mapping[str, Any]]]
    rules: Mapping[int, Mapping[str, Any]]


async def layouts_of(
    api: Api, book: str, prefix: str, wanted: Mapping[str, Wanted], freshness: float
) -> Sequence[Layout]:
    """Read a spreadsheet; a worksheet that cannot be served is left out, and the log says why."""
    told = await api.spreadsheet(book, fields=_PROPERTIES)
    sheets = [each for each in told.get("sheets", ()) if each["properties"].get("sheetType", "GRID") == "GRID"]
    if not sheets:
        return ()
    ranges = [quoted(each["properties"]["title"]) for each in sheets]
    values = [_plain(each) for each in await api.values(book, ranges)]
    formulas = [_plain(each) for each in await api.values(book, ranges, "FORMULA")]
    headers = [
        _header(each, table, wanted.get(_model(prefix, each))) for each, table in zip(sheets, values, strict=True)
    ]
    samples = await _samples(api, book, sheets, headers)
    zone = told.get("properties", {}).get("timeZone", "Etc/UTC")
    layouts = []
    for at, (sheet, header) in enumerate(zip(sheets, headers, strict=True)):
        name = _model(prefix, sheet)
        if header is None:
            _LOG.warning("worksheet %r is not served: it has no header row", name)
            continue
        formats, rules = samples.get(sheet["properties"].get("sheetId", 0), ({}, {}))
        title, number = sheet["properties"]["title"], sheet["properties"].get("sheetId", 0)
        found = Found(
            title, number, zone, values[at], formulas[at], header, {**formats, **_table_formats(sheet)}, rules
        )
        try:
            layout = layout_of(found, name, book, wanted.get(name, Wanted()), freshness)
        except ConfigurationError as error:
            _LOG.warning("worksheet %r is not served: %s", name, error.message)
            continue
        layouts.append(layout)
        for complaint in layout.complaints:
            _LOG.warning("worksheet %r: %s", name, complaint)
    return layouts


def layout_of(found: Found, name: str, book: str, wanted: Wanted, freshness: float) -> Layout:
    """Return how a worksheet is laid out; raise ConfigurationError where what is configured is not there."""
    header = found.values[found.header]
    below = found.values[found.header + 1 :]
    width = max([len(header), *map(len, below)])
    columns_of = [[row[at] if at < len(row) else None for row in below] for at in range(width)]
    names, complaints = names_of(header, [any(cell is not None for cell in each) for each in columns_of])
    present = [each for each in names if each is not None]
    for each in (*wanted.key, *(wanted.types or {})):
        if each not in present:
            raise ConfigurationError(f"there is no column {each!r}; there are: {', '.join(present)}")
    columns = []
    for at, column in enumerate(names):
        if column is None:
            continue
        formula = _is_formula(found, at)
        kind = _kind(found, at, columns_of[at], (wanted.types or {}).get(column))
        blank = any(cell is None for cell in columns_of[at])
        columns.append(Column(column, at, kind, formula, nullable=blank or column not in wanted.key))
        complaints += [f"column {letters(at)} ({column}) is computed, and read-only"] * formula
    if all(each.formula for each in columns):
        raise ConfigurationError("all of its columns are computed")
    return Layout(
        name, book, found.number, found.title, found.header, tuple(header), tuple(columns), wanted.key,
        tuple(complaints), freshness,
    )  # fmt: skip


def _kind(found: Found, at: int, cells: Sequence[Raw], configured: FieldType | None) -> Kind:
    format_, rule = commonest(found.formats.get(at, ())), found.rules.get(at, {})
    kind = kind_of(cells, format_, rule, found.zone)
    if configured is None or configured is kind.type:
        return kind
    return Kind(configured, zone=found.zone)


def _is_formula(found: Found, at: int) -> bool:
    """Tell whether most cells of a column are computed; one that was typed over does not change that."""
    below = found.formulas[found.header + 1 :]
    cells = [row[at] for row in below if at < len(row) and row[at] is not None]
    computed = sum(
        isinstance(cell, str) and cell.startswith("=") and not _typed(found, down, at)
        for down, row in enumerate(below, found.header + 1)
        if (cell := row[at] if at < len(row) else None) is not None
    )
    return bool(cells) and computed * 2 > len(cells)


def _typed(found: Found, down: int, at: int) -> bool:
    """Tell whether a text that looks like a formula is only a text: its value is the same."""
    row = found.values[down] if down < len(found.values) else ()
    return at < len(row) and row[at] == found.formulas[down][at]


async def _samples(
    api: Api, book: str, sheets: Sequence[Json], headers: Sequence[int | None]
) -> dict[int, tuple[dict[int, list[Mapping[str, Any]]], dict[int, Mapping[str, Any]]]]:
    ranges = []
    for sheet, header in zip(sheets, headers, strict=True):
        rows = sheet["properties"]["gridProperties"]["rowCount"]
        if header is not None and header + 1 < rows:
            ranges.append(f"{quoted(sheet['properties']['title'])}!{header + 2}:{min(header + 1 + _SAMPLE, rows)}")
    told = await api.spreadsheet(book, ranges, fields=_CELLS) if ranges else {}
    return {
        each["properties"].get("sheetId", 0): _formats_and_rules(each.get("data", ()))
        for each in told.get("sheets", ())
    }


def _formats_and_rules(
    areas: Sequence[Json],
) -> tuple[dict[int, list[Mapping[str, Any]]], dict[int, Mapping[str, Any]]]:
    formats: dict[int, list[Mapping[str, Any]]] = {}
    rules: dict[int, Mapping[str, Any]] = {}
    for area in areas:
        for row in area.get("rowData", ()):
            for at, cell in enumerate(row.get("values", ()), area.get("startColumn", 0)):
                shown = cell.get("userEnteredFormat") or cell.get("effectiveFormat") or {}
                formats.setdefault(at, []).append(shown.get("numberFormat", {}))
                if "dataValidation" in cell:
                    rules.setdefault(at, cell["dataValidation"])
    return formats, rules


def _table_formats(sheet: Json) -> dict[int, list[Mapping[str, Any]]]:
    """Return the formats that the Tables of a sheet give to its columns."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for table in sheet.get("tables", ()):
        left = table.get("range", {}).get("startColumnIndex", 0)
        for each in table.get("columnProperties", ()):
            if shown := table_format(each):
                found[left + each.get("columnIndex", 0)] = [shown]
    return found


def _header(sheet: Json, table: Table, wanted: Wanted | None) -> int | None:
    tables = sheet.get("tables", ())
    configured = None if wanted is None else wanted.header
    if configured is None and len(tables) == 1:
        configured = int(tables[0].get("range", {}).get("startRowIndex", 0)) + 1
    return header_at(table, configured)


def _model(prefix: str, sheet: Json) -> str:
    return f"{prefix}{sheet['properties']['title']}"


def _plain(table: Sequence[Sequence[Any]]) -> Table:
    return [[plain(each) for each in row] for row in table]
