"""Relations that plugins.toml declares -> relations of the models at both ends, whatever resources those are of."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from bridge_core.schema import Cardinality, Junction, Model, Relation

Models: TypeAlias = Mapping[str, Mapping[str, Model]]
"""Models by resource and name."""


@dataclass(frozen=True, slots=True)
class End:
    """Some fields of a model."""

    resource: str
    model: str
    field: str


@dataclass(frozen=True, slots=True)
class Through:
    """The model in the middle of a relation of many to many, and its fields that refer to either end."""

    resource: str
    model: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A relation of plugins.toml: equal values of two fields, or a model that holds pairs of them."""

    name: str
    source: End
    target: End
    through: Through | None = None


def with_relations(models: Models, declared: Iterable[Declared]) -> Models:
    """Return the models with what is declared of them, at both ends; what is not there yet has no relations."""
    found = {resource: dict(each) for resource, each in models.items()}
    for relation in declared:
        for near, far, forth in ((relation.source, relation.target, True), (relation.target, relation.source, False)):
            here, there = _model(models, near), _model(models, far)
            if here is not None and there is not None:
                made = _relation(relation, here, there, forth=forth)
                before = found[near.resource][near.model]
                found[near.resource][near.model] = replace(before, relations=(*before.relations, made))
    return {resource: MappingProxyType(each) for resource, each in found.items()}


def ends(relation: Declared) -> Iterator[tuple[str, End]]:
    """Yield every field that a relation names, with its key in the table."""
    yield "from", relation.source
    yield "to", relation.target
    if relation.through is not None:
        between = relation.through
        yield "through", End(between.resource, between.model, between.source)
        yield "through", End(between.resource, between.model, between.target)


def _relation(declared: Declared, here: Model, there: Model, *, forth: bool) -> Relation:
    near, far = (declared.source, declared.target) if forth else (declared.target, declared.source)
    ours, theirs = _unique(here, near.field), _unique(there, far.field)
    return Relation(
        name=declared.name,
        fields=(near.field,),
        target=far.model,
        target_fields=(far.field,),
        cardinality=_cardinality(declared, ours=ours, theirs=theirs),
        target_resource=far.resource if far.resource != near.resource else "",
        junction=_junction(declared, declared.through, forth=forth),
        self_referring=(near.resource, near.model) == (far.resource, far.model),
        owns_key=forth or not (ours and theirs),
    )


def _cardinality(declared: Declared, *, ours: bool, theirs: bool) -> Cardinality:
    if declared.through is not None:
        return Cardinality.MANY_TO_MANY
    if not theirs:
        return Cardinality.ONE_TO_MANY
    return Cardinality.ONE_TO_ONE if ours else Cardinality.MANY_TO_ONE


def _junction(declared: Declared, through: Through | None, *, forth: bool) -> Junction | None:
    if through is None:
        return None
    near, far = (through.source, through.target) if forth else (through.target, through.source)
    return Junction(through.model, (near,), (far,), declared.name, declared.name, through.resource)


def _unique(model: Model, field: str) -> bool:
    return (field,) in (model.key, *model.uniques)


def _model(models: Models, end: End) -> Model | None:
    model = models.get(end.resource, {}).get(end.model)
    return model if model is not None and end.field in model.by_name else None
