"""Tables `[roles.ROLE.RESOURCE.MODEL]` -> rules of policy, held against what the resources really offer."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from bridge_core.config import Place, suggestion
from bridge_core.errors import BridgeError, ConfigurationError
from bridge_core.grammar import filter_of
from bridge_core.operations import Verb
from bridge_core.policy import ANY, Policy, Rule
from bridge_core.query import EVERYTHING, Filter, conditions
from bridge_core.relations import ends
from bridge_core.router import Served
from bridge_core.rows import row_rule
from bridge_core.schema import Model
from bridge_core.settings import RuleSettings, Settings

Rules: TypeAlias = Mapping[tuple[str, str, str], Rule]


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the file describes; raise ConfigurationError for a row rule that does not parse."""
    return Policy(rules_of(settings), settings.auth.anonymous_roles)


def rules_of(settings: Settings) -> Rules:
    """Return every rule by (role, resource, model), in the order of the file."""
    return {
        (role, resource, model): _rule(table, Place(settings.path, ("roles", role, resource, model)))
        for role, resources in settings.roles.items()
        for resource, models in resources.items()
        for model, table in models.items()
    }


def check(settings: Settings, served: Mapping[str, Served]) -> None:
    """Raise ConfigurationError where a rule or a relation speaks of a model or a field that is not there."""
    complaints = [
        *_empty_rules(settings),
        *_unknown_roles(settings),
        *_unknown_in_rules(settings, served),
        *_unknown_in_relations(settings, served),
    ]
    if complaints:
        raise ConfigurationError("\n".join(complaints))


def _rule(table: RuleSettings, place: Place) -> Rule:
    granted = {
        Verb.READ: table.read,
        Verb.CREATE: table.create,
        Verb.UPDATE: table.update,
        Verb.DELETE: table.delete,
        Verb.ACT: table.actions,
    }
    verbs = {verb: frozenset(names) if isinstance(names, tuple) else None for verb, names in granted.items() if names}
    return Rule(verbs, _rows(table.rows, place.inside("rows")))


def _rows(text: str, place: Place) -> Filter:
    if not text:
        return EVERYTHING
    try:
        rule = row_rule(filter_of(text))
    except BridgeError as error:
        raise ConfigurationError(
            f"{place}: {error.message}", hint=error.hint or "write it as in a URL: country=eq.DE"
        ) from error
    if rule == EVERYTHING:
        raise ConfigurationError(f"{place}: this limits nothing", hint="leave `rows` out if all records are meant")
    return rule


def _empty_rules(settings: Settings) -> Iterator[str]:
    for role, resources in settings.roles.items():
        for resource, models in resources.items():
            if not models:
                yield f"{Place(settings.path, ('roles', role, resource))}: this rule names no model"
    for place, rule in rules_of(settings).items():
        if not rule.verbs:
            yield f"{Place(settings.path, ('roles', *place))}: this grants nothing: say what to read, create, update"


def _unknown_roles(settings: Settings) -> Iterator[str]:
    """Complain of roles that the configuration gives away and that have no rule."""
    auth = settings.auth
    given = [("auth.anonymous_roles", role) for role in auth.anonymous_roles]
    given += [("auth.jet.roles", role) for role in (auth.jet.roles if auth.jet else ())]
    given += [("auth.oidc.roles", role) for issuer in auth.oidc for role in issuer.roles.values()]
    for place, role in given:
        if role not in settings.roles:
            yield f"{settings.path}: {place}: there is no role {role!r}{suggestion(role, settings.roles)}"


def _unknown_in_rules(settings: Settings, served: Mapping[str, Served]) -> Iterator[str]:
    for (role, resource, name), rule in rules_of(settings).items():
        place = Place(settings.path, ("roles", role, resource, name))
        for model in _models(served, resource, name):
            fields = [*model.by_name]
            for verb, names in rule.verbs.items():
                if verb is not Verb.ACT:
                    for wrong in sorted((names or frozenset()) - set(fields)):
                        yield f"{place.inside(verb.value)}: {_no_field(resource, model, wrong)}"
            actions = [each.name for each in model.actions]
            for wrong in sorted((rule.verbs.get(Verb.ACT) or frozenset()) - set(actions)):
                said = f"{resource}.{model.name} has no action {wrong!r}{suggestion(wrong, actions)}"
                yield f"{place.inside('actions')}: {said}"
            for condition in conditions(rule.rows):
                if condition.path.field not in fields:
                    yield f"{place.inside('rows')}: {_no_field(resource, model, condition.path.field)}"
        if name != ANY and _opened(served, resource) and name not in served[resource].models:
            near = suggestion(name, served[resource].models)
            yield f"{place}: the resource {resource!r} has no model {name!r}{near}"


def _unknown_in_relations(settings: Settings, served: Mapping[str, Served]) -> Iterator[str]:
    for index, relation in enumerate(settings.relations):
        for key, end in ends(relation.declared()):
            place = Place(settings.path, ("relations", index, key))
            if not _opened(served, end.resource):
                continue
            model = served[end.resource].models.get(end.model)
            if model is None:
                near = suggestion(end.model, served[end.resource].models)
                yield f"{place}: the resource {end.resource!r} has no model {end.model!r}{near}"
            elif end.field not in model.by_name:
                yield f"{place}: {_no_field(end.resource, model, end.field)}"


def _models(served: Mapping[str, Served], resource: str, name: str) -> Iterator[Model]:
    if _opened(served, resource) and name in served[resource].models:
        yield served[resource].models[name]


def _opened(served: Mapping[str, Served], resource: str) -> bool:
    return resource in served and served[resource].adapter is not None


def _no_field(resource: str, model: Model, name: str) -> str:
    return f"{resource}.{model.name} has no field {name!r}{suggestion(name, model.by_name)}"
