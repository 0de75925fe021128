"""`limit`, `offset` and `Range` -> a window; a page in its window -> `Content-Range`."""

from typing import Final

from bridge_core.errors import Malformed, OutOfRange
from bridge_core.query import WHOLE, Slice

_LARGEST: Final = 2**62  # beyond any number of records, and within 64 bits everywhere
_DIGITS: Final = 18
NOTHING_KNOWN: Final = b"*/*"


def number_of(word: str, text: str) -> int:
    """Read the value of `limit` or `offset`."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise Malformed(f"{word} is no number", hint=f"{word}=25")
    number = int(digits) if len(digits) <= _DIGITS else _LARGEST
    return number if digits is text or not number else -number


def window_of(limit: int | None, offset: int | None, ranged: str | None) -> Slice:
    """Return the window that both the query and the Range header ask for; a Range that is malformed is ignored."""
    if limit is None and offset is None and ranged is None:
        return WHOLE
    if limit is not None and limit < 0:
        raise _outside("Limit should be greater than or equal to zero.")
    first = max(offset or 0, 0)
    past = None if limit is None else first + limit
    bounds = _bounds(ranged) if ranged is not None else None
    if bounds is not None and limit != 0:
        first = max(first, bounds[0])
        past = bounds[1] if past is None or (bounds[1] is not None and bounds[1] < past) else past
        if past is not None and past <= first:
            raise _outside("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
    return Slice(min(first, _LARGEST), None if past is None else min(past - first, _LARGEST))


def _bounds(text: str) -> tuple[int, int | None] | None:
    """Read `0-9` or `5-`; the second number returned is the first position that is outside."""
    first, dash, last = text.removeprefix("items=").partition("-")
    if not dash or not _position(first) or not (last == "" or _position(last)):
        return None
    return int(first), int(last) + 1 if last else None


def _position(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _outside(details: str) -> OutOfRange:
    return OutOfRange("Requested range not satisfiable", details=details)


def past_the_end(offset: int, total: int) -> OutOfRange:
    """Say that a window begins behind the last record."""
    return _outside(f"An offset of {offset} was requested, but there are only {total} rows.")


def content_range(first: int, rows: int, total: int | None) -> bytes:
    """Return the value of `Content-Range` for so many records from a place on."""
    whole = "*" if total is None else total
    return b"%b/%b" % (b"%d-%d" % (first, first + rows - 1) if rows else b"*", str(whole).encode())
