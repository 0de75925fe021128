"""Walk through a text of the dialect: names, quoted words, paths into JSON, runs of plain characters.

Every method moves forward and looks at each character a bounded number of times, so a hostile text costs no more
than its length.
"""

import re
from typing import Final

from bridge_core.errors import Malformed
from bridge_core.query import Path, Step

FIELD_NAME: Final = "field name (* or [a..z0..9_$])"
_ECHO: Final = 200  # characters of the text that an error repeats
_INDEX_DIGITS: Final = 9
_NAME: Final = re.compile(r"(?:[\w $\u0080-\U0010ffff]|-(?!>))*")
_JSON_KEY: Final = re.compile(r"(?:[^(:.,>)\-]|-(?!>))+")


class Scanner:
    """A place in a text. `what` says in errors which text it is."""

    __slots__ = ("at", "text", "what")

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        self.what = what
        self.at = 0

    def failure(self, expected: str) -> Malformed:
        """Return the error that something else was expected here."""
        found = f'"{self.text[self.at]}"' if self.at < len(self.text) else "end of input"
        shown = self.text if len(self.text) <= _ECHO else self.text[:_ECHO] + "..."
        return Malformed(
            f'"failed to parse {self.what} ({shown})" (line 1, column {self.at + 1})',
            details=f"unexpected {found} expecting {expected}",
        )

    @property
    def ended(self) -> bool:
        """Tell whether nothing is left."""
        return self.at >= len(self.text)

    def sees(self, literal: str) -> bool:
        """Tell whether the text goes on with these characters."""
        return self.text.startswith(literal, self.at)

    def takes(self, literal: str) -> bool:
        """Step over these characters if the text goes on with them; tell whether it did."""
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def must_take(self, literal: str) -> None:
        """Step over these characters or raise Malformed."""
        if not self.takes(literal):
            raise self.failure(f'"{literal}"')

    def must_end(self) -> None:
        """Raise Malformed if anything but blanks is left."""
        self.skip_blanks()
        if not self.ended:
            raise self.failure('"," or end of input')

    def skip_blanks(self) -> None:
        """Step over blanks."""
        while self.text.startswith(" ", self.at):
            self.at += 1

    def run(self, pattern: re.Pattern[str]) -> str:
        """Take what the pattern matches here; it may be nothing."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    def name(self) -> str:
        """Take a name, plain or quoted."""
        if self.sees('"'):
            return self.quoted()
        start = self.at
        word = self.run(_NAME).strip()
        if not word:
            self.at = start
            raise self.failure(FIELD_NAME)
        return word

    def quoted(self) -> str:
        """Take a quoted word, which begins here, without its quotes and escapes."""
        end = closing_quote(self.text, self.at)
        if end < 0:
            raise self.failure("a closing quote")
        word = unescaped(self.text[self.at + 1 : end])
        self.at = end + 1
        return word

    def path(self) -> Path:
        """Take the name of a field and the way into its JSON value."""
        field = self.name()
        return Path(field, self.steps()) if self.sees("->") else Path(field)

    def steps(self) -> tuple[Step, ...]:
        """Take the steps into a JSON value, none or more."""
        steps: list[Step] = []
        while self.takes("->"):
            if steps and steps[-1].text:
                raise self.failure('the end of the path after "->>"')
            as_text = self.takes(">")
            steps.append(Step(self._json_key(), as_text))
        return tuple(steps)

    def _json_key(self) -> str | int:
        if self.sees('"'):
            return self.quoted()
        key = self.run(_JSON_KEY)
        if not key:
            raise self.failure('"-", digit or any non reserved character different from: .,>()')
        digits = key.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= _INDEX_DIGITS:
            return int(key)
        return key


def closing_quote(text: str, opening: int) -> int:
    """Return where the quote that opens here is closed, or -1."""
    at = opening + 1
    quote = text.find('"', at)
    while quote >= 0:
        escape = text.find("\\", at, quote)
        if escape < 0:
            return quote
        at = escape + 2
        if at > quote:
            quote = text.find('"', at)
    return -1


def unescaped(text: str) -> str:
    """Return a quoted text without its escapes: after a backslash stands a plain character."""
    if "\\" not in text:
        return text
    characters = iter(text)
    return "".join(next(characters, "") if each == "\\" else each for each in characters)
