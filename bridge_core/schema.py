"""What a backend offers, as data: models, fields, relations, and what each of them can do.

REST, OpenAPI, the console, the planner and the conformance kit all read the same declaration.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType

from bridge_core.errors import UnknownName
from bridge_core.query import Op


class FieldType(StrEnum):
    """The kinds of values; `values` says how each looks in Python, in text and in JSON."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    ENUM = "enum"
    UUID = "uuid"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"  # without zone
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    BYTES = "bytes"
    JSON = "json"
    ARRAY = "array"
    OTHER = "other"  # known to the backend alone; text here


EQUALITY = frozenset({Op.EQ, Op.NEQ, Op.IN, Op.IS, Op.ISDISTINCT})
ORDERING = EQUALITY | {Op.GT, Op.GTE, Op.LT, Op.LTE}
TEXTUAL = ORDERING | {Op.LIKE, Op.ILIKE}
EVERY_OP = frozenset(Op)


@dataclass(frozen=True, slots=True)
class Field:
    """One value that each record of a model has.

    `operators` are those that the backend answers *exactly*; the core does the others itself.
    `readable`, `creatable`, `updatable` say what can be done at all; policy can only take away.
    """

    name: str
    type: FieldType
    native: str = ""  # the backend's own name of the type
    nullable: bool = True
    default: str | None = None  # an expression of the backend, or a text for people; None: no default
    generated: bool = False  # the backend makes the value
    max_length: int | None = None
    enum: tuple[str, ...] = ()
    item: FieldType | None = None  # what an array holds
    comment: str = ""
    operators: frozenset[Op] = frozenset()
    paths: bool = False  # the backend filters, sorts and selects inside the JSON value
    texts: bool = False  # the backend filters by the text of the value, whatever its type
    sortable: bool = False
    groupable: bool = False
    readable: bool = True
    creatable: bool = True
    updatable: bool = True


class Cardinality(StrEnum):
    """How many records stand at the far end of a relation, seen from here."""

    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    ONE_TO_ONE = "one-to-one"
    MANY_TO_MANY = "many-to-many"


@dataclass(frozen=True, slots=True)
class Junction:
    """The model in the middle of a many-to-many relation."""

    model: str
    near: tuple[str, ...]  # its fields that refer to our side
    far: tuple[str, ...]  # its fields that refer to the other side
    near_constraint: str = ""
    far_constraint: str = ""
    resource: str = ""  # empty: that of the model on our side


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from one model to another; `fields[i]` here equals `target_fields[i]` there."""

    name: str  # the name of the constraint, or of the entry in plugins.toml
    fields: tuple[str, ...]
    target: str
    target_fields: tuple[str, ...]
    cardinality: Cardinality
    target_resource: str = ""  # empty: the model's own
    junction: Junction | None = None
    self_referring: bool = False
    owns_key: bool = True  # one-to-one only: the reference stands on our side


class Boolean(Enum):
    """What shape of filter a backend takes in one question."""

    NONE = "none"
    CONJUNCTION = "conjunction"
    DNF = "dnf"  # an `or` of conjunctions, at most `max_disjunctions`
    FULL = "full"  # and, or, not, at any depth


class Paging(Enum):
    """How a backend walks through many records."""

    WHOLE = "whole"  # it gives all of them at once
    CURSOR = "cursor"
    OFFSET = "offset"


class Literals(Enum):
    """In what form an adapter wants the values of conditions and records."""

    TYPED = "typed"  # Python values by the field's type: the core converts, and refuses what does not fit
    NATIVE = "native"  # as the caller wrote them: the backend converts, and refuses by its own rules


class WriteBy(Enum):
    """How a backend finds the records that it changes."""

    FILTER = "filter"
    KEY = "key"  # the core reads the keys first


class Precondition(Enum):
    """Whether a backend can tell versions of a record apart."""

    NONE = "none"
    ETAG = "etag"


class RuleKind(Enum):
    """The forms of rules on what can be asked together."""

    FORBID_TOGETHER = "forbid-together"
    REQUIRE_WITH = "require-with"
    AT_MOST = "at-most"


@dataclass(frozen=True, slots=True)
class Term:
    """Something that a rule speaks of: a field, an operator, or both; `order` = being sorted by, one way or any."""

    field: str | None = None
    op: Op | None = None
    order: bool = False
    descending: bool | None = None  # of an order; None: either way


@dataclass(frozen=True, slots=True)
class Rule:
    """What a backend does not take in one question.

    FORBID_TOGETHER: not all of `terms` at once. REQUIRE_WITH: the first only with one of the others.
    AT_MOST: no more than `limit` of conditions and orders that match any term.
    """

    kind: RuleKind
    terms: tuple[Term, ...]
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model's backend does exactly and in one call; the core finishes the rest within bounds.

    Batch sizes are records per call; 0 means that the backend cannot do it at all.
    """

    boolean: Boolean = Boolean.NONE
    max_disjunctions: int = 1
    max_in: int | None = None  # values in one `in`; None: any number
    rules: tuple[Rule, ...] = ()
    sort_terms: int | None = 0  # None: any number
    paging: Paging = Paging.WHOLE
    max_page: int | None = 1_000  # records per page, where it pages; None: any number
    max_offset: int | None = None
    counts: bool = False  # exact totals with a read
    selects: bool = False  # returns exactly the columns asked for, with paths, casts and aliases
    encodes: bool = False  # can hand out JSON bytes
    streams: bool = False  # can hand out a large read piece by piece
    embeds: bool = False  # answers a read together with what is nested in it, where all of it is its own
    aggregates: bool = False  # counts, sums and groups
    key_batch: int = 0  # records per look-up by key
    create_batch: int = 0
    update_batch: int = 0
    delete_batch: int = 0
    write_by: WriteBy = WriteBy.KEY
    atomic: bool = False  # one operation is applied whole or not at all, whatever its size within a batch
    upserts: bool = False
    returns: bool = False  # a write gives back the records
    precondition: Precondition = Precondition.NONE
    idempotent_create: bool = False  # a repeated create with the same idempotency key is applied once
    literals: Literals = Literals.TYPED
    unit_cost: float = 0.0  # what one call costs of the backend's quota
    freshness: float = 0.0  # seconds that an answer may lag behind


