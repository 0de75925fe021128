"""Ranges as the API writes them: `'My sheet'!A2:C`, and as rectangles of numbers that begin with 0."""

import re
from dataclasses import dataclass
from typing import Final

from bridge_sheets.fake.refusals import invalid

_CELL: Final = re.compile(r"([A-Za-z]*)(\d*)")


@dataclass(frozen=True)
class Range:
    """A rectangle: ends are exclusive; None: to the end of the grid."""

    title: str | None
    top: int = 0
    left: int = 0
    end_row: int | None = None
    end_column: int | None = None

    def bottom(self, rows: int) -> int:
        """Return the end of its rows in a grid of so many."""
        return rows if self.end_row is None else self.end_row

    def right(self, columns: int) -> int:
        """Return the end of its columns in a grid of so many."""
        return columns if self.end_column is None else self.end_column


def parsed(text: str) -> Range:
    """Read a range."""
    title, inner = _split(text)
    if not inner:
        return Range(title)
    first, _, last = inner.partition(":")
    left, top = _corner(first, text)
    if not last:
        return Range(title, top or 0, left or 0, (top or 0) + 1, (left or 0) + 1)
    end_column, end_row = _corner(last, text)
    return Range(
        title,
        top or 0,
        left or 0,
        None if end_row is None else end_row + 1,
        None if end_column is None else end_column + 1,
    )


def written(title: str, top: int, left: int, end_row: int, end_column: int) -> str:
    """Write a rectangle."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", title)
    name = title if plain else "'" + title.replace("'", "''") + "'"
    first = f"{column_name(left)}{top + 1}"
    last = f"{column_name(end_column - 1)}{end_row}"
    return f"{name}!{first}" if first == last else f"{name}!{first}:{last}"


def column_number(name: str) -> int:
    """Return the place of a column, from 0."""
    number = 0
    for each in name.upper():
        number = number * 26 + ord(each) - 64
    return number - 1


def column_name(number: int) -> str:
    """Return the letters of a column."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def _split(text: str) -> tuple[str | None, str]:
    quoted = re.fullmatch(r"'((?:[^']|'')*)'(?:!(.*))?", text)
    if quoted:
        return quoted[1].replace("''", "'"), quoted[2] or ""
    title, mark, inner = text.rpartition("!")
    if mark:
        return title, inner
    both_ends = text.partition(":")
    if all(_CELL.fullmatch(each) and any(c.isdigit() for c in each) for each in (both_ends[0], both_ends[2] or "A1")):
        return None, text
    return text, ""


def _corner(text: str, whole: str) -> tuple[int | None, int | None]:
    found = _CELL.fullmatch(text)
    if not text or found is None:
        raise invalid(f"Unable to parse range: {whole}")
    return (column_number(found[1]) if found[1] else None, int(found[2]) - 1 if found[2] else None)
