"""Read filters and orders: text of the REST dialect -> Filter, Order and Path.

The REST surface reads query strings with it, and policy its row rules, so both mean the same by the same words.
Every function returns a value or raises Malformed, whatever the text; the time is linear in its length.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote

from bridge_core.errors import Malformed
from bridge_core.query import EVERYTHING, And, Condition, Filter, Is, Not, Nulls, Op, Or, Order, Path, Quantifier
from bridge_core.scan import FIELD_NAME, Scanner, closing_quote, unescaped

MAX_DEPTH: Final = 32  # of a logic tree
MAX_TERMS: Final = 1_000  # of one logic tree, and of one order

_OPS: Final[Mapping[str, Op]] = {op.value: op for op in Op}
_SPECIAL: Final = frozenset({Op.IN, Op.IS, Op.LIKE, Op.ILIKE})
_AS_WRITTEN: Final[Mapping[str, Op]] = {op.value: op for op in Op if op not in _SPECIAL}
_QUANTIFIABLE: Final = frozenset(
    {Op.EQ, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.LIKE, Op.ILIKE, Op.MATCH, Op.IMATCH},
)
_SEARCHES: Final = frozenset({Op.FTS, Op.PLFTS, Op.PHFTS, Op.WFTS})
_QUANTIFIERS: Final[Mapping[str, Quantifier]] = {each.value: each for each in Quantifier}
_STATES: Final[Mapping[str, Is]] = {each.value: each for each in Is}
_EXPECTED_OP: Final = '"not" or operator (eq, gt, ...)'
_EXPECTED_NODE: Final = f"{FIELD_NAME}, negation operator (not) or logic operator (and, or)"
_LISTED: Final = re.compile(r"[^,)]*")
_IN_BRACES: Final = re.compile(r"[^,{}]*")
_BRACE_OR_QUOTE: Final = re.compile(r'[{}"]')


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


def condition_of(path: Path, text: str) -> Filter:
    """Read `[not.]operator[(option)].value`; the value is the rest of the text."""
    word, dot, value = text.partition(".")
    op = _AS_WRITTEN.get(word)
    if op is not None and dot:
        return Condition(path, op, value)
    negated = word == "not" and dot == "."
    if negated:
        word, dot, value = value.partition(".")
    operator = _operator(word) if dot else None
    if operator is None:
        raise Scanner(text, "filter").failure(_EXPECTED_OP)
    found = _condition(path, *operator, value)
    return Not(found) if negated else found


def _operator(word: str) -> tuple[Op, Quantifier | None, str | None] | None:
    """Read an operator and what stands in parentheses after it: a quantifier or a language."""
    op = _OPS.get(word)
    if op is not None:
        return op, None, None
    bare, parenthesis, option = word.partition("(")
    op = _OPS.get(bare)
    if op is None or not parenthesis or not option.endswith(")"):
        return None
    option = option[:-1]
    if op in _SEARCHES and option.replace("_", "").isalnum():
        return op, None, option
    quantifier = _QUANTIFIERS.get(option)
    return (op, quantifier, None) if op in _QUANTIFIABLE and quantifier is not None else None


def _condition(path: Path, op: Op, quantifier: Quantifier | None, option: str | None, value: str) -> Condition:
    if op in (Op.LIKE, Op.ILIKE):
        value = value.replace("*", "%")
    if quantifier is not None:
        return Condition(path, op, _array(value), quantifier)
    if op is Op.IN:
        return Condition(path, op, _whole_list(value))
    if op is Op.IS:
        return Condition(path, op, _state(value))
    return Condition(path, op, value, None, option)


def _state(text: str) -> Is:
    state = _STATES.get(text.lower())
    if state is None:
        raise Scanner(text, "filter").failure("isVal: (null, not_null, true, false, unknown)")
    return state


def _whole_list(text: str) -> tuple[str, ...]:
    if '"' not in text and text.startswith("(") and text.find(")") == len(text) - 1:
        inside = text[1:-1].lstrip(" ")
        return tuple(inside.split(",")) if inside else ()
    scanner = Scanner(text, "filter")
    values = _list(scanner)
    scanner.must_end()
    return values


def _list(scanner: Scanner) -> tuple[str, ...]:
    """Take `(a,"b,c")`; nothing between the parentheses is an empty list."""
    scanner.must_take("(")
    scanner.skip_blanks()
    if scanner.takes(")"):
        return ()
    values = [_element(scanner)]
    while scanner.takes(","):
        values.append(_element(scanner))
    scanner.must_take(")")
    return tuple(values)


def _element(scanner: Scanner) -> str:
    quoted = _quoted_before(scanner, ",)")
    return scanner.run(_LISTED) if quoted is None else quoted


def _quoted_before(scanner: Scanner, delimiters: str) -> str | None:
    """Take a quoted value if one stands here, closed and followed by a delimiter or the end."""
    text = scanner.text
    if not scanner.sees('"'):
        return None
    end = closing_quote(text, scanner.at)
    if end < 0 or (end + 1 < len(text) and text[end + 1] not in delimiters):
        return None
    start, scanner.at = scanner.at + 1, end + 1
    return unescaped(text[start:end])


def _array(text: str) -> tuple[str, ...]:
    """Read the literal of an array: `{a,"b,c"}`."""
    scanner = Scanner(text.strip(), "array")
    values: list[str] = []
    if not scanner.takes("{"):
        raise _malformed_array(text)
    if not scanner.takes("}"):
        while not values or scanner.takes(","):
            scanner.skip_blanks()
            quoted = _quoted_before(scanner, ",}")
            values.append(unescaped(scanner.run(_IN_BRACES).strip()) if quoted is None else quoted)
        if not scanner.takes("}"):
            raise _malformed_array(text)
    if not scanner.ended:
        raise _malformed_array(text)
    return tuple(values)


def _malformed_array(text: str) -> Malformed:
    return Malformed(f'malformed array literal: "{text[:200]}"', code="22P02", hint="an array is written {a,b}")


def logic_of(key: Key, text: str) -> Filter:
    """Read a logic tree: `(a.eq.1,not.or(b.eq.2,c.is.null))`."""
    scanner = Scanner(text, "logic tree")
    if not scanner.takes("("):
        raise scanner.failure('"("')
    tree = _Tree(scanner).branch(key.word is Word.OR, 1)
    scanner.takes(")")  # one too many is tolerated, as PostgREST does
    scanner.must_end()
    return Not(tree) if key.negated else tree


class _Tree:
    """Reads one logic tree, and counts its terms."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._terms = 0

    def branch(self, disjunction: bool, depth: int) -> Filter:
        """Take the terms of a branch, whose parenthesis is open, up to the one that closes it."""
        scanner = self._scanner
        if depth > MAX_DEPTH:
            raise Malformed(f"a logic tree is nested deeper than {MAX_DEPTH} levels")
        terms = [self._node(depth)]
        while scanner.takes(","):
            terms.append(self._node(depth))
        scanner.must_take(")")
        return Or(tuple(terms)) if disjunction else And(tuple(terms))

    def _node(self, depth: int) -> Filter:
        scanner = self._scanner
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise Malformed(f"a logic tree has more than {MAX_TERMS} terms")
        scanner.skip_blanks()
        start = scanner.at
        negated = scanner.takes("not.")
        if scanner.takes("and("):
            found = self.branch(False, depth + 1)
        elif scanner.takes("or("):
            found = self.branch(True, depth + 1)
        else:
            scanner.at, negated = start, False
            found = self._leaf()
        scanner.skip_blanks()
        return Not(found) if negated else found

    def _leaf(self) -> Filter:
        scanner = self._scanner
        if scanner.sees(")"):
            raise scanner.failure(_EXPECTED_NODE)
        path = scanner.path()
        scanner.must_take(".")
        negated = scanner.takes("not.")
        end = scanner.text.find(".", scanner.at)
        operator = _operator(scanner.text[scanner.at : end]) if end > 0 else None
        if operator is None:
            raise scanner.failure(_EXPECTED_OP)
        scanner.at = end + 1
        op, quantifier, option = operator
        if op is Op.IN:
            found = Condition(path, op, _list(scanner))
        else:
            found = _condition(path, op, quantifier, option, self._value())
        return Not(found) if negated else found

    def _value(self) -> str:
        """Take one value: quoted, an array or object in braces, or the characters up to `,` or `)`."""
        scanner = self._scanner
        quoted = _quoted_before(scanner, ",)")
        if quoted is not None:
            return quoted
        start = scanner.at
        if scanner.sees("{"):
            _skip_braces(scanner)
        scanner.run(_LISTED)
        return scanner.text[start : scanner.at].rstrip(" ")


def _skip_braces(scanner: Scanner) -> None:
    text, depth = scanner.text, 0
    while (found := _BRACE_OR_QUOTE.search(text, scanner.at)) is not None:
        if found.group() == '"':
            end = closing_quote(text, found.start())
            if end < 0:
                break
            scanner.at = end + 1
            continue
        scanner.at = found.end()
        depth += 1 if found.group() == "{" else -1
        if depth == 0:
            return
    raise scanner.failure('"}"')


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
    """Read an order: `a.desc.nullslast,b->c`."""
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
    if scanner.sees("(") and not path.steps:
        raise not_embedded(path.field)
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
