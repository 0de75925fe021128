"""Text against patterns that callers write: time is linear in the text, whatever the pattern."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import re2  # type: ignore[import-untyped]  # the wheel carries no types

from bridge_core.errors import BadValue

Test = Callable[[str], bool]

_ONE: Final = None  # any one character, in a piece of a pattern
_Piece = Sequence[str | None]
_REGEX_MEMORY: Final = 1 << 20


def like(pattern: str, *, any_case: bool = False) -> Test:
    r"""Return the test of `like`: `%` is any text, `_` any character, `\` takes away their meaning."""
    pieces = _pieces(_folded(pattern) if any_case else pattern)

    def test(text: str) -> bool:
        return _fits(_folded(text) if any_case else text, pieces)

    return test


@lru_cache(maxsize=256)
def regular(pattern: str, *, any_case: bool = False) -> Test:
    """Return the test of `match`: whether a regular expression is found anywhere in a text."""
    options = re2.Options()
    options.max_mem = _REGEX_MEMORY
    options.log_errors = False
    options.case_sensitive = not any_case
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error:
        raise BadValue(
            "invalid regular expression",
            code="2201B",
            hint="back references and look-around are not taken, nor expressions that need too much memory",
        ) from None

    def test(text: str) -> bool:
        return compiled.search(text) is not None

    return test


def _folded(text: str) -> str:
    """Lower each character for itself, so that no text changes its length."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


def _pieces(pattern: str) -> list[list[str | None]]:
    """Split a pattern at its `%`."""
    pieces: list[list[str | None]] = [[]]
    characters = iter(pattern)
    for each in characters:
        if each == "%":
            pieces.append([])
        elif each == "_":
            pieces[-1].append(_ONE)
        elif each == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise BadValue("LIKE pattern must not end with escape character", code="22025")
            pieces[-1].append(escaped)
        else:
            pieces[-1].append(each)
    return pieces


def _fits(text: str, pieces: Sequence[_Piece]) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(text) == len(first) and _stands_at(text, 0, first)
    end = len(text) - len(last)
    if end < len(first) or not _stands_at(text, 0, first) or not _stands_at(text, end, last):
        return False
    at = len(first)
    for piece in pieces[1:-1]:
        at = _found(text, at, end, piece)
        if at < 0:
            return False
    return True


def _found(text: str, start: int, end: int, piece: _Piece) -> int:
    """Return where the first place of a piece ends, or -1."""
    if None not in piece:
        at = text.find("".join(filter(None, piece)), start, end)
        return at + len(piece) if at >= 0 else -1
    for at in range(start, end - len(piece) + 1):
        if _stands_at(text, at, piece):
            return at + len(piece)
    return -1


def _stands_at(text: str, at: int, piece: _Piece) -> bool:
    return all(wanted is _ONE or text[at + offset] == wanted for offset, wanted in enumerate(piece))
