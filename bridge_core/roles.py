"""[roles...] of plugins.toml -> rules of policy; and what is wrong with them, seen against the schema."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from bridge_core.errors import ConfigurationError, Malformed
from bridge_core.grammar import filter_of
from bridge_core.operations import Verb
from bridge_core.policy import ANY, Names, Rule
from bridge_core.query import EVERYTHING, Filter, conditions
from bridge_core.rows import row_rule
from bridge_core.schema import Model
from bridge_core.settings import RuleSettings

Roles = Mapping[str, Mapping[str, Mapping[str, RuleSettings]]]
Rules = Mapping[tuple[str, str, str], Rule]


def rules_of(roles: Roles) -> Rules:
    """Return every rule by (role, resource, model), or raise ConfigurationError with all that cannot be read."""
    rules: dict[tuple[str, str, str], Rule] = {}
    complaints: list[str] = []
    for role, resources in roles.items():
        for resource, models in resources.items():
            if not models:
                complaints.append(f"[roles.{role}.{resource}]: this rule names no model")
            for model, table in models.items():
                try:
                    rules[role, resource, model] = _rule(table)
                except (Malformed, ConfigurationError) as wrong:
                    hint = f" ({wrong.hint})" if wrong.hint else ""
                    complaints.append(f"[roles.{role}.{resource}.{model}] rows: {wrong.message}{hint}")
    if complaints:
        raise ConfigurationError("\n".join(complaints))
    return rules


def check(rules: Rules, schema: Mapping[str, Mapping[str, Model]], known_roles: Iterable[str] = ()) -> None:
    """Raise ConfigurationError for rules on models and fields that are not there, and for roles without a rule.

    `schema` holds the resources that could be described; `known_roles` are those that the configuration gives away.
    """
    complaints = [line for place, rule in rules.items() for line in _flaws(place, rule, schema)]
    roles = {role for role, _, _ in rules}
    complaints += [
        f"the role {role!r} is given away, but has no rule{_near(role, roles)}"
        for role in dict.fromkeys(known_roles)
        if role not in roles
    ]
    if complaints:
        raise ConfigurationError("\n".join(complaints))


def _rule(table: RuleSettings) -> Rule:
    granted = {
        Verb.READ: _names(table.read),
        Verb.CREATE: _names(table.create),
        Verb.UPDATE: _names(table.update),
        Verb.DELETE: _names(table.delete),
    }
    verbs = {verb: names for verb, names in granted.items() if names is None or names}
    return Rule(verbs, _rows(table.rows))


def _names(fields: bool | tuple[str, ...]) -> Names:
    if isinstance(fields, bool):
        return None if fields else frozenset()
    return frozenset(fields)


def _rows(text: str) -> Filter:
    if not text:
        return EVERYTHING
    rule = row_rule(filter_of(text))
    if rule == EVERYTHING:
        raise ConfigurationError("this rule limits nothing", hint="leave `rows` out if all records are meant")
    return rule


def _flaws(place: tuple[str, str, str], rule: Rule, schema: Mapping[str, Mapping[str, Model]]) -> Iterator[str]:
    role, resource, name = place
    where = f"[roles.{role}.{resource}.{name}]"
    if not rule.verbs:
        yield f"{where} grants nothing: say what to read, create, update or delete"
    models = schema.get(resource)
    if models is None or name == ANY:
        return
    model = models.get(name)
    if model is None:
        yield f"{where}: there is no model {name!r}{_near(name, models)}"
        return
    fields = [each.name for each in model.fields]
    for verb, names in rule.verbs.items():
        for unknown in sorted((names or frozenset()) - set(fields)):
            yield f"{where} {verb}: there is no field {unknown!r}{_near(unknown, fields)}"
    for term in conditions(rule.rows):
        if term.path.field not in fields:
            yield f"{where} rows: there is no field {term.path.field!r}{_near(term.path.field, fields)}"


def _near(wrong: str, right: Iterable[str]) -> str:
    known = list(right)
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else f"; there are: {', '.join(known[:20]) or 'none'}"
