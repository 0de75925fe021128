"""What is kept of a keyed write, and where: its request, its state, what proves its outcome, its answer."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from bridge_core.errors import Conflict, Outcome
from bridge_core.operations import Act, Create, Delete, Embed, Page, Record, Update, Write, Written
from bridge_core.query import Column, Path
from bridge_core.schema import Model
from bridge_core.values import decode_json, encode, from_json


class State(StrEnum):
    """How far a keyed write has come."""

    STARTED = "started"
    DONE = "applied"
    UNKNOWN = "unknown"  # and it stays so


@dataclass(frozen=True, slots=True)
class Slot:
    """Whose key it is, and where: two callers, or two resources, may use the same one."""

    principal: str
    resource: str
    key: str


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a write: its name, the key that the backend gets, and the seconds that it may take at most."""

    owner: str
    minted: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an earlier try. `abandoned`: nobody works on it any more."""

    request: str
    state: State
    owner: str
    minted: str
    tokens: tuple[str, ...] = ()
    answer: bytes | None = None
    abandoned: bool = False


class Memory(Protocol):
    """Where keys are kept for a day; what a method has done when it returns survives a crash."""

    async def begin(self, slot: Slot, request: str, mine: Try) -> Entry | None:
        """Keep that a try begins and return None, or return what is there already."""
        ...

    async def take_over(self, slot: Slot, owner: str, mine: Try) -> Entry | None:
        """Make a try of somebody else one's own and return what is known of it; None: somebody was quicker."""
        ...

    async def witness(self, slot: Slot, mine: Try, tokens: Sequence[str], answer: bytes) -> bool:
        """Keep what will prove the outcome; False: the try was taken over, and must not be applied."""
        ...

    async def finish(self, slot: Slot, mine: Try, state: State, answer: bytes | None) -> None:
        """Keep the outcome, if the try is still one's own."""
        ...

    async def leave(self, slot: Slot, mine: Try) -> None:
        """Let others find out what became of the try."""
        ...

    async def forget(self, slot: Slot, mine: Try) -> None:
        """Free the key: nothing was applied."""
        ...


class _Kept(msgspec.Struct, array_like=True):
    """An answer as bytes."""

    affected: int
    inserted: int
    outcome: str
    failures: dict[int, str] | None = None
    keys: bytes = b"[]"
    records: bytes | None = None
    rows: int | None = None
    total: int | None = None
    sight: str = ""  # what its caller could see of the records


def fingerprint(op: Write | Act) -> str:
    """Return what tells one request from another: everything that the caller said, and nothing that policy added."""
    said: list[object] = [type(op).__name__, op.model.resource, op.model.name]
    body: Sequence[Record] = ()
    match op:
        case Create():
            body = op.records
            said += [op.columns, op.missing, op.upsert]
        case Update():
            body = [op.values]
            said += [op.where, op.defaults, op.keys]
        case Delete():
            said += [op.where, op.keys]
        case Act():
            body = [op.values]
            said += [op.action.name, op.key]
    said += [replace(op.options, key=None, witness=None, embeds=()), *map(_nested, op.options.embeds)]
    return hashlib.sha256(repr(said).encode("utf-8", "surrogatepass") + encode(body)).hexdigest()


def packed(answer: Written, op: Write | Act) -> bytes:
    """Turn an answer into bytes."""
    page = answer.page
    records = None if page is None else page.encoded or encode(page.records, op.options.timezone)
    kept = _Kept(
        answer.affected,
        answer.inserted,
        answer.outcome.value,
        dict(answer.failures) if answer.failures else None,
        encode(answer.keys),
        records,
        page.rows if page is not None else None,
        page.total if page is not None else None,
        _sight(op) if page is not None else "",
    )
    return msgspec.msgpack.encode(kept)


def unpacked(answer: bytes | None, op: Write | Act) -> Written:
    """Turn bytes into the answer that they were, marked as a replay.

    Raise Conflict where it holds records, and the caller may see others, or others of their fields, than they did then.
    """
    assert answer is not None  # what is done has an answer
    kept = msgspec.msgpack.decode(answer, type=_Kept)
    if kept.records is not None and kept.sight != _sight(op):
        raise Conflict(
            "the first request with this Idempotency-Key was applied, but what you may see has changed since then",
            code="BRG409A",
            hint="read the records",
            outcome=Outcome.APPLIED,
        )
    page = None
    if kept.records is not None and op.options.encoded:
        page = Page(encoded=kept.records, rows=kept.rows, total=kept.total)
    elif kept.records is not None:
        page = Page(_records(op.model, op.options.returning or (), kept.records), rows=kept.rows, total=kept.total)
    keys = _records(op.model, (), kept.keys)
    outcome = Outcome(kept.outcome)
    return Written(kept.affected, kept.inserted, page, keys, outcome, kept.failures, replayed=True)


def told(answer: bytes) -> Outcome:
    """Return the outcome that an answer speaks of."""
    return Outcome(msgspec.msgpack.decode(answer, type=_Kept).outcome)


def _nested(embed: Embed) -> tuple[object, ...]:
    """Return what a caller said of an embed: without its models, which policy narrows, and whose sets have no order."""
    read = embed.read
    way = (embed.name, embed.relation, embed.inner, embed.spread, embed.shown)
    return (*way, read.select, read.where, read.order, read.window, *map(_nested, read.embeds))


def _sight(op: Write | Act) -> str:
    """Return what tells one view of the records of a write from another: its fields and its rows."""
    views: list[object] = [[field.name for field in op.model.readable], op.scope]
    views += map(_view, op.options.embeds)
    return hashlib.sha256(repr(views).encode("utf-8", "surrogatepass")).hexdigest()


def _view(embed: Embed) -> tuple[object, ...]:
    fields = [field.name for field in embed.read.model.readable]
    return (fields, embed.read.scope, embed.junction_scope, *map(_view, embed.read.embeds))


def _records(model: Model, select: Sequence[Column], body: bytes) -> list[Record]:
    columns = select or [Column(Path(field.name)) for field in (*model.fields, *model.backstage)]
    plain = (column for column in columns if column.cast is None and not column.path.steps)
    fields = {column.name: model.any_field(column.path.field) for column in plain}
    decoded: Any = decode_json(body)
    return [_record(fields, record) for record in decoded]


def _record(fields: Mapping[str, Any], record: Mapping[str, object]) -> Record:
    return {name: from_json(fields[name], value) if name in fields else value for name, value in record.items()}
