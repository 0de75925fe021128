"""Whether a question breaks a rule that its backend has on what can be asked together."""

from collections.abc import Sequence

from bridge_core.query import Condition, Order
from bridge_core.schema import Rule, RuleKind, Term


def broken(rules: Sequence[Rule], conditions: Sequence[Condition], order: Sequence[Order]) -> Rule | None:
    """Return the first rule that conditions and order break together, if any."""
    return next((rule for rule in rules if _breaks(rule, conditions, order)), None)


def speaks_of(rule: Rule, condition: Condition) -> bool:
    """Tell whether a rule has a word about a condition."""
    return any(_is_condition(term, condition) for term in rule.terms)


def _breaks(rule: Rule, conditions: Sequence[Condition], order: Sequence[Order]) -> bool:
    def there(term: Term) -> bool:
        return any(_is_condition(term, each) for each in conditions) or any(_is_order(term, each) for each in order)

    match rule.kind:
        case RuleKind.FORBID_TOGETHER:
            return all(map(there, rule.terms))
        case RuleKind.REQUIRE_WITH:
            return there(rule.terms[0]) and not any(map(there, rule.terms[1:]))
        case RuleKind.AT_MOST:
            ordered = sum(any(_is_order(term, each) for term in rule.terms) for each in order)
            return ordered + sum(speaks_of(rule, each) for each in conditions) > rule.limit


def _is_condition(term: Term, condition: Condition) -> bool:
    return not term.order and term.field in (None, condition.path.field) and term.op in (None, condition.op)


def _is_order(term: Term, order: Order) -> bool:
    return term.order and term.field in (None, order.path.field) and term.descending in (None, order.descending)
