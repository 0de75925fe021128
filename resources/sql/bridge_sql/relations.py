"""Foreign keys -> relations that can be followed from either end, and through junctions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge_sql.facts import Found, Place, Reference

from bridge_core.schema import Cardinality, Junction, Relation


@dataclass(frozen=True, slots=True)
class _Way:
    """A reference between two relations that are served, by the names of their models."""

    reference: Reference
    source: str
    target: str
    unique: bool

    @property
    def self_referring(self) -> bool:
        return self.source == self.target


def relations(
    found: Mapping[Place, Found], names: Mapping[Place, str], references: Iterable[Reference]
) -> Mapping[str, tuple[Relation, ...]]:
    """Return the relations of every model, in a stable order; both ends of a reference must be served."""
    ways = [
        _Way(each, names[each.source], names[each.target], _unique(found[each.source], each.columns))
        for each in references
        if each.source in found and each.target in found
    ]
    collected: dict[str, list[Relation]] = defaultdict(list)
    for way in ways:
        collected[way.source].append(_forth(way))
        collected[way.target].append(_back(way))
    keys = {names[place]: frozenset(each.key) for place, each in found.items()}
    for near, far in _junctions(ways, keys):
        collected[near.target].append(_across(near, far))
    return {name: tuple(sorted(each, key=_rank)) for name, each in collected.items()}


def _unique(source: Found, columns: Sequence[str]) -> bool:
    wanted = frozenset(columns)
    return any(each and wanted.issuperset(each) for each in (source.key, *source.uniques))


def _forth(way: _Way) -> Relation:
    return Relation(
        name=way.reference.name,
        fields=way.reference.columns,
        target=way.target,
        target_fields=way.reference.target_columns,
        cardinality=Cardinality.ONE_TO_ONE if way.unique else Cardinality.MANY_TO_ONE,
        self_referring=way.self_referring,
    )


def _back(way: _Way) -> Relation:
    return Relation(
        name=way.reference.name,
        fields=way.reference.target_columns,
        target=way.source,
        target_fields=way.reference.columns,
        cardinality=Cardinality.ONE_TO_ONE if way.unique else Cardinality.ONE_TO_MANY,
        self_referring=way.self_referring,
        owns_key=not way.unique,
    )


def _junctions(ways: Iterable[_Way], keys: Mapping[str, frozenset[str]]) -> Iterator[tuple[_Way, _Way]]:
    """Yield the pairs of references that one relation holds both of in its key."""
    held: dict[str, list[_Way]] = defaultdict(list)
    for way in ways:
        if keys[way.source].issuperset(way.reference.columns):
            held[way.source].append(way)
    for candidates in held.values():
        for near in candidates:
            yield from ((near, far) for far in candidates if far is not near and _apart(near, far))


def _apart(near: _Way, far: _Way) -> bool:
    """Tell whether two references are different ones, not one reference seen through two views."""
    return near.reference.name != far.reference.name or near.reference.columns != far.reference.columns


def _across(near: _Way, far: _Way) -> Relation:
    return Relation(
        name=near.source,
        fields=near.reference.target_columns,
        target=far.target,
        target_fields=far.reference.target_columns,
        cardinality=Cardinality.MANY_TO_MANY,
        junction=Junction(
            near.source, near.reference.columns, far.reference.columns, near.reference.name, far.reference.name
        ),
        self_referring=near.target == far.target,
    )


def _rank(relation: Relation) -> tuple[object, ...]:
    junction = relation.junction
    return (
        relation.cardinality,
        relation.target,
        relation.name,
        relation.fields,
        relation.target_fields,
        (junction.near_constraint, junction.far_constraint, junction.near, junction.far) if junction else (),
        relation.owns_key,
    )
