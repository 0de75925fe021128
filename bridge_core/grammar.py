"""Read filters and orders: text of the REST dialect -> Filter, Order and Path.

The REST surface reads query strings with it, and policy its row rules, so both mean the same by the same words.
Every function returns a value or raises Malformed, whatever the text; the time is linear in its length.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final
from urllib.parse import unquote

from bridge_core.condition import condition_of
from bridge_core.errors import Malformed
from bridge_core.logic import MAX_TERMS, tree_of
from bridge_core.query import EVERYTHING, And, Filter, Not, Nulls, Order, Path
from bridge_core.scan import Scanner


class Word(Enum):
    """What a key of a query string speaks of."""

    FILTER = "filter"
    AND = "and"
    OR = "or"
    ORDER = "order"
    LIMIT = "limit"
    OFFSET = "offset"
    SELECT = "select"
    COLUMNS = "columns"
    ON_CONFLICT = "on_conflict"


_ALONE: Final[Mapping[str, Word]] = {each.value: each for each in (Word.SELECT, Word.COLUMNS, Word.ON_CONFLICT)}
_LAST: Final[Mapping[str, Word]] = {
    each.value: each for each in (Word.ORDER, Word.LIMIT, Word.OFFSET, Word.AND, Word.OR)
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a query string: the embeds that it goes through, what it speaks of, and the path of a filter."""

    word: Word
    embeds: tuple[str, ...] = ()
    path: Path = Path("")
    negated: bool = False


def filter_of(text: str) -> Filter:
    """Read a whole filter as a query string writes it: `country=eq.DE&or=(age.lt.18,age.gt.65)`, `%XX` decoded."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return filters_of((unquote(key), unquote(value)) for key, _, value in pairs)


def filters_of(pairs: Iterable[tuple[str, str]]) -> Filter:
    """Read keys and values that are filters; all of them must hold."""
    terms = tuple(_term(key_of(key), value) for key, value in pairs)
    if not terms:
        return EVERYTHING
    return terms[0] if len(terms) == 1 else And(terms)


def _term(key: Key, value: str) -> Filter:
    if key.embeds:
        raise not_embedded(key.embeds[0])
    match key.word:
        case Word.FILTER:
            return condition_of(key.path, value)
        case Word.AND | Word.OR:
            return logic_of(key, value)
    raise Malformed(f"{key.word.value!r} is no filter", hint="a filter is written field=operator.value")


def not_embedded(name: str) -> Malformed:
    """Say that something speaks of an embed that the select does not have."""
    return Malformed(
        f"'{name}' is not an embedded resource in this request",
        code="PGRST108",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


def key_of(text: str) -> Key:
    """Read a key. An index at its end, as in `name[1]`, tells repeated keys apart and means nothing."""
    alone = _ALONE.get(text)
    if alone is not None:
        return Key(alone)
    scanner = Scanner(_without_index(text), "filter key")
    names: list[str] = []
    quoted = False
    while not names or scanner.takes("."):
        quoted = scanner.sees('"')
        names.append(scanner.name())
    steps = scanner.steps()
    scanner.must_end()
    word = None if quoted or steps else _LAST.get(names[-1])
    if word is None:
        return Key(Word.FILTER, tuple(names[:-1]), Path(names[-1], steps))
    negated = word in (Word.AND, Word.OR) and names[-2:-1] == ["not"]
    return Key(word, tuple(names[: -2 if negated else -1]), negated=negated)


def _without_index(text: str) -> str:
    start = text.rfind("[") if text.endswith("]") else -1
    return text[:start] if start > 0 and text[start + 1 : -1].isdigit() else text


def logic_of(key: Key, text: str) -> Filter:
    """Read the logic tree that stands behind a key."""
    tree = tree_of(text, disjunction=key.word is Word.OR)
    return Not(tree) if key.negated else tree


def path_of(text: str) -> Path:
    """Read a path: `data->a->>0`."""
    scanner = Scanner(text, "path")
    path = scanner.path()
    scanner.must_end()
    return path


def names_of(text: str, what: str) -> tuple[str, ...]:
    """Read names between commas; a name that occurs twice counts once."""
    scanner = Scanner(text, what)
    names: list[str] = []
    while not names or scanner.takes(","):
        scanner.skip_blanks()
        names.append(scanner.name())
        scanner.skip_blanks()
    scanner.must_end()
    return tuple(dict.fromkeys(names))


def order_of(text: str) -> tuple[Order, ...]:
    """Read an order: `a.desc.nullslast,b->c,embed(d)`."""
    scanner = Scanner(text, "order")
    terms: list[Order] = []
    while not terms or scanner.takes(","):
        terms.append(_order_term(scanner))
        if len(terms) > MAX_TERMS:
            raise Malformed(f"an order has more than {MAX_TERMS} terms")
    scanner.must_end()
    return tuple(terms)


def _order_term(scanner: Scanner) -> Order:
    scanner.skip_blanks()
    path = scanner.path()
    if not path.steps and scanner.takes("("):
        path = replace(scanner.path(), embed=path.field)
        scanner.must_take(")")
    descending = not scanner.takes(".asc") and scanner.takes(".desc")
    nulls = None
    if scanner.takes(".nullsfirst"):
        nulls = Nulls.FIRST
    elif scanner.takes(".nullslast"):
        nulls = Nulls.LAST
    scanner.skip_blanks()
    if not scanner.ended and not scanner.sees(","):
        raise scanner.failure('"," or end of input')
    return Order(path, descending, nulls)
