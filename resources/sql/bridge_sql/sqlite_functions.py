"""What SQLite is taught: JSON paths and `ilike`, and to compare by its meaning what it keeps as text.

A collation in Python costs a microsecond per comparison and can't use an index; it stands only where comparing the
text would be wrong.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from bridge_sql.documents import NOTHING, as_text, json_rank, walk
from bridge_sql.sqlite_values import load_moment

from bridge_core.errors import Malformed
from bridge_core.values import decode_json, json_text

JSON: Final = "bridge_json"  # both a function and a collation
TEXT_IN_JSON: Final = "bridge_json_text"
LIKE: Final = "bridge_like"
ILIKE: Final = "bridge_ilike"
DECIMAL: Final = "bridge_decimal"
MOMENT: Final = "bridge_moment"


def teach(connection: sqlite3.Connection) -> None:
    """Register every function and collation that statements of this adapter use."""
    connection.create_function(JSON, 2, _json_at, deterministic=True)
    connection.create_function(TEXT_IN_JSON, 2, _text_at, deterministic=True)
    connection.create_function(LIKE, 2, _like, deterministic=True)
    connection.create_function(ILIKE, 2, _ilike, deterministic=True)
    connection.create_collation(JSON, _compared(_json_text_rank))
    connection.create_collation(DECIMAL, _compared(_decimal_rank))
    connection.create_collation(MOMENT, _compared(_moment_rank))


@lru_cache(maxsize=256)
def _pieces(pattern: str) -> tuple[re.Pattern[str], ...]:
    """Take a pattern apart at each `%`; within a piece every character stands for exactly one."""
    pieces = [""]
    characters = iter(pattern)
    for char in characters:
        match char:
            case "%":
                pieces.append("")
            case "_":
                pieces[-1] += "."
            case "\\":
                pieces[-1] += re.escape(next(characters, ""))  # `like_pattern` has seen to it that there is one
            case _:
                pieces[-1] += re.escape(char)
    return tuple(re.compile(piece, re.DOTALL) for piece in pieces)


def _like(pattern: str | None, value: object) -> bool | None:
    if pattern is None or value is None:
        return None
    return _matches(_pieces(pattern), str(value))


def _ilike(pattern: str | None, value: object) -> bool | None:
    if pattern is None or value is None:
        return None
    return _matches(_pieces(pattern.lower()), str(value).lower())


def _matches(pieces: tuple[re.Pattern[str], ...], text: str) -> bool:
    """Find the pieces one behind the other, each as early as it can be: no pattern takes more than one pass each."""
    first, *others = pieces
    if not others:
        return first.fullmatch(text) is not None
    found = first.match(text)
    for piece in others[:-1]:
        found = found and piece.search(text, found.end())
    if not found:
        return False
    last = others[-1]
    start = len(text) - _width(last)
    return start >= found.end() and last.fullmatch(text, start) is not None


@lru_cache(maxsize=256)
def _width(piece: re.Pattern[str]) -> int:
    return len(re.sub(r"\\(.)", r"\1", piece.pattern, flags=re.DOTALL))


@lru_cache(maxsize=256)
def _steps(text: str) -> Sequence[str | int]:
    steps: Any = decode_json(text)
    return tuple(steps)


def _found(document: object, steps: str) -> object:
    try:
        value = decode_json(document) if isinstance(document, str) else document
    except Malformed:
        value = document  # no JSON: shown as text, so it is text here too
    return walk(value, _steps(steps))


def _json_at(document: object, steps: str) -> str | None:
    if document is None:
        return None
    found = _found(document, steps)
    return None if found is NOTHING else json_text(found)


def _text_at(document: object, steps: str) -> str | None:
    return None if document is None else as_text(_found(document, steps))


def _compared(rank: Callable[[str], Any]) -> Callable[[str, str], int]:
    def compare(left: str, right: str) -> int:
        one, other = rank(left), rank(right)
        return int(one > other) - int(one < other)

    return compare


@lru_cache(maxsize=4_096)
def _json_text_rank(text: str) -> tuple[Any, ...]:
    return json_rank(decode_json(text))


@lru_cache(maxsize=4_096)
def _decimal_rank(text: str) -> tuple[int, Any]:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return (1, text)
    return (0, value) if not value.is_nan() else (1, text)


@lru_cache(maxsize=4_096)
def _moment_rank(text: str) -> tuple[int, Any]:
    moment = load_moment(text, zoned=True)
    return (1, text) if isinstance(moment, str) else (0, moment)
