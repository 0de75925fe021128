"""Find the relation that an embed follows: by the name of its target, of its constraint or column, or by a hint."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final

from bridge_core.errors import Rejected, UnknownName
from bridge_core.schema import Cardinality, Model, Relation

_ALIKE: Final = 0.75
_TO_ONE: Final = frozenset({Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE})


def relation_of(
    model: Model, target: str, hints: Sequence[str], stored: Callable[[Relation], bool] = lambda _: True
) -> Relation:
    """Return the only relation of a model that a target and its hint name, or raise PGRST200 or PGRST201.

    `stored` tells whether a relation leads to a table: only those go by the name of their constraint or column.
    """
    hint = hints[0] if hints else None
    found = [each for each in model.relations if _meant(model, each, target, hint)]
    own = [each for each in found if not each.target_resource]
    if hint is None and own:
        found = own  # a relation to another resource goes by its own name, where a table of this one has the other
    if not found and hint is None:
        found = [each for each in model.relations if _called(each, target) and stored(each)]
    if len(found) == 1:
        return found[0]
    raise _ambiguous(model, target, found) if found else _missing(model, target, hint)


def bare(model: Model, name: str) -> str:
    """Return the name of a model without its namespace, where that is the one of another model."""
    prefix = f"{model.namespace}."
    return name.removeprefix(prefix) if model.name.startswith(prefix) else name


def _meant(model: Model, relation: Relation, target: str, hint: str | None) -> bool:
    """Tell whether a relation leads to the target, and is the one that the hint means."""
    if bare(model, relation.target) != target:
        return False
    if relation.self_referring and relation.cardinality is Cardinality.MANY_TO_ONE:
        return False  # by its name, a table that refers to itself is the many that refer to the one
    if hint is None:
        return True
    if relation.junction is not None:
        return bare(model, relation.junction.model) == hint
    return hint == relation.name or hint in (*_single(relation.fields), *_single(relation.target_fields))


def _called(relation: Relation, name: str) -> bool:
    """Tell whether a relation is called so: by its constraint, or by the one column that refers to the far end."""
    if relation.junction is not None:
        return name == relation.name != relation.junction.model  # a junction is no name for what is behind it
    refers = relation.cardinality in _TO_ONE and relation.owns_key
    return name == relation.name or (refers and relation.fields == (name,))


def _single(fields: tuple[str, ...]) -> tuple[str, ...]:
    return fields if len(fields) == 1 else ()


def _missing(model: Model, target: str, hint: str | None) -> UnknownName:
    here = bare(model, model.name)
    using = f" using the hint '{hint}'" if hint is not None else ""
    similar = get_close_matches(target, sorted({bare(model, each.target) for each in model.relations}), 1, _ALIKE)
    return UnknownName(
        f"Could not find a relationship between '{here}' and '{target}' in the schema cache",
        code="PGRST200",
        details=f"Searched for a foreign key relationship between '{here}' and '{target}'{using} "
        f"in the schema '{model.namespace or model.resource}', but no matches were found.",
        hint=f"Perhaps you meant '{similar[0]}' instead of '{target}'." if similar else None,
    )


def _ambiguous(model: Model, target: str, found: Sequence[Relation]) -> Rejected:
    here = bare(model, model.name)
    ways = ", ".join(f"'{bare(model, each.target)}!{_distinguishing(model, each)}'" for each in found)
    return Rejected(
        f"Could not embed because more than one relationship was found for '{here}' and '{target}'",
        code="PGRST201",
        details=[_described(model, each) for each in found],
        hint=f"Try changing '{target}' to one of the following: {ways}. "
        "Find the desired relationship in the 'details' key.",
    )


def _distinguishing(model: Model, relation: Relation) -> str:
    return bare(model, relation.junction.model) if relation.junction is not None else relation.name


def _described(model: Model, relation: Relation) -> dict[str, str]:
    here, there = bare(model, model.name), bare(model, relation.target)
    near, far = ", ".join(relation.fields), ", ".join(relation.target_fields)
    if relation.junction is None:
        way = f"{relation.name} using {here}({near}) and {there}({far})"
    else:
        between = relation.junction
        way = (
            f"{bare(model, between.model)} using {between.near_constraint}({', '.join(between.near)}) "
            f"and {between.far_constraint}({', '.join(between.far)})"
        )
    return {"cardinality": relation.cardinality.value, "embedding": f"{here} with {there}", "relationship": way}
