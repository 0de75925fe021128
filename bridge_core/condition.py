"""Read one condition: text of an operator and its value -> Condition."""

import re
from collections.abc import Mapping
from typing import Final

from bridge_core.errors import Malformed
from bridge_core.query import Condition, Filter, Is, Not, Op, Path, Quantifier
from bridge_core.scan import Scanner, closing_quote, unescaped

_OPS: Final[Mapping[str, Op]] = {op.value: op for op in Op}
_SPECIAL: Final = frozenset({Op.IN, Op.IS, Op.LIKE, Op.ILIKE})
_AS_WRITTEN: Final[Mapping[str, Op]] = {op.value: op for op in Op if op not in _SPECIAL}
_QUANTIFIABLE: Final = frozenset(
    {Op.EQ, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.LIKE, Op.ILIKE, Op.MATCH, Op.IMATCH},
)
_SEARCHES: Final = frozenset({Op.FTS, Op.PLFTS, Op.PHFTS, Op.WFTS})
_QUANTIFIERS: Final[Mapping[str, Quantifier]] = {each.value: each for each in Quantifier}
_STATES: Final[Mapping[str, Is]] = {each.value: each for each in Is}
EXPECTED_OP: Final = '"not" or operator (eq, gt, ...)'
LISTED: Final = re.compile(r"[^,)]*")
_IN_BRACES: Final = re.compile(r"[^,{}]*")


def condition_of(path: Path, text: str) -> Filter:
    """Read `[not.]operator[(option)].value`; the value is the rest of the text."""
    word, dot, value = text.partition(".")
    op = _AS_WRITTEN.get(word)
    if op is not None and dot:
        return Condition(path, op, value)
    negated = word == "not" and dot == "."
    if negated:
        word, dot, value = value.partition(".")
    operator = operator_of(word) if dot else None
    if operator is None:
        raise Scanner(text, "filter").failure(EXPECTED_OP)
    found = condition_with(path, *operator, value)
    return Not(found) if negated else found


def operator_of(word: str) -> tuple[Op, Quantifier | None, str | None] | None:
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


def condition_with(path: Path, op: Op, quantifier: Quantifier | None, option: str | None, value: str) -> Condition:
    """Return a condition whose value is all of a text."""
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
    values = list_of(scanner)
    scanner.must_end()
    return values


def list_of(scanner: Scanner) -> tuple[str, ...]:
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
    quoted = quoted_before(scanner, ",)")
    return scanner.run(LISTED) if quoted is None else quoted


def quoted_before(scanner: Scanner, delimiters: str) -> str | None:
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
            quoted = quoted_before(scanner, ",}")
            values.append(unescaped(scanner.run(_IN_BRACES).strip()) if quoted is None else quoted)
        if not scanner.takes("}"):
            raise _malformed_array(text)
    if not scanner.ended:
        raise _malformed_array(text)
    return tuple(values)


def _malformed_array(text: str) -> Malformed:
    return Malformed(f'malformed array literal: "{text[:200]}"', code="22P02", hint="an array is written {a,b}")
