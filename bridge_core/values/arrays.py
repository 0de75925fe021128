"""Read an array as PostgreSQL writes it: `{a,"b c",NULL,{...}}`."""

from collections.abc import Callable
from typing import Final

from bridge_core.errors import BadValue

_DEEPEST: Final = 6  # dimensions of an array in PostgreSQL


def array(text: str, item: Callable[[str], object]) -> tuple[object, ...]:
    """Read an array literal, each item by its own type."""
    reader = _Reader(text, item)
    value = reader.array(1)
    reader.end()
    return value


class _Reader:
    """A place in the text, and what can be read from there."""

    def __init__(self, text: str, item: Callable[[str], object]) -> None:
        self._text = text
        self._at = 0
        self._item = item

    def array(self, depth: int) -> tuple[object, ...]:
        self._blanks()
        if self._next() != "{" or depth > _DEEPEST:
            raise self._malformed()
        self._at += 1
        self._blanks()
        if self._next() == "}":
            self._at += 1
            return ()
        items = [self._element(depth)]
        while self._next() == ",":
            self._at += 1
            items.append(self._element(depth))
        if self._next() != "}":
            raise self._malformed()
        self._at += 1
        return tuple(items)

    def end(self) -> None:
        self._blanks()
        if self._at != len(self._text):
            raise self._malformed()

    def _element(self, depth: int) -> object:
        self._blanks()
        match self._next():
            case "{":
                value: object = self.array(depth + 1)
            case '"':
                value = self._item(self._quoted())
            case _:
                word, escaped = self._bare()
                value = None if word.upper() == "NULL" and not escaped else self._item(word)
        self._blanks()
        return value

    def _quoted(self) -> str:
        out: list[str] = []
        self._at += 1
        while (char := self._next()) != '"':
            out.append(self._escaped() if char == "\\" else char)
            self._at += 1
        self._at += 1
        return "".join(out)

    def _bare(self) -> tuple[str, bool]:
        out: list[str] = []
        escaped = False
        kept = 0  # blanks at the end do not count, unless they are escaped
        while (char := self._next()) not in ",}":
            if char in '{"':
                raise self._malformed()
            if char == "\\":
                char, escaped = self._escaped(), True
                kept = len(out) + 1
            out.append(char)
            if not char.isspace():
                kept = len(out)
            self._at += 1
        if not kept:
            raise self._malformed()
        return "".join(out[:kept]), escaped

    def _escaped(self) -> str:
        self._at += 1
        return self._next()

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._malformed()
        return self._text[self._at]

    def _blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _malformed(self) -> BadValue:
        return BadValue(f'malformed array literal: "{self._text}"')
