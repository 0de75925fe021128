"""Rules -> for a principal, a model and a verb: the narrowed model and the row scope, or nothing.

What a rule does not grant is not there: a field outside of the narrowed model cannot be filtered on, sorted on,
returned or written, and unknown and forbidden answer alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bridge_core.call import Principal
from bridge_core.operations import Verb
from bridge_core.query import EVERYTHING, Filter, Or
from bridge_core.schema import Field, Model

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one role may do with one model: per verb all fields (None), some, or none at all (no entry).

    `rows` limits every verb to the records that match.
    """

    verbs: Mapping[Verb, frozenset[str] | None]
    rows: Filter = EVERYTHING


@dataclass(frozen=True, slots=True)
class Grant:
    """A model as its caller may know it, and the records of it that exist for them."""

    model: Model
    scope: Filter = EVERYTHING


class Policy:
    """The rules of all roles. Decisions are remembered: they depend on roles, model and verb alone."""

    def __init__(self, rules: Mapping[tuple[str, str, str], Rule], anonymous_roles: tuple[str, ...] = ()) -> None:
        """Take rules by (role, resource, model); `*` stands for every resource or model that has no rule."""
        self._rules = rules
        self._anonymous_roles = anonymous_roles
        self._decided: dict[tuple[tuple[str, ...], Model, Verb | None], Grant | None] = {}

    def grant(self, principal: Principal, model: Model, verb: Verb) -> Grant | None:
        """Decide what a principal may do with a model by this verb; None: nothing."""
        return self._decide(principal, model, verb)

    def view(self, principal: Principal, model: Model) -> Model | None:
        """Return the model as it may be described to a principal: what any verb of theirs shows."""
        decision = self._decide(principal, model, None)
        return decision.model if decision else None

    def _decide(self, principal: Principal, model: Model, verb: Verb | None) -> Grant | None:
        roles = self._anonymous_roles if principal.anonymous else principal.roles
        known = (roles, model, verb)
        try:
            return self._decided[known]
        except KeyError:
            if len(self._decided) > 100_000:  # models of old generations
                self._decided.clear()
            decision = self._decided[known] = _decided(tuple(self._matching(roles, model)), model, verb)
            return decision

    def _matching(self, roles: tuple[str, ...], model: Model) -> Iterator[Rule]:
        for role in roles:
            for place in ((model.resource, model.name), (model.resource, ANY), (ANY, ANY)):
                rule = self._rules.get((role, *place))
                if rule is not None:
                    yield rule
                    break


def _decided(rules: tuple[Rule, ...], model: Model, verb: Verb | None) -> Grant | None:
    granting = [rule for rule in rules if (rule.verbs if verb is None else verb in rule.verbs)]
    if not granting:
        return None
    fields = tuple(filter(_visible, (_narrowed(each, granting) for each in model.fields)))
    known = {each.name for each in fields}
    narrowed = replace(
        model,
        fields=fields,
        backstage=tuple(each for each in model.fields if each.name not in known),
        relations=tuple(relation for relation in model.relations if known.issuperset(relation.fields)),
        uniques=tuple(unique for unique in model.uniques if known.issuperset(unique)),
        key=model.key if known.issuperset(model.key) else (),
    )
    scopes = tuple(rule.rows for rule in granting)
    return Grant(narrowed, EVERYTHING if EVERYTHING in scopes else _any_of(scopes))


def _any_of(scopes: tuple[Filter, ...]) -> Filter:
    return scopes[0] if len(scopes) == 1 else Or(scopes)


def _narrowed(field: Field, rules: list[Rule]) -> Field:
    def granted(verb: Verb) -> bool:
        return any(
            verb in rule.verbs and ((names := rule.verbs[verb]) is None or field.name in names) for rule in rules
        )

    return replace(
        field,
        readable=field.readable and granted(Verb.READ),
        creatable=field.creatable and granted(Verb.CREATE),
        updatable=field.updatable and granted(Verb.UPDATE),
    )


def _visible(field: Field) -> bool:
    return field.readable or field.creatable or field.updatable
