"""Cursors that the core gives where an adapter's own do not fit: a place of the adapter's, and how many matches on."""

from dataclasses import dataclass

from bridge_core.errors import Malformed
from bridge_core.query import After, Window

_MARK = "~"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after so many matching records from the adapter's cursor on."""

    skip: int = 0
    cursor: str | None = None


def place_of(window: Window) -> Place:
    """Return where a window begins; a cursor that is not ours is the adapter's."""
    if not isinstance(window, After):
        return Place(window.offset)
    text = window.cursor
    if text is None or not ours(text):
        return Place(0, text)
    skip, mark, cursor = text[1:].partition(_MARK)
    if not mark or not skip.isdecimal() or len(skip) > 9:
        raise Malformed("the cursor is damaged", hint="take the cursor of an earlier page as it is")
    return Place(int(skip), cursor or None)


def cursor_of(place: Place) -> str:
    """Write a place as a cursor."""
    return f"{_MARK}{place.skip}{_MARK}{place.cursor or ''}"


def ours(cursor: str | None) -> bool:
    """Tell whether the core gave a cursor."""
    return cursor is not None and cursor.startswith(_MARK)


def passed_on(cursor: str | None) -> str | None:
    """Return an adapter's cursor in a form that is not taken for ours."""
    return cursor_of(Place(0, cursor)) if ours(cursor) else cursor
