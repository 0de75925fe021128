"""An object type of the catalogue, and what the SDK declares of it -> the model that the bridge serves."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from bridge_core import (
    Boolean,
    Capabilities,
    Cardinality,
    Field,
    FieldType,
    Model,
    Op,
    Paging,
    Relation,
    Rule,
    RuleKind,
    Term,
)
from bridge_stripe.catalogue import ObjectType
from bridge_stripe.shapes import (
    Anything,
    Declared,
    Either,
    Nested,
    Plain,
    Reference,
    Several,
    Shape,
    Table,
    Words,
    object_fields,
    parameters,
)

PAGE: Final = 100  # objects that Stripe lists at most at once
LOOK_UPS: Final = 100  # keys that are looked up by one call of the core: as many requests
WRITTEN: Final = "new_"  # begins the name of a parameter that is written otherwise than the field is read

_HIDDEN: Final = frozenset({"object", "deleted"})
_NO_VALUES: Final = frozenset({"expand"})
_MOMENTS: Final = re.compile(r"(?:^created|^updated|^redeem_by|_at|date|(?:period|trial)_(?:start|end))$")
_MOMENT: Final = re.compile(r"unix (epoch|timestamp)|timestamp|^time at which|^the time ", re.IGNORECASE)
_RANGE: Final = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
_KINDS: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "str": FieldType.TEXT,
        "int": FieldType.INTEGER,
        "bool": FieldType.BOOLEAN,
        "float": FieldType.FLOAT,
        "Decimal": FieldType.DECIMAL,
    }
)


def models(types: Sequence[ObjectType], writable: Iterable[str]) -> tuple[Model, ...]:
    """Return the models of these types; those that are not writable can only be read."""
    allowed = frozenset(writable)
    known = {each.sdk.rpartition(".")[2]: each.name for each in types}
    found = [_model(each, known, writes=each.writes if each.name in allowed else ()) for each in types]
    return tuple(_with_ways_back(each, found) for each in found)


def inputs(call: str, without: str = "") -> tuple[Field, ...]:
    """Return the parameters of a call as the inputs of an action; `without` is filled in by the adapter."""
    declared = parameters(call, "")
    return tuple(
        _parameter(each, name, creatable=True, updatable=True)
        for name, each in declared.items()
        if name not in _NO_VALUES and name != without
    )


def _model(kind: ObjectType, known: Mapping[str, str], writes: tuple[str, ...]) -> Model:
    declared = {name: each for name, each in object_fields(kind.sdk).items() if name not in _HIDDEN}
    create = parameters(kind.sdk, "Create") if "create" in writes else {}
    update = (parameters(kind.sdk, "Update") or parameters(kind.sdk, "Modify")) if "update" in writes else {}
    fields = [_field(kind, each, create.get(name), update.get(name)) for name, each in declared.items()]
    fields += _written_only(declared, create, update)
    ranks = {name: rank for rank, name in enumerate(("id", *kind.first))}
    relations = [_relation(kind, each, known[each.shape.target]) for each in declared.values()
                 if isinstance(each.shape, Reference) and each.shape.target in known]  # fmt: skip
    return Model(
        kind.name,
        tuple(sorted(fields, key=lambda each: ranks.get(each.name, len(ranks)))),
        key=("id",),
        relations=tuple(relations),
        comment=kind.note,
        kind="object",
        capabilities=_capabilities(kind, declared, writes),
    )


def _capabilities(kind: ObjectType, declared: Mapping[str, Declared], writes: tuple[str, ...]) -> Capabilities:
    once = tuple(Rule(RuleKind.AT_MOST, (Term(name),)) for name in kind.filters)
    bounds = tuple(
        Rule(RuleKind.AT_MOST, (Term(name, one), Term(name, other)))
        for name in kind.ranges
        for one, other in ((Op.GT, Op.GTE), (Op.LT, Op.LTE))
    )
    return Capabilities(
        boolean=Boolean.CONJUNCTION if kind.filters or kind.ranges else Boolean.NONE,
        rules=(*once, *bounds, *_newest_first(declared)),
        sort_terms=1 if "created" in declared else 0,
        paging=Paging.CURSOR,
        max_page=PAGE,
        max_offset=0,
        key_batch=LOOK_UPS,
        create_batch=int("create" in writes),
        update_batch=int("update" in writes),
        delete_batch=int("delete" in writes),
        returns=True,
        idempotent_create=True,
        unit_cost=1.0,
    )


def _newest_first(declared: Mapping[str, Declared]) -> tuple[Rule, ...]:
    """Lists have one order: by `created`, the newest first."""
    ascending = Term("created", order=True, descending=False)
    return (Rule(RuleKind.AT_MOST, (ascending,), 0),) if "created" in declared else ()


def _field(kind: ObjectType, declared: Declared, create: Declared | None, update: Declared | None) -> Field:
    type_, item, enum = _type(declared)
    operators = frozenset({Op.EQ}) if declared.name in kind.filters else frozenset()
    operators |= _RANGE if declared.name in kind.ranges else frozenset()
    return Field(
        declared.name,
        type_,
        native=_native(declared.shape),
        nullable=declared.optional,
        default=None if declared.optional or declared.name == "id" else "chosen by Stripe",
        generated=create is None and update is None,
        enum=enum,
        item=item,
        comment=declared.comment,
        operators=operators,
        sortable=declared.name == "created",
        creatable=create is not None and _alike(declared.shape, create.shape),
        updatable=update is not None and _alike(declared.shape, update.shape),
    )


def _written_only(
    declared: Mapping[str, Declared], create: Mapping[str, Declared], update: Mapping[str, Declared]
) -> Iterator[Field]:
    """Yield parameters that are no field, and those of which the field is read in another form."""
    for name in dict.fromkeys((*create, *update)):
        parameter = create.get(name) or update[name]
        there = declared.get(name)
        if name in _NO_VALUES or (there is not None and _alike(there.shape, parameter.shape)):
            continue
        field = name if there is None else WRITTEN + name
        yield _parameter(parameter, field, creatable=name in create, updatable=name in update)


def _parameter(parameter: Declared, name: str, *, creatable: bool, updatable: bool) -> Field:
    type_, item, enum = _type(parameter)
    return Field(
        name,
        type_,
        native=_native(parameter.shape),
        enum=enum,
        item=item,
        comment=parameter.comment,
        readable=False,
        creatable=creatable,
        updatable=updatable,
    )


def _type(declared: Declared) -> tuple[FieldType, FieldType | None, tuple[str, ...]]:
    """Return the type of a field, that of its items, and its words."""
    shape = _main(declared.shape)
    match shape:
        case Plain("int") if _is_moment(declared):
            return FieldType.TIMESTAMPTZ, None, ()
        case Plain(kind):
            return _KINDS[kind], None, ()
        case Words(words):
            return FieldType.ENUM, None, words
        case Reference() | Anything("str"):
            return FieldType.TEXT, None, ()
        case Several(Plain("str") | Words() | Reference()):
            return FieldType.ARRAY, FieldType.TEXT, ()
        case _:
            return FieldType.JSON, None, ()


def _main(shape: Shape) -> Shape:
    """Return what a value is when it is there: without the empty word that unsets it."""
    if not isinstance(shape, Either):
        return shape
    rest = [each for each in shape.shapes if each != Words(("",))]
    numbers = [each for each in rest if isinstance(each, Plain)]
    return (numbers or rest)[0]


def _is_moment(declared: Declared) -> bool:
    """Tell whether a number is a moment: the SDK says so in words alone, and not everywhere."""
    return _MOMENTS.search(declared.name) is not None or _MOMENT.search(declared.comment) is not None


def _native(shape: Shape) -> str:
    match _main(shape):
        case Plain(kind):
            return kind
        case Words():
            return ""  # so that a wrong word is refused by the name of the field
        case Reference(target):
            return target
        case other:
            return type(other).__name__.lower()


def _alike(read: Shape, written: Shape) -> bool:
    """Tell whether a value is written in the form in which it is read."""
    return _form(_main(read)) == _form(_main(written))


def _form(shape: Shape) -> object:
    match shape:
        case Plain("str") | Words() | Reference():
            return "text"
        case Plain(kind):
            return kind
        case Several(item):
            return ("several", _form(_main(item)))
        case Nested() | Table():
            return "object"
        case _:
            return type(shape)


def _relation(kind: ObjectType, declared: Declared, target: str) -> Relation:
    name = f"{kind.name}_{declared.name}"
    return Relation(
        name, (declared.name,), target, ("id",), Cardinality.MANY_TO_ONE, self_referring=target == kind.name
    )


def _with_ways_back(model: Model, every: Sequence[Model]) -> Model:
    """Add the other end of each relation that leads here."""
    back = tuple(
        Relation(
            each.name, ("id",), other.name, each.fields, Cardinality.ONE_TO_MANY, self_referring=each.self_referring
        )
        for other in every
        for each in other.relations
        if each.target == model.name
    )
    return replace(model, relations=(*model.relations, *back))
