"""Rules -> for a principal, a model and verbs: the narrowed model and the row scope, or nothing.

What a rule does not grant is not there: a field outside of the narrowed model cannot be filtered on, sorted on,
returned or written, and unknown and forbidden answer alike.

Several roles never widen each other. Each role grants fields on rows; put together (`combined`), a field is still
visible, and writable, only on rows for which some role grants it:

1. a role whose rule asks for a claim that the caller lacks grants nothing;
2. roles with the same rows are one, with the fields of all;
3. fields granted on all rows are granted on the rows of every other role too;
4. roles with the same fields are one, with the rows of all;
5. where several are left still, the one whose role stands first in plugins.toml decides.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bridge_core.call import Principal
from bridge_core.operations import Verb
from bridge_core.query import EVERYTHING, Filter, Or, conditions
from bridge_core.rows import filled
from bridge_core.schema import Field, Model, Relation

ANY: Final = "*"
Names: TypeAlias = frozenset[str] | None
"""Fields by name; None: all of them, also those that are added later."""

_MAX_DECISIONS: Final = 20_000
_READ: Final = frozenset({Verb.READ})


@dataclass(frozen=True, slots=True)
class Rule:
    """What one role may do with one model: per verb all fields (None), some, or none at all (no entry).

    `rows` limits every verb to the records that match; claims of the caller may stand in it (see `rows`).
    """

    verbs: Mapping[Verb, Names]
    rows: Filter = EVERYTHING


class _SomeRights:
    async def allow(self, resource: str, model: str, verb: Verb) -> bool:
        raise AssertionError("they stand for those that a credential has, and are never asked")


_SOME: Final = _SomeRights()
EVERY_RIGHT: Final = Rule(dict.fromkeys(each for each in Verb if each is not Verb.ACT))  # actions: by name alone


@dataclass(frozen=True, slots=True)
class Grant:
    """A model as its caller may know it, and the records of it that exist for them."""

    model: Model
    scope: Filter = EVERYTHING


class Policy:
    """The rules of all roles. Decisions are remembered: they depend on the principal, the model and the verbs alone."""

    def __init__(self, rules: Mapping[tuple[str, str, str], Rule], anonymous_roles: tuple[str, ...] = ()) -> None:
        """Take rules by (role, resource, model), in the order of their roles.

        `*` stands for every resource or model that has no rule of its own in that role.
        """
        self._rules = rules
        self._order = {role: place for place, role in enumerate(dict.fromkeys(role for role, _, _ in rules))}
        self._anonymous_roles = anonymous_roles
        self._decided: dict[tuple[Principal, Model, frozenset[Verb]], Grant | None] = {}
        self._narrowed: dict[tuple[Model, tuple[Names, ...], tuple[Relation, ...]], Model] = {}

    async def grant(self, principal: Principal, model: Model, verbs: frozenset[Verb] = _READ) -> Grant | None:
        """Decide what a principal may do with a model by all these verbs at once; None: nothing."""
        if principal.rights is not None:
            for verb in verbs:
                if await principal.rights.allow(model.resource, model.name, verb) is not True:
                    return None
        return self._decide(principal, model, verbs)

    def view(self, principal: Principal, model: Model) -> Model | None:
        """Return the model as it may be described to a principal: what any verb of theirs shows."""
        decision = self._decide(principal, model, frozenset())
        return decision.model if decision else None

    def matching(self, principal: Principal, resource: str, model: str) -> Iterator[tuple[str, Rule]]:
        """Yield the rules that speak of a model, with their roles, the first one first."""
        roles = self._anonymous_roles if principal.anonymous else principal.roles
        if principal.rights is not None and not roles:
            yield "", EVERY_RIGHT
        known = (role for role in dict.fromkeys(roles) if role in self._order)
        for role in sorted(known, key=self._order.__getitem__):
            for place in ((resource, model), (resource, ANY), (ANY, ANY)):
                rule = self._rules.get((role, *place))
                if rule is not None:
                    yield role, rule
                    break

    def _decide(self, principal: Principal, model: Model, verbs: frozenset[Verb]) -> Grant | None:
        if principal.rights is not None:
            principal = replace(principal, rights=_SOME)  # they are asked anew each time, and decide nothing here
        known = (principal, model, verbs)
        try:
            return self._decided[known]
        except KeyError:
            if len(self._decided) >= _MAX_DECISIONS:  # principals that are gone, models of old generations
                self._decided.clear()
                self._narrowed.clear()
            decision = self._decided[known] = self._fresh(principal, model, verbs)
            return decision

    def _fresh(self, principal: Principal, model: Model, verbs: frozenset[Verb]) -> Grant | None:
        matching = self._rules_for(principal, model.resource, model.name)
        rules = combined(live((rule for rule in matching if _fits(rule, model)), principal.claims))
        granting = [rule for rule in rules if rule.verbs.keys() >= verbs and rule.verbs]
        if not granting:
            return None
        if not verbs:
            return Grant(self._shared(principal, model, _union(granting)))
        chosen = granting[0]
        return Grant(self._shared(principal, model, chosen.verbs), chosen.rows)

    def _rules_for(self, principal: Principal, resource: str, model: str) -> tuple[Rule, ...]:
        return tuple(rule for _, rule in self.matching(principal, resource, model))

    def _shared(self, principal: Principal, model: Model, verbs: Mapping[Verb, Names]) -> Model:
        """Return the narrowed model; one object for all principals who see the same."""
        none: Names = frozenset()
        parts = tuple(verbs.get(verb, none) for verb in (Verb.READ, Verb.CREATE, Verb.UPDATE, Verb.ACT))
        relations = tuple(each for each in model.relations if self._reachable(principal, model, each))
        key = (model, parts, relations)
        found = self._narrowed.get(key)
        if found is None:
            found = self._narrowed[key] = narrowed(replace(model, relations=relations), *parts)
        return found

    def _reachable(self, principal: Principal, model: Model, relation: Relation) -> bool:
        """Tell whether the far end of a relation, and what stands between, may be known."""
        ends = [(relation.target_resource or model.resource, relation.target, relation.target_fields)]
        if relation.junction is not None:
            between = relation.junction
            ends.append((between.resource or model.resource, between.model, (*between.near, *between.far)))
        return all(self._readable(principal, *end) for end in ends)

    def _readable(self, principal: Principal, resource: str, model: str, fields: tuple[str, ...]) -> bool:
        rules = live(self._rules_for(principal, resource, model), principal.claims)
        granted = (rule.verbs[Verb.READ] for rule in rules if Verb.READ in rule.verbs)
        return any(names is None or names.issuperset(fields) for names in granted)


def live(rules: Iterable[Rule], claims: Mapping[str, object]) -> tuple[Rule, ...]:
    """Return the rules that grant something to a caller with these claims, the claims put in their places."""
    rows = ((rule, filled(rule.rows, claims)) for rule in rules)
    return tuple(replace(rule, rows=scope) for rule, scope in rows if scope is not None)


def combined(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Put the rules of several roles together, so that none widens another; the first that grants a verb decides."""
    by_rows: dict[Filter, Rule] = {}
    for rule in rules:
        before = by_rows.get(rule.rows)
        by_rows[rule.rows] = rule if before is None else Rule(_union([before, rule]), rule.rows)
    base = by_rows.get(EVERYTHING)
    if base is None:
        return _with_equal_fields(tuple(by_rows.values()))
    wider = [Rule(_union([rule, base]), rule.rows) for rule in by_rows.values() if rule is not base]
    more = [rule for rule in wider if rule.verbs != base.verbs]
    ordered = [base if rows == EVERYTHING else rule for rows in by_rows for rule in [base, *more] if rule.rows == rows]
    return _with_equal_fields(tuple(ordered))


