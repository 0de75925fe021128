"""What can be asked of a resource, as frozen values; and what comes back.

A surface makes an operation, layers wrap it, the router carries it, an adapter performs it. `scope` is what policy
adds: records outside of it do not exist for this operation.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from bridge_core.errors import Outcome, Rejected, Unacceptable
from bridge_core.query import EVERYTHING, WHOLE, Column, Counting, Filter, Order, Window
from bridge_core.schema import Action, Model, Relation

Record: TypeAlias = Mapping[str, object]
Key: TypeAlias = tuple[object, ...]


class Verb(StrEnum):
    """The kinds of operations, as policy names them."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ACT = "act"


class Part(Enum):
    """The parts of a read that an adapter may leave to the core."""

    WHERE = "where"
    ORDER = "order"
    WINDOW = "window"
    SELECT = "select"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Read:
    """Find records.

    `select` empty means every readable field, or none where something is embedded. With `keys`, only the records with
    those keys are wanted, in any order, and `where` still holds. With `encoded`, the caller would take JSON bytes
    instead of records.
    """

    model: Model
    select: tuple[Column, ...] = ()
    where: Filter = EVERYTHING
    scope: Filter = EVERYTHING
    order: tuple[Order, ...] = ()
    window: Window = WHOLE
    count: Counting = Counting.NONE
    keys: tuple[Key, ...] | None = None
    encoded: bool = False
    timezone: str | None = None
    max_scan: int | None = None  # records that the caller lets the core read beyond those it returns
    embeds: tuple["Embed", ...] = ()
    versions: bool = False  # the caller would know the versions of the records
    having: Filter = EVERYTHING  # of groups: its paths name columns of the answer
    fresh: bool = False  # what an adapter has kept of earlier answers will not do


@dataclass(frozen=True, slots=True)
class Embed:
    """A nested read along a relation.

    `name` is its key in the answer, and the `embed` of paths in filters and orders. The answer holds one object or
    null where the far end is one record, else an array. `inner`: records without related ones are left out. `spread`:
    its values stand among those of the record itself. Not `shown`: it only filters and orders. `junction` is the model
    in the middle of a many-to-many relation, and `junction_scope` its row scope.
    """

    name: str
    relation: Relation
    read: Read
    inner: bool = False
    spread: bool = False
    shown: bool = True
    junction: Model | None = None
    junction_scope: Filter = EVERYTHING


@dataclass(frozen=True, slots=True)
class Affected:
    """How many records a write may touch; outside of these bounds it is not applied."""

    least: int = 0
    most: int | None = None
    singular: bool = False  # the bounds come from a caller who wants exactly one object

    def hold(self, affected: int) -> None:
        """Raise unless so many records may be touched; the write is then not applied."""
        if self.least <= affected and (self.most is None or affected <= self.most):
            return
        if self.singular:
            raise Unacceptable(
                "Cannot coerce the result to a single JSON object",
                code="PGRST116",
                details=f"The result contains {affected} rows",
            )
        raise Rejected(
            "Query result exceeds max-affected preference constraint",
            code="PGRST124",
            details=f"The query affects {affected} rows",
        )


ANY_NUMBER = Affected()


class Missing(Enum):
    """What a field gets that a new record does not name."""

    NULL = "null"
    DEFAULT = "default"


class Resolution(Enum):
    """What to do with a new record whose key is already there."""

    MERGE = "merge-duplicates"
    IGNORE = "ignore-duplicates"


