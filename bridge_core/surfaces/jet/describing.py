"""Models -> the descriptions that clients of this protocol build their pages from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from bridge_core.bridge import Bridge
from bridge_core.schema import Cardinality, Field, FieldType, Model, Relation
from bridge_core.store.overrides import Override
from bridge_core.surfaces.jet.inward import required
from bridge_core.surfaces.jet.kinds import kind_of
from bridge_core.surfaces.jet.naming import key_of, name_of, promoted

MANY_TO_ONE: Final = "MANYTOONE"
ONE_TO_MANY: Final = "ONETOMANY"
_OF_MODEL: Final = ("name", "name_plural", "order_after", "hidden")
_OF_FIELD: Final = ("field", "name", "params", "order_after", "hidden")
_WITH_LENGTH: Final = frozenset({"CharField", "TextField"})
_QUOTED: Final = re.compile(r"'((?:[^']|'')*)'::.+")
_SEQUENCE: Final = re.compile(r"nextval\((.*)\)")
_NOW: Final = frozenset({"now()"})
_UUIDS: Final = frozenset({"uuid_generate_v4()"})


def described(bridge: Bridge, model: Model, overrides: Mapping[str, Sequence[Override]]) -> Mapping[str, object]:
    """Return the description of a model."""
    name = name_of(bridge, model.resource, model.name)
    relations = sorted(_relations(bridge, model), key=lambda each: str(each["name"]))
    ways = {str(each["local_field"]): each for each in relations if each["direction"] == MANY_TO_ONE}
    return {
        "model": name,
        "db_table": model.name,
        "hidden": False,
        "primary_key_field": key_of(model)[0],
        "primary_key_auto": promoted(model),
        "is_view": model.kind == "view",
        "fields": [_field(bridge, model, field, ways.get(field.name)) for field in model.fields],
        "relations": relations,
        "relation_overrides": [_override(model, each) for each in overrides.get(name, ())],
        **_noted(model.comment, _OF_MODEL),
    }


def relation_name(model: Model, direction: str, local: str, related_model: str, related: str) -> str:
    """Return the name of a relation."""
    if direction == MANY_TO_ONE:
        name = f"{local}__to__{related_model}__{related}"
    else:
        name = f"{related_model}__{related}__to__{local}"
    return f"{name}_relation" if name in model.by_name else name


def _override(model: Model, each: Override) -> Mapping[str, object]:
    return {
        "name": relation_name(model, each.direction, each.local_field, each.related_model, each.related_field),
        "direction": each.direction,
        "local_field": each.local_field,
        "related_model": each.related_model,
        "related_field": each.related_field,
    }


def _relations(bridge: Bridge, model: Model) -> Iterator[dict[str, object]]:
    if model.kind == "view":
        return
    seen = set()
    for relation in model.relations:
        direction = _direction(relation)
        resource = relation.target_resource or model.resource
        target = bridge.resources()[resource].models.get(relation.target)
        if direction is None or target is None or target.kind == "view":
            continue
        local, related = relation.fields[0], relation.target_fields[0]  # only the first part of a key is spoken of
        other = name_of(bridge, resource, relation.target)
        name = relation_name(model, direction, local, other, related)
        if name not in seen:
            seen.add(name)
            yield {
                "name": name,
                "direction": direction,
                "local_field": local,
                "related_model": other,
                "related_field": related,
            }


def _direction(relation: Relation) -> str | None:
    match relation.cardinality:
        case Cardinality.MANY_TO_ONE:
            return MANY_TO_ONE
        case Cardinality.ONE_TO_MANY:
            return ONE_TO_MANY
        case Cardinality.ONE_TO_ONE:
            return MANY_TO_ONE if relation.owns_key else ONE_TO_MANY
        case _:
            return None


def _field(bridge: Bridge, model: Model, field: Field, way: Mapping[str, object] | None) -> Mapping[str, object]:
    kind = kind_of(field)
    stands_in = promoted(model) and field.name == key_of(model)[0]
    return {
        "name": field.name,
        "db_column": field.name,
        "field": kind.field if way is None else "ForeignKey",
        "db_field": kind.db_field,
        "filterable": True,
        "null": field.nullable,
        "editable": True,
        "params": _params(bridge, model, field, way),
        **_noted(field.comment, _OF_FIELD),
        "required": stands_in or required(model, field),
        **_default(field),
    }


def _params(bridge: Bridge, model: Model, field: Field, way: Mapping[str, object] | None) -> Mapping[str, object]:
    kind = kind_of(field)
    params: dict[str, object] = {}
    if field.type is FieldType.ENUM:
        params["options"] = [{"name": label, "value": label} for label in field.enum]
        params["length"] = max(map(len, field.enum), default=0)
    elif field.type is FieldType.TEXT and kind.field in _WITH_LENGTH:
        params["length"] = field.max_length
    elif field.type is FieldType.DATE:
        params |= {"date": True, "time": False}
    if way is not None:
        params = {"related_model": {"model": way["related_model"]}}
        if way["related_field"] != _first_key(bridge, model, field):
            params["custom_primary_key"] = way["related_field"]
    return {**params, "db_internal_type": kind.internal}


def _first_key(bridge: Bridge, model: Model, field: Field) -> str | None:
    for relation in model.relations:
        if _direction(relation) == MANY_TO_ONE and relation.fields[0] == field.name:
            target = bridge.resources()[relation.target_resource or model.resource].models[relation.target]
            if target.kind != "view":
                return key_of(target)[0]
    return None


def _noted(comment: str, names: Sequence[str]) -> Mapping[str, object]:
    """Return what a comment says, where it is an object of JSON."""
    said: Any = None
    if comment.startswith("{"):
        try:
            said = msgspec.json.decode(comment)
        except msgspec.DecodeError:
            said = None
    found = said if isinstance(said, dict) else {}
    return {f"data_source_{name}": found.get(name) for name in names}


def _default(field: Field) -> Mapping[str, object]:
    text = field.default or ""
    if text in _NOW:
        return {"default_type": "datetime_now"}
    if text in _UUIDS:
        return {"default_type": "uuid"}
    if text in ("true", "false"):
        return {"default_type": "value", "default_value": text == "true"}
    sequence = _SEQUENCE.fullmatch(text)
    if sequence is not None:
        return {"default_type": "sequence", "default_value": sequence[1]}
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return {"default_type": "value", "default_value": quoted[1].replace("''", "'")}
    return {}