def narrowed(model: Model, readable: Names, creatable: Names, updatable: Names, doable: Names = None) -> Model:
    """Return the model with these fields and actions alone; other fields stand backstage, for row scopes."""
    every = (*model.fields, *model.backstage)
    fields = tuple(filter(_visible, (_limited(each, readable, creatable, updatable) for each in model.fields)))
    known = {each.name for each in fields}
    legible = {each.name for each in fields if each.readable}
    return replace(
        model,
        fields=fields,
        backstage=tuple(each for each in every if each.name not in known),
        relations=tuple(relation for relation in model.relations if legible.issuperset(relation.fields)),
        uniques=tuple(unique for unique in model.uniques if legible.issuperset(unique)),
        key=model.key if legible.issuperset(model.key) else (),
        actions=tuple(each for each in model.actions if doable is None or each.name in doable),
    )


def _fits(rule: Rule, model: Model) -> bool:
    """Tell whether the model has every field that the rule's rows speak of; else the rule grants nothing there."""
    names = {term.path.field for term in conditions(rule.rows)}
    return not names or names.issubset({each.name for each in (*model.fields, *model.backstage)})


def _with_equal_fields(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    groups: list[tuple[Mapping[Verb, Names], list[Filter]]] = []
    for rule in rules:
        group = next((rows for verbs, rows in groups if verbs == rule.verbs), None)
        if group is None:
            groups.append((rule.verbs, [rule.rows]))
        else:
            group.append(rule.rows)
    return tuple(Rule(verbs, rows[0] if len(rows) == 1 else _any_of(rows)) for verbs, rows in groups)


def _any_of(rows: list[Filter]) -> Filter:
    return EVERYTHING if EVERYTHING in rows else Or(tuple(rows))


def _union(rules: Iterable[Rule]) -> Mapping[Verb, Names]:
    verbs: dict[Verb, Names] = {}
    for rule in rules:
        for verb, names in rule.verbs.items():
            before = verbs.get(verb, frozenset())
            verbs[verb] = None if before is None or names is None else before | names
    return verbs


def _limited(field: Field, readable: Names, creatable: Names, updatable: Names) -> Field:
    return replace(
        field,
        readable=field.readable and (readable is None or field.name in readable),
        creatable=field.creatable and (creatable is None or field.name in creatable),
        updatable=field.updatable and (updatable is None or field.name in updatable),
    )


def _visible(field: Field) -> bool:
    return field.readable or field.creatable or field.updatable
