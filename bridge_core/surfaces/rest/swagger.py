"""Describe the models that a principal may know: a Swagger 2.0 document, as clients of the dialect read it."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from bridge_core.operations import Verb
from bridge_core.schema import Field, FieldType, Model

Json: TypeAlias = Mapping[str, object]

_TYPES: Final[Mapping[FieldType, str]] = {
    FieldType.BOOLEAN: "boolean",
    FieldType.INTEGER: "integer",
    FieldType.FLOAT: "number",
    FieldType.DECIMAL: "number",
    FieldType.ARRAY: "array",
}
_REFERENCES: Final = {
    name: {"$ref": f"#/parameters/{name}"}
    for name in ("select", "order", "range", "rangeUnit", "offset", "limit", "on_conflict", "preferCount",
                 "preferReturn", "preferPost")
}  # fmt: skip


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "type": "string", "description": description}


def _query(name: str, description: str) -> Json:
    return {"name": name, "in": "query", "required": False, "type": "string", "description": description}


def _preference(*values: str) -> Json:
    return {**_header("Prefer", "Preference"), "enum": list(values)}


_PARAMETERS: Final[Json] = {
    "select": _query("select", "Filtering Columns"),
    "order": _query("order", "Ordering"),
    "offset": _query("offset", "Limiting and Pagination"),
    "limit": _query("limit", "Limiting and Pagination"),
    "on_conflict": _query("on_conflict", "On Conflict"),
    "range": _header("Range", "Limiting and Pagination"),
    "rangeUnit": {**_header("Range-Unit", "Limiting and Pagination"), "default": "items"},
    "preferCount": _preference("count=exact", "count=planned", "count=estimated"),
    "preferReturn": _preference("return=representation", "return=minimal", "return=headers-only"),
    "preferPost": _preference(
        "return=representation", "return=minimal", "return=headers-only",
        "resolution=ignore-duplicates", "resolution=merge-duplicates",
    ),
}  # fmt: skip
_MEDIA: Final = [
    "application/json", "application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json",
    "text/csv",
]  # fmt: skip


def swagger(title: str, base: str, described: Iterable[tuple[Model, frozenset[Verb], str]]) -> bytes:
    """Return the document for models, the verbs that may be used on each, and the name of each in a path."""
    paths: dict[str, object] = {"/": {"get": _operation("Introspection", "OpenAPI description (this document)", ())}}
    definitions: dict[str, object] = {}
    parameters: dict[str, object] = dict(_PARAMETERS)
    for model, verbs, name in described:
        definitions[name] = _definition(model)
        parameters.update(_parameters(model, name))
        paths[f"/{name}"] = _path(model, verbs, name)
    document = {
        "swagger": "2.0",
        "info": {"title": title, "description": "Records as a REST API in the PostgREST dialect.", "version": "1"},
        "basePath": base,
        "consumes": [*_MEDIA, "application/x-www-form-urlencoded"],
        "produces": _MEDIA,
        "paths": paths,
        "definitions": definitions,
        "parameters": parameters,
        "securityDefinitions": {"JWT": {"type": "apiKey", "name": "Authorization", "in": "header"}},
        "security": [{"JWT": []}],
    }
    return msgspec.json.encode(document)


def _path(model: Model, verbs: frozenset[Verb], name: str) -> Json:
    filters = [{"$ref": f"#/parameters/rowFilter.{name}.{field.name}"} for field in model.readable]
    body = {"$ref": f"#/parameters/body.{name}"}
    reading = [
        _REFERENCES[each] for each in ("select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")
    ]
    posting = [_REFERENCES[each] for each in ("select", "preferPost", "on_conflict")]
    known: dict[Verb, tuple[str, list[Mapping[str, str]]]] = {
        Verb.READ: ("get", [*filters, *reading]),
        Verb.CREATE: ("post", [body, *posting]),
        Verb.UPDATE: ("patch", [*filters, body, _REFERENCES["preferReturn"]]),
        Verb.DELETE: ("delete", [*filters, _REFERENCES["preferReturn"]]),
    }
    summary = model.comment.partition("\n")[0]
    return {
        method: _operation(name, summary, parameters) for verb, (method, parameters) in known.items() if verb in verbs
    }


def _operation(tag: str, summary: str, parameters: Iterable[Mapping[str, str]]) -> Json:
    operation: dict[str, object] = {"tags": [tag], "responses": {"200": {"description": "OK"}}}
    if summary:
        operation["summary"] = summary
    listed = list(parameters)
    return {**operation, "parameters": listed} if listed else operation


def _parameters(model: Model, name: str) -> Json:
    body = {"name": name, "description": name, "required": False, "in": "body"}
    rows = {f"rowFilter.{name}.{field.name}": _query(field.name, field.comment) for field in model.readable}
    return {f"body.{name}": {**body, "schema": {"$ref": f"#/definitions/{name}"}}, **rows}


def _definition(model: Model) -> Json:
    required = [field.name for field in model.fields if not field.nullable and field.default is None]
    definition: dict[str, object] = {
        "type": "object",
        "required": [name for name in required if not model.by_name[name].generated],
        "properties": {field.name: _property(model, field) for field in model.fields},
    }
    return {"description": model.comment, **definition} if model.comment else definition


def _property(model: Model, field: Field) -> Json:
    found: dict[str, object] = {"format": field.native or field.type.value}
    kind = _TYPES.get(field.type, "" if field.type is FieldType.JSON else "string")
    if kind:
        found["type"] = kind
    if field.type is FieldType.ARRAY:
        found["items"] = {"type": _TYPES.get(field.item, "string") if field.item is not None else "string"}
    if field.max_length is not None:
        found["maxLength"] = field.max_length
    if field.enum:
        found["enum"] = list(field.enum)
    if field.default is not None:
        found["default"] = field.default
    notes = [note for note in (field.comment, _notes(model, field)) if note]
    return {**found, "description": "\n\n".join(notes)} if notes else found


def _notes(model: Model, field: Field) -> str:
    notes = ["This is a Primary Key.<pk/>"] if field.name in model.key else []
    for relation in model.relations:
        local = relation.owns_key and not relation.target_resource
        if relation.fields == (field.name,) and local and relation.cardinality.value.endswith("to-one"):
            target, column = relation.target, relation.target_fields[0]
            notes.append(f"This is a Foreign Key to `{target}.{column}`.<fk table='{target}' column='{column}'/>")
    return "\n".join(["Note:", *notes]) if notes else ""
