"""The query language of Stripe's search: `email:"a@b.c" AND -metadata["tier"]:"gold"`, and its lag."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge_stripe.catalogue import ObjectType
from bridge_stripe.fake.objects import Object
from bridge_stripe.fake.refusals import Refusal

LAG: Final = 60  # seconds until an object is found
_MOST: Final = 10  # clauses
_CLAUSE: Final = re.compile(
    r"""\s*(?P<no>-)?(?P<field>[a-z_]+)(?:\[(?P<q>["'])(?P<key>[^"']+)(?P=q)\])?\s*(?P<op>:|~|>=|<=|>|<)\s*"""
    r"""(?:"(?P<text>(?:[^"\\]|\\.)*)"|'(?P<other>(?:[^'\\]|\\.)*)'|(?P<bare>[\w.-]+))\s*""",
    re.VERBOSE,
)
_JOIN: Final = re.compile(r"(AND|OR)\b|$", re.IGNORECASE)
_COMPARED: Final[Mapping[str, Any]] = {
    ">": lambda actual, bound: actual > bound,
    ">=": lambda actual, bound: actual >= bound,
    "<": lambda actual, bound: actual < bound,
    "<=": lambda actual, bound: actual <= bound,
}


def found(kind: ObjectType, objects: Sequence[Object], params: Mapping[str, Any], now: float) -> Object:
    """Return one page of what a query finds, without what is too new to be known."""
    clauses, either = _parsed(kind, params["query"])
    known = [each for each in objects if (each.get("created") or 0) + LAG <= now]
    matching = [each for each in known if (any if either else all)(_holds(each, clause) for clause in clauses)]
    matching.sort(key=lambda each: int(each.get("created") or 0), reverse=True)
    at, limit = _place(params.get("page")), params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refusal("This value must be between 1 and 100 (inclusive).", param="limit")
    more = len(matching) > at + limit
    return {
        "object": "search_result",
        "data": matching[at : at + limit],
        "has_more": more,
        "next_page": f"page_{at + limit}" if more else None,
        "url": f"/v1/{kind.path}/search",
    }


def _place(page: str | None) -> int:
    if page is None:
        return 0
    number = page.removeprefix("page_")
    if not number.isdigit():
        raise Refusal("Invalid page.", param="page")
    return int(number)


def _parsed(kind: ObjectType, query: str) -> tuple[list[re.Match[str]], bool]:
    clauses: list[re.Match[str]] = []
    joins: set[str] = set()
    at = 0
    while at < len(query) or not clauses:
        clause = _CLAUSE.match(query, at)
        join = _JOIN.match(query, clause.end()) if clause else None
        if clause is None or join is None:
            raise Refusal("We were unable to parse your search query.", param="query")
        if clause["field"] not in (*kind.searched, "metadata"):
            raise Refusal(f"Field `{clause['field']}` is an unsupported search field.", param="query")
        clauses.append(clause)
        joins |= {join[0].upper()} if join[0] else set()
        at = join.end()
    if len(joins) > 1:
        raise Refusal("A search query can be joined by AND or by OR, not by both.", param="query")
    if len(clauses) > _MOST:
        raise Refusal(f"A search query can have {_MOST} clauses.", param="query")
    return clauses, joins == {"OR"}


def _holds(each: Object, clause: re.Match[str]) -> bool:
    actual = each.get(clause["field"])
    if clause["key"] is not None:
        actual = (actual or {}).get(clause["key"])
    text = clause["text"] if clause["text"] is not None else clause["other"]
    wanted = re.sub(r"\\(.)", r"\1", text) if text is not None else clause["bare"]
    if clause["op"] in _COMPARED:
        holds = actual is not None and _COMPARED[clause["op"]](float(actual), float(wanted))
    elif text is None and str(wanted).upper() == "NULL":
        holds = actual is None
    elif clause["op"] == "~":
        holds = actual is not None and wanted.lower() in str(actual).lower()
    else:
        holds = actual is not None and _plain(actual) == wanted.lower()
    return holds is not bool(clause["no"])


def _plain(value: Any) -> str:
    return str(value).lower()