@dataclass(frozen=True, slots=True)
class Action:
    """A verb beside those that every model has, done to one record: refund, finalize, cancel.

    `fields` are its inputs. `confirm`: it cannot be undone, so whoever offers it to people should ask first.
    """

    name: str
    fields: tuple[Field, ...] = ()
    comment: str = ""
    confirm: bool = False

    @property
    def by_name(self) -> Mapping[str, Field]:
        """The inputs by their names."""
        return {each.name: each for each in self.fields}


@dataclass(frozen=True, slots=True)
class Model:
    """An addressable set of records: a table, a worksheet, an object type, a collection.

    `uniques` are the sets of fields that tell records apart beside the key: targets of an upsert.
    `backstage` fields are hidden from the caller; only the row scope may speak of them.
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    resource: str = ""  # filled in by the registry
    namespace: str = ""  # where a backend has several: the schema
    uniques: tuple[tuple[str, ...], ...] = ()
    relations: tuple[Relation, ...] = ()
    comment: str = ""
    kind: str = "table"
    capabilities: Capabilities = Capabilities()
    backstage: tuple[Field, ...] = ()
    actions: tuple[Action, ...] = ()
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False, hash=False)
    hashed: int = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        index = MappingProxyType({each.name: each for each in self.fields})
        object.__setattr__(self, "by_name", index)
        known = (self.resource, self.name, self.fields, self.key, self.capabilities, self.backstage)
        identity = (*known, self.actions)
        object.__setattr__(self, "hashed", hash(identity))

    def __hash__(self) -> int:
        return self.hashed

    def field(self, name: str) -> Field:
        """Return the field of that name, or raise UnknownName as PostgreSQL words it."""
        found = self.by_name.get(name)
        if found is None:
            raise UnknownName(
                f"column {self.name}.{name} does not exist",
                code="42703",
                hint=f"fields: {', '.join(self.by_name)}",
            )
        return found

    def any_field(self, name: str) -> Field:
        """Return the field of that name, backstage ones included: for the row scope."""
        found = self.by_name.get(name)
        return found if found is not None else next(each for each in self.backstage if each.name == name)

    @property
    def readable(self) -> tuple[Field, ...]:
        """The fields that an answer may carry."""
        return tuple(each for each in self.fields if each.readable)


def models_by_name(models: Iterable[Model]) -> Mapping[str, Model]:
    """Index models; the caller has made sure that names are unique."""
    return MappingProxyType({model.name: model for model in models})
