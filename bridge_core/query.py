"""The words of a question: paths, filters, order, window, embeds. Frozen, hashable values without behaviour."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeAlias

Scalar: TypeAlias = object
"""A value in a condition: text as the caller wrote it, or a Python value of the field's type (see `values`)."""


class Op(StrEnum):
    """The operators of a condition, named as the REST dialect names them."""

    EQ = "eq"
    NEQ = "neq"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    LIKE = "like"  # value with % and _ as wildcards, \ escapes
    ILIKE = "ilike"
    MATCH = "match"  # regular expression of the backend
    IMATCH = "imatch"
    IN = "in"  # value: tuple of scalars
    IS = "is"  # value: an Is
    ISDISTINCT = "isdistinct"
    CONTAINS = "cs"
    CONTAINED = "cd"
    OVERLAPS = "ov"
    STRICTLY_LEFT = "sl"
    STRICTLY_RIGHT = "sr"
    NOT_EXTENDS_RIGHT = "nxr"
    NOT_EXTENDS_LEFT = "nxl"
    ADJACENT = "adj"
    FTS = "fts"  # `option` of the condition: the language
    PLFTS = "plfts"
    PHFTS = "phfts"
    WFTS = "wfts"


class Is(StrEnum):
    """What a value can be tested to be."""

    NULL = "null"
    NOT_NULL = "not_null"
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Quantifier(Enum):
    """How a condition with several values holds: for any of them, or for all."""

    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Step:
    """One step into a JSON value: by key, or by index (negative ones count from the end).

    `text` is the `->>` of the dialect: the value as text. Only the last step may have it.
    """

    key: str | int
    text: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A field, and the way into its JSON value where there is one.

    With `text`, the value is meant as its text, whatever its type. With `embed`, the field is one of the related
    record that the embed of that name leads to; without a field, the path stands for the related records themselves,
    which can only be tested to be there or not.
    """

    field: str
    steps: tuple[Step, ...] = ()
    embed: str | None = None
    text: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. With a quantifier, and for `in`, the value is a tuple."""

    path: Path
    op: Op
    value: Scalar
    quantifier: Quantifier | None = None
    option: str | None = None  # the language of a text search


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold; without terms: true."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some term holds; without terms: false."""

    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold; unknown stays unknown."""

    term: "Filter"


Filter: TypeAlias = Condition | And | Or | Not

EVERYTHING: Filter = And(())
NOTHING: Filter = Or(())


def both(left: Filter, right: Filter) -> Filter:
    """Return the filter that holds where both hold, without needless nesting."""
    if left == EVERYTHING:
        return right
    if right == EVERYTHING:
        return left
    return And((left, right))


def conditions(term: Filter) -> Iterator[Condition]:
    """Yield every condition in a filter, left to right."""
    match term:
        case Condition():
            yield term
        case Not(inner):
            yield from conditions(inner)
        case And(terms) | Or(terms):
            for each in terms:
                yield from conditions(each)


class Nulls(StrEnum):
    """Where records without a value stand in an order."""

    FIRST = "nullsfirst"
    LAST = "nullslast"


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order. Without `nulls`: last when ascending, first when descending.

    With `computed`, the path names an aggregate of the answer by its key there.
    """

    path: Path
    descending: bool = False
    nulls: Nulls | None = None
    computed: bool = False

    @property
    def nulls_first(self) -> bool:
        """Tell whether records without a value come first."""
        return self.descending if self.nulls is None else self.nulls is Nulls.FIRST


@dataclass(frozen=True, slots=True)
class Slice:
    """A window by position; `limit=None` means to the end."""

    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class After:
    """A window by cursor: the next `limit` records after the place where an earlier page ended.

    `cursor=None` is the start. A cursor is opaque: only the adapter that gave it can read it.
    """

    cursor: str | None
    limit: int


Window: TypeAlias = Slice | After

WHOLE: Slice = Slice()


class Aggregate(StrEnum):
    """What can be computed from the values of many records."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


class Unit(StrEnum):
    """The spans of time that moments can be put together by."""

    MICROSECOND = "microsecond"
    MILLISECOND = "millisecond"
    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


ROWS: Path = Path("")
"""The path of a count of records, rather than of values."""


@dataclass(frozen=True, slots=True)
class Column:
    """One value of the answer: where it comes from, its type if it is cast, its name if it is renamed.

    With an aggregate, it is computed from all records that agree in the columns without one; `cast` applies before,
    `result_cast` after. With a unit, a date or timestamp of a group stands for the beginning of its span of time, in
    the zone of the read.
    """

    path: Path
    alias: str | None = None
    cast: str | None = None
    aggregate: Aggregate | None = None
    result_cast: str | None = None
    unit: Unit | None = None

    @property
    def name(self) -> str:
        """Return the key in the answer: the alias, the aggregate, or the last key of the path that is no index."""
        if self.alias is not None:
            return self.alias
        if self.aggregate is not None:
            return self.aggregate.value
        keys = (step.key for step in reversed(self.path.steps))
        return next((key for key in keys if isinstance(key, str)), self.path.field)


class Counting(StrEnum):
    """How the total of a read is counted."""

    NONE = "none"
    PLANNED = "planned"  # the backend's guess
    ESTIMATED = "estimated"  # exact where it is cheap, else the guess
    EXACT = "exact"
