"""What a spreadsheet is made of: sheets, rows and cells, and the marks that programs leave on them."""

import ast
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeAlias

from bridge_sheets.fake.a1 import Range, column_number
from bridge_sheets.fake.refusals import invalid

Raw: TypeAlias = str | int | float | bool | None
LONGEST: Final = 50_000  # characters of a cell
MOST_CELLS: Final = 10_000_000  # of a spreadsheet
EPOCH: Final = datetime.fromisoformat("1899-12-30")
_REFERENCE: Final = re.compile(r"([A-Z]+)(?:\d+)")
_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass
class Row:
    """One row. Formulas refer to cells of their own row only: the stand-in computes no others."""

    cells: list[Raw] = field(default_factory=list)
    formulas: dict[int, str] = field(default_factory=dict)
    formats: dict[int, Mapping[str, str]] = field(default_factory=dict)
    rules: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def put(self, at: int, value: Raw, formula: str | None = None) -> None:
        """Set what a cell holds."""
        if isinstance(value, str) and len(value) > LONGEST:
            raise invalid(f"Your input contains more than the maximum of {LONGEST} characters in a single cell.")
        self.cells += [None] * (at + 1 - len(self.cells))
        self.cells[at] = None if value == "" else value
        self.formulas.pop(at, None)
        if formula is not None:
            self.formulas[at] = formula

    def value(self, at: int) -> Raw:
        """Return what a cell shows, formulas computed."""
        formula = self.formulas.get(at)
        if formula is not None:
            return self._computed(formula)
        return self.cells[at] if at < len(self.cells) else None

    @property
    def width(self) -> int:
        """The number of cells up to the last one that is filled."""
        last = max((at for at, each in enumerate(self.cells) if each is not None), default=-1)
        return max(last, *self.formulas, -1) + 1 if self.formulas else last + 1

    def _computed(self, formula: str) -> Raw:
        try:
            found: Raw = self._term(ast.parse(formula.removeprefix("="), mode="eval").body)
        except ZeroDivisionError:
            return "#DIV/0!"
        except (TypeError, SyntaxError, KeyError):
            return "#VALUE!"
        return found

    def _term(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if found := _REFERENCE.fullmatch(name):
                here = self.value(column_number(found[1]))
                return 0 if here is None else here
            case ast.BinOp(left, how, right):
                return _OPERATORS[type(how)](self._term(left), self._term(right))
        raise SyntaxError(formula_of(node))


@dataclass
class Mark:
    """Developer metadata. One of a row holds on to the row itself, which may move."""

    id: int
    key: str
    value: str
    visibility: str
    sheet: "Sheet | None" = None
    row: Row | None = None


@dataclass
class Sheet:
    """One sheet: `row_count` and `column_count` are the size of its grid; rows that were never filled are not kept."""

    id: int
    title: str
    row_count: int = 1_000
    column_count: int = 26
    kind: str = "GRID"
    frozen: int = 0
    rows: list[Row] = field(default_factory=list)
    protected: list[Mapping[str, Any]] = field(default_factory=list)
    tables: list[Mapping[str, Any]] = field(default_factory=list)

    def row(self, at: int) -> Row:
        """Return a row to write to."""
        if at >= self.row_count:
            raise invalid(f"Attempting to write to row {at + 1}, beyond the last requested row of {self.row_count}")
        self.rows += [Row() for _ in range(at + 1 - len(self.rows))]
        return self.rows[at]

    def cells(self, within: Range) -> Iterator[tuple[int, Row]]:
        """Yield the rows of a range that are kept."""
        yield from enumerate(self.rows[within.top : within.bottom(self.row_count)], within.top)

    @property
    def used(self) -> int:
        """The number of rows up to the last one with anything in it."""
        return next((at for at in range(len(self.rows), 0, -1) if self.rows[at - 1].width), 0)

    def insert(self, start: int, end: int) -> None:
        """Put empty rows in."""
        self.rows += [Row() for _ in range(start - len(self.rows))]
        self.rows[start:start] = [Row() for _ in range(end - start)]
        self.row_count += end - start

    def delete(self, start: int, end: int) -> None:
        """Take rows out."""
        if end > self.row_count or end - start >= self.row_count:
            raise invalid("Cannot delete a row that does not exist, or all rows of the sheet.")
        del self.rows[start:end]
        self.row_count -= end - start

    def sort(self, start: int, end: int, column: int, *, descending: bool = False) -> None:
        """Put what stands in rows in order: contents move, the rows themselves (and marks on them) stay."""
        some = self.rows[start:end]
        contents = sorted((replace_row(each) for each in some), key=lambda each: _rank(each.value(column)))
        if descending:
            contents.reverse()
            contents.sort(key=lambda each: each.value(column) is None)
        for row, content in zip(some, contents, strict=True):
            row.cells, row.formulas, row.formats, row.rules = (
                content.cells, content.formulas, content.formats, content.rules,
            )  # fmt: skip


@dataclass
class Spreadsheet:
    """One spreadsheet, and the addresses of those who may open it."""

    id: str
    title: str
    zone: str = "Etc/UTC"
    sheets: list[Sheet] = field(default_factory=list)
    marks: dict[int, Mark] = field(default_factory=dict)
    shared_with: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)

    def sheet(self, number: int | None) -> Sheet:
        """Return the sheet with this id."""
        for each in self.sheets:
            if each.id == (number or 0):
                return each
        raise invalid(f"No grid with id: {number or 0}")

    def titled(self, title: str) -> Sheet | None:
        """Return the sheet of this title."""
        return next((each for each in self.sheets if each.title == title), None)

    def must_hold(self) -> None:
        """Raise a refusal if there are more cells than a spreadsheet may have."""
        if sum(each.row_count * each.column_count for each in self.sheets) > MOST_CELLS:
            raise invalid(
                "This action would increase the number of cells in the workbook above the limit of 10000000 cells."
            )


def replace_row(row: Row) -> Row:
    """Return a copy of what stands in a row."""
    return Row(list(row.cells), dict(row.formulas), dict(row.formats), dict(row.rules))


def filled(table: Iterable[Sequence[object]]) -> list[Row]:
    """Return rows with these values: a text that begins with `=` is a formula, dates and times are numbers."""
    return [row_of(values) for values in table]


def row_of(values: Sequence[object], *, literally: bool = False) -> Row:
    """Return one row with these values; literally: texts are never formulas."""
    row = Row()
    for at, value in enumerate(values):
        if isinstance(value, str) and value.startswith("=") and not literally:
            row.put(at, None, value)
            continue
        row.put(at, serial(value))
        kind = {datetime: "DATE_TIME", date: "DATE", time: "TIME"}.get(type(value))
        if kind is not None:
            row.formats[at] = {"type": kind}
    return row


def serial(value: object) -> Raw:
    """Return a date or time as the number that a cell holds; anything else as it is."""
    match value:
        case datetime():
            return (value - EPOCH) / timedelta(days=1)
        case date():
            return (value - EPOCH.date()).days
        case time():
            return (datetime.combine(EPOCH, value) - EPOCH) / timedelta(days=1)
        case str() | int() | float() | bool() | None:
            return value
    raise TypeError(f"a cell cannot hold {value!r}")


def formula_of(node: ast.expr) -> str:
    """Write a formula that the stand-in cannot compute."""
    return ast.unparse(node)


def _rank(value: Raw) -> tuple[int, Any]:
    match value:
        case None:
            return (3, 0)
        case bool():
            return (2, value)
        case str():
            return (1, value.casefold())
        case _:
            return (0, value)
