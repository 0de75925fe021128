"""An operation whose values are text -> the same operation with values by the types of the fields."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Final, TypeVar

from bridge_core.errors import BadValue
from bridge_core.operations import Act, Create, Delete, Key, Operation, Read, Record, Update
from bridge_core.query import EVERYTHING, And, Condition, Filter, Not, Op, Or, Path
from bridge_core.schema import Field, FieldType, Literals, Model
from bridge_core.values.conversion import from_json, typed
from bridge_core.values.text import zone_of

AnyOperation = TypeVar("AnyOperation", Read, Create, Update, Delete, Act, Operation)

_PATTERNS: Final = frozenset({Op.LIKE, Op.ILIKE, Op.MATCH, Op.IMATCH})
_AS_TEXT: Final = _PATTERNS | {Op.FTS, Op.PLFTS, Op.PHFTS, Op.WFTS}
_RANGES: Final = frozenset(
    {Op.STRICTLY_LEFT, Op.STRICTLY_RIGHT, Op.NOT_EXTENDS_LEFT, Op.NOT_EXTENDS_RIGHT, Op.ADJACENT}
)
_UNCHANGED: Final = _AS_TEXT | _RANGES | {Op.IS}
_OVERLAP: Final = frozenset({Op.CONTAINS, Op.CONTAINED, Op.OVERLAPS})
_TEXTUAL: Final = frozenset({FieldType.TEXT, FieldType.ENUM, FieldType.OTHER})
_SIGNS: Final[Mapping[Op, str]] = {
    Op.LIKE: "~~",
    Op.ILIKE: "~~*",
    Op.MATCH: "~",
    Op.IMATCH: "~*",
    Op.CONTAINS: "@>",
    Op.CONTAINED: "<@",
    Op.OVERLAPS: "&&",
}


def typed_operation(op: AnyOperation) -> AnyOperation:
    """Return the operation with the values of conditions and records by type; unchanged where the backend converts."""
    if op.model.capabilities.literals is Literals.NATIVE:
        return op
    model = op.model
    match op:
        case Read():
            zone = zone_of(op.timezone)
            return replace(
                op,
                where=typed_filter(model, op.where, zone),
                scope=typed_filter(model, op.scope, zone),
                keys=_keys(model, op.keys, zone),
            )
        case Create():
            zone = zone_of(op.options.timezone)
            return replace(
                op,
                records=[_record(model, record, op.columns, zone) for record in op.records],
                scope=typed_filter(model, op.scope, zone),
                check=typed_filter(model, op.check, zone),
            )
        case Update():
            zone = zone_of(op.options.timezone)
            return replace(
                op,
                values=_record(model, op.values, tuple(op.values), zone),
                where=typed_filter(model, op.where, zone),
                scope=typed_filter(model, op.scope, zone),
                check=typed_filter(model, op.check, zone),
                keys=_keys(model, op.keys, zone),
            )
        case Act():
            return _typed_act(op)
        case Delete():
            zone = zone_of(op.options.timezone)
            return replace(
                op,
                where=typed_filter(model, op.where, zone),
                scope=typed_filter(model, op.scope, zone),
                keys=_keys(model, op.keys, zone),
            )


def _typed_act(op: Act) -> Act:
    zone = zone_of(op.options.timezone)
    inputs = op.action.by_name
    keys = _keys(op.model, (op.key,), zone) or (op.key,)
    return replace(
        op,
        key=keys[0],
        values={name: from_json(inputs[name], value, zone) for name, value in op.values.items()},
        scope=typed_filter(op.model, op.scope, zone),
    )


def typed_filter(model: Model, term: Filter, zone: tzinfo = UTC) -> Filter:
    """Return the filter with every value by the type of its field, or of the place that its path leads to."""
    if term is EVERYTHING:
        return term
    if isinstance(term, Condition):
        return _condition(model, term, zone)
    match term:
        case And(terms):
            return And(tuple(typed_filter(model, each, zone) for each in terms))
        case Or(terms):
            return Or(tuple(typed_filter(model, each, zone) for each in terms))
        case Not(inner):
            return Not(typed_filter(model, inner, zone))


def place_of(model: Model, path: Path) -> Field:
    """Return what a path leads to as if it were a field: text behind `->>`, else JSON."""
    field = model.any_field(path.field)
    if path.text:
        return Field(path.field, FieldType.TEXT)
    if not path.steps:
        return field
    return Field(path.field, FieldType.TEXT if path.steps[-1].text else FieldType.JSON)


def _condition(model: Model, term: Condition, zone: tzinfo) -> Condition:
    place = place_of(model, term.path)
    _must_exist(place, term.op)
    if term.op in _UNCHANGED or (term.op in _OVERLAP and place.type is FieldType.OTHER):
        return term
    value: object
    if isinstance(term.value, tuple) and (term.quantifier is not None or term.op is Op.IN):
        value = tuple(typed(place, each, zone) for each in term.value)
    else:
        value = typed(place, term.value, zone)
    return Condition(term.path, term.op, value, term.quantifier, term.option)


def _must_exist(place: Field, op: Op) -> None:
    """Refuse an operator that no database has for the type, as PostgreSQL does."""
    if op in _PATTERNS:
        exists = place.type in _TEXTUAL
    elif op in _OVERLAP:
        exists = place.type in (FieldType.ARRAY, FieldType.OTHER) or (
            place.type is FieldType.JSON and op is not Op.OVERLAPS
        )
    else:
        return
    if not exists:
        raise BadValue(f"operator does not exist: {place.type.value} {_SIGNS[op]} unknown", code="42883")


def _record(model: Model, record: Record, columns: tuple[str, ...], zone: tzinfo) -> Record:
    return {name: from_json(model.field(name), record[name], zone) for name in columns if name in record}


def _keys(model: Model, keys: tuple[Key, ...] | None, zone: tzinfo) -> tuple[Key, ...] | None:
    if keys is None:
        return None
    fields = [model.any_field(name) for name in model.key]
    return tuple(tuple(typed(field, part, zone) for field, part in zip(fields, key, strict=True)) for key in keys)
