"""Somebody who works in a sheet by hand, between two calls of the API or just before one."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge_sheets.fake.grid import Sheet, row_of
from bridge_sheets.fake.rendering import formatted
from bridge_sheets.fake.service import Service


@dataclass(frozen=True)
class Person:
    """Works in one sheet. Rows and columns are counted from 1, as people do."""

    service: Service
    spreadsheet: str
    title: str

    def edit(self, row: int, column: int, value: object, *, literally: bool = False) -> None:
        """Type into a cell: a text that begins with `=` is a formula, unless it is meant literally."""
        with self.service.lock:
            typed = row_of([value], literally=literally)
            self._sheet.row(row - 1).put(column - 1, typed.cells[0], typed.formulas.get(0))

    def insert(self, row: int, values: Sequence[object] = ()) -> None:
        """Put a row in above this one."""
        with self.service.lock:
            self._sheet.insert(row - 1, row)
            self._sheet.rows[row - 1] = row_of(values)

    def delete(self, row: int) -> None:
        """Take a row out."""
        with self.service.lock:
            self._sheet.delete(row - 1, row)

    def sort(self, column: int, *, descending: bool = False, header: int = 1) -> None:
        """Sort what stands below the header."""
        with self.service.lock:
            self._sheet.sort(header, self._sheet.used, column - 1, descending=descending)

    def rename(self, title: str) -> None:
        """Give the sheet another title."""
        with self.service.lock:
            self._sheet.title = title
            object.__setattr__(self, "title", title)

    def sees(self) -> list[list[str]]:
        """Return what stands in the sheet, as people see it."""
        with self.service.lock:
            sheet = self._sheet
            return [[formatted(row, at) for at in range(row.width)] for row in sheet.rows[: sheet.used]]

    def values(self) -> list[list[object]]:
        """Return what stands in the sheet, as it is kept."""
        with self.service.lock:
            return [[row.value(at) for at in range(row.width)] for row in self._sheet.rows[: self._sheet.used]]

    @property
    def _sheet(self) -> Sheet:
        found = self.service.books[self.spreadsheet].titled(self.title)
        assert found is not None  # somebody works in it
        return found
