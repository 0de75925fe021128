"""Read a logic tree: `(a.eq.1,not.or(b.eq.2,c.is.null))` -> And, Or and Not."""

import re
from typing import Final

from bridge_core.condition import EXPECTED_OP, LISTED, condition_with, list_of, operator_of, quoted_before
from bridge_core.errors import Malformed
from bridge_core.query import And, Condition, Filter, Not, Op, Or
from bridge_core.scan import FIELD_NAME, Scanner, closing_quote

MAX_DEPTH: Final = 32
MAX_TERMS: Final = 1_000

_EXPECTED_NODE: Final = f"{FIELD_NAME}, negation operator (not) or logic operator (and, or)"
_BRACE_OR_QUOTE: Final = re.compile(r'[{}"]')


def tree_of(text: str, *, disjunction: bool) -> Filter:
    """Read a whole tree, whose first branch is an `or`, or else an `and`."""
    scanner = Scanner(text, "logic tree")
    if not scanner.takes("("):
        raise scanner.failure('"("')
    tree = _Tree(scanner).branch(1, disjunction=disjunction)
    scanner.takes(")")  # one too many is tolerated, as PostgREST does
    scanner.must_end()
    return tree


class _Tree:
    """Reads one logic tree, and counts its terms."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._terms = 0

    def branch(self, depth: int, *, disjunction: bool) -> Filter:
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
            found = self.branch(depth + 1, disjunction=False)
        elif scanner.takes("or("):
            found = self.branch(depth + 1, disjunction=True)
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
        operator = operator_of(scanner.text[scanner.at : end]) if end > 0 else None
        if operator is None:
            raise scanner.failure(EXPECTED_OP)
        scanner.at = end + 1
        op, quantifier, option = operator
        if op is Op.IN:
            found = Condition(path, op, list_of(scanner))
        else:
            found = condition_with(path, op, quantifier, option, self._value())
        return Not(found) if negated else found

    def _value(self) -> str:
        """Take one value: quoted, an array or object in braces, or the characters up to `,` or `)`."""
        scanner = self._scanner
        quoted = quoted_before(scanner, ",)")
        if quoted is not None:
            return quoted
        start = scanner.at
        if scanner.sees("{"):
            _skip_braces(scanner)
        scanner.run(LISTED)
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
