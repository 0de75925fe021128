"""Which columns of stored tables the columns of PostgreSQL's views are, read from the rules behind the views."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

_RULES: Final = text("""
    SELECT r.ev_class::bigint AS oid, r.ev_action::text AS tree
      FROM pg_catalog.pg_rewrite r
     WHERE r.rulename = '_RETURN' AND r.ev_class >= 16384
     ORDER BY 1
""")

# A backslash escapes the next character inside a token, so a name can hold neither a brace nor a blank as such.
_TOKENS: Final = re.compile(
    r"\\.|(?P<open>\{)|(?P<close>\})|:(?P<label>resno|resorigtbl|resorigcol) (?P<number>\d+)", re.DOTALL
)
_TARGET_DEPTH: Final = 2  # a target entry of the query itself, not of one inside of it

_Origins = Mapping[int, "Origin"]


class Origin(NamedTuple):
    """A column of a table, by the table's oid and the column's number."""

    table: int
    number: int


def lineage(connection: Connection) -> Mapping[int, _Origins]:
    """Return, for every view, the column of a stored table behind each column that is one unchanged."""
    direct = {row.oid: dict(targets(row.tree)) for row in connection.execute(_RULES)}
    resolved: dict[int, _Origins] = {}
    for view in direct:
        _resolve(view, direct, resolved)
    return resolved


def targets(tree: str) -> Iterator[tuple[int, Origin]]:
    """Yield the number of each column of a view, with the column that it is, out of a rule's node tree."""
    depth = 0
    entry: dict[str, int] = {}
    for token in _TOKENS.finditer(tree):
        if token["open"]:
            depth += 1
        elif token["close"]:
            if depth == _TARGET_DEPTH and entry.get("resorigtbl"):
                yield entry["resno"], Origin(entry["resorigtbl"], entry["resorigcol"])
            if depth == _TARGET_DEPTH:
                entry = {}
            depth -= 1
        elif token["label"] and depth == _TARGET_DEPTH:
            entry[token["label"]] = int(token["number"])


def _resolve(view: int, direct: Mapping[int, _Origins], resolved: dict[int, _Origins]) -> _Origins:
    if view not in resolved:
        resolved[view] = {}  # a view may be redefined to stand on itself; it can't be read then, but described
        resolved[view] = {
            number: below
            for number, origin in direct[view].items()
            if (below := _below(origin, direct, resolved)) is not None
        }
    return resolved[view]


def _below(origin: Origin, direct: Mapping[int, _Origins], resolved: dict[int, _Origins]) -> Origin | None:
    if origin.table not in direct:
        return origin
    return _resolve(origin.table, direct, resolved).get(origin.number)
