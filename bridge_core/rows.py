"""Row rules: filters in which claims of the caller stand as variables; an empty claim denies."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bridge_core.errors import ConfigurationError
from bridge_core.query import And, Condition, Filter, Not, Op, Or, conditions

_VARIABLE: Final = re.compile(r"\{claims\.([A-Za-z0-9_:/-]+(?:\.[A-Za-z0-9_:/-]+)*)\}")
_TAKES_VARIABLES: Final = frozenset({Op.EQ, Op.NEQ, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.ISDISTINCT, Op.IN})


@dataclass(frozen=True, slots=True)
class Claim:
    """The place of a claim's value in a row rule; more than one step leads into objects."""

    steps: tuple[str, ...]


class _Denied(Exception):
    """A claim is missing, empty, or of a kind that the rule cannot compare with."""


def row_rule(term: Filter) -> Filter:
    """Turn every `{claims.x}` of a parsed rule into a variable; raise ConfigurationError where one cannot stand."""
    match term:
        case Condition():
            return _with_variables(term)
        case Not(inner):
            return Not(row_rule(inner))
        case And(terms):
            return And(tuple(row_rule(each) for each in terms))
        case Or(terms):
            return Or(tuple(row_rule(each) for each in terms))


def claims_of(rule: Filter) -> tuple[Claim, ...]:
    """Return every variable of a row rule."""
    return tuple(value for term in conditions(rule) for value in _values(term) if isinstance(value, Claim))


def filled(rule: Filter, claims: Mapping[str, object]) -> Filter | None:
    """Put the caller's claims in their places; None: one of them is missing or empty, and the rule grants nothing.

    A claim becomes a value and never a part of the filter's text, so it cannot change what the rule says.
    """
    try:
        return _filled(rule, claims)
    except _Denied:
        return None


def _with_variables(term: Condition) -> Condition:
    values = tuple(_variable(value) for value in _values(term))
    if term.quantifier is None and not any(isinstance(value, Claim) for value in values):
        return term
    if any(isinstance(value, Claim) for value in values) and (
        term.op not in _TAKES_VARIABLES or term.quantifier is not None
    ):
        allowed = ", ".join(sorted(op.value for op in _TAKES_VARIABLES))
        raise ConfigurationError(
            f"a claim cannot stand in {term.path.field}={term.op.value}...", hint=f"it can with: {allowed}"
        )
    return replace(term, value=values if isinstance(term.value, tuple) else values[0])


def _variable(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _VARIABLE.fullmatch(value)
    if match is not None:
        return Claim(tuple(match[1].split(".")))
    if "{claims" in value:
        raise ConfigurationError(
            f"{value!r} is no variable", hint="a variable is a whole value: {claims.name}, or {claims.object.name}"
        )
    return value


def _values(term: Condition) -> tuple[object, ...]:
    return term.value if isinstance(term.value, tuple) else (term.value,)


def _filled(rule: Filter, claims: Mapping[str, object]) -> Filter:
    match rule:
        case Condition(value=Claim() as claim):
            return replace(rule, value=_text(_looked_up(claim, claims)))
        case Condition(op=Op.IN, value=tuple(values)):
            return replace(rule, value=tuple(_spread(values, claims)))
        case Condition():
            return rule
        case Not(inner):
            return Not(_filled(inner, claims))
        case And(terms):
            return And(tuple(_filled(each, claims) for each in terms))
        case Or(terms):
            return Or(tuple(_filled(each, claims) for each in terms))


def _spread(values: tuple[object, ...], claims: Mapping[str, object]) -> Iterator[object]:
    for value in values:
        if not isinstance(value, Claim):
            yield value
            continue
        found = _looked_up(value, claims)
        items = list(found) if isinstance(found, list | tuple) else [found]
        if not items:
            raise _Denied
        yield from (_text(item) for item in items)


def _looked_up(claim: Claim, claims: Mapping[str, object]) -> object:
    here: object = claims
    for step in claim.steps:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here


def _text(value: object) -> str:
    """Return a claim as a caller would write it in a filter; the empty ones deny, and so do lists and objects."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str() if value.strip() and "\0" not in value:
            return value
        case _:
            raise _Denied