@dataclass(frozen=True, slots=True)
class Upsert:
    """Update or skip, instead of failing, when a record with the same `target` fields exists."""

    resolution: Resolution
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What all writes have in common.

    `returning` None: no records are wanted back; empty: every readable field. `dry_run`: do it, answer, undo it.
    `key`: the caller's idempotency key; an adapter gets one that the bridge minted for it. `etags`: versions that the
    record may have. `witness` is for adapters that are `Transactions`.
    """

    returning: tuple[Column, ...] | None = None
    order: tuple[Order, ...] = ()
    affected: Affected = ANY_NUMBER
    encoded: bool = False
    dry_run: bool = False
    timezone: str | None = None
    key: str | None = None
    etags: tuple[str, ...] | None = None
    max_scan: int | None = None
    embeds: tuple[Embed, ...] = ()  # what is nested in the records that are wanted back
    witness: "Witness | None" = field(default=None, compare=False, repr=False)


PLAIN = WriteOptions()


@dataclass(frozen=True, slots=True)
class Create:
    """Add records. `columns` are the fields that are set; a record that lacks one gets what `missing` says.

    `check` is what every new record must satisfy (policy).
    """

    model: Model
    records: Sequence[Record]
    columns: tuple[str, ...]
    missing: Missing = Missing.NULL
    upsert: Upsert | None = None
    scope: Filter = EVERYTHING
    check: Filter = EVERYTHING
    options: WriteOptions = PLAIN


@dataclass(frozen=True, slots=True)
class Update:
    """Set `values` in the records that match; each of them must satisfy `check` afterwards."""

    model: Model
    values: Record
    where: Filter
    defaults: tuple[str, ...] = ()  # fields that are set to the backend's default
    scope: Filter = EVERYTHING
    check: Filter = EVERYTHING
    keys: tuple[Key, ...] | None = None
    options: WriteOptions = PLAIN


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the records that match, but only those within scope."""

    model: Model
    where: Filter
    scope: Filter = EVERYTHING
    keys: tuple[Key, ...] | None = None
    options: WriteOptions = PLAIN


@dataclass(frozen=True, slots=True)
class Act:
    """Do one of a model's actions to the record with this key, if it is within scope."""

    model: Model
    action: Action
    key: Key
    values: Record
    scope: Filter = EVERYTHING
    options: WriteOptions = PLAIN


Write: TypeAlias = Create | Update | Delete
Operation: TypeAlias = Read | Write | Act


def verb_of(operation: Operation) -> Verb:
    """Name the kind of an operation."""
    match operation:
        case Read():
            return Verb.READ
        case Create():
            return Verb.CREATE
        case Update():
            return Verb.UPDATE
        case Delete():
            return Verb.DELETE
        case Act():
            return Verb.ACT


@dataclass(frozen=True, slots=True)
class Page:
    """Records that answer a read, as values, as one JSON array, or as pieces of one.

    `rows` is the number of records here (None while they still stream). `unfinished` names the parts of the
    operation that the adapter left undone. `cursor` continues after the last record; None: there are no more.
    `age` is how old the answer may be, in seconds. `etags` are the versions of the records, where they were wanted.
    """

    records: Sequence[Record] = ()
    encoded: bytes | None = None
    stream: AsyncIterator[bytes] | None = None
    rows: int | None = 0
    total: int | None = None
    cursor: str | None = None
    unfinished: frozenset[Part] = frozenset()
    age: float = 0.0
    etags: Sequence[str] | None = None


def page_of(records: Sequence[Record], *, total: int | None = None, cursor: str | None = None) -> Page:
    """Make a page of records."""
    return Page(records=records, rows=len(records), total=total, cursor=cursor)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write.

    `affected` records were changed, `inserted` of them are new. `page` holds them where they were wanted back;
    `keys` are theirs where the backend can tell. `failures` says which records of a batch were not applied, by
    position, where nothing atomic exists. `replayed`: this is the answer to an earlier try under the same key.
    """

    affected: int
    inserted: int = 0
    page: Page | None = None
    keys: Sequence[Record] = ()
    outcome: Outcome = Outcome.APPLIED
    failures: Mapping[int, str] | None = None
    replayed: bool = False


Answer: TypeAlias = Page | Written
Witness: TypeAlias = Callable[[str, Written], Awaitable[None]]
"""Takes down the token of a write, and the answer to it, before the write becomes final.

An answer whose outcome is unknown is that of one of several calls: the token does not speak for the others.
"""
