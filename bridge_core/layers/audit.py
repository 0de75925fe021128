"""Leave a record of every write: who, what, which records, and what became of it. Reads pass untouched."""

import itertools
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from bridge_core.call import Call, Handler, Layer, in_time
from bridge_core.errors import BridgeError, Outcome
from bridge_core.operations import Act, Answer, Create, Delete, Page, Read, Record, Update, Write, Written, verb_of
from bridge_core.query import And, Condition, Filter, Not, Or, Slice
from bridge_core.schema import Model

MAX_RECORDS: Final = 50
MAX_TEXT: Final = 500
MAX_KNOWN: Final = 10_000  # fields
HIDDEN: Final = "***"

_SECRET: Final = re.compile(
    r"passw|secret|token|api_?key|private_?key|credential|salt|otp|cvc|cvv|iban|ssn", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known before a write is tried."""

    request_id: str
    at: float
    subject: str
    roles: tuple[str, ...]
    resource: str
    model: str
    verb: str
    asked: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known afterwards. `changes` holds, per record, its key and its fields before and after, where known."""

    request_id: str
    at: float
    outcome: Outcome
    affected: int | None = None
    changes: Sequence[Mapping[str, Any]] = ()
    error: str | None = None


class Trail(Protocol):
    """Where records are kept."""

    async def begin(self, begun: Begun) -> None:
        """Keep the record of a write that is about to be tried; when this returns, it will survive a crash."""
        ...

    def end(self, ended: Ended) -> None:
        """Add what became of it, soon. Until then, and after a crash, the record shows as pending."""
        ...


@dataclass(frozen=True, slots=True)
class Redaction:
    """Which values are left out: fields that sound like secrets, and those that are configured.

    A configured name is `field`, or `resource.model.field`.
    """

    names: frozenset[str] = field(default_factory=frozenset)
    _known: dict[tuple[str, str, str], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def hides(self, model: Model, name: str) -> bool:
        """Tell whether values of a field are never recorded."""
        place = (model.resource, model.name, name)
        known = self._known.get(place)
        if known is None:
            known = _SECRET.search(name) is not None or name in self.names or ".".join(place) in self.names
            if len(self._known) < MAX_KNOWN:
                self._known[place] = known
        return known


def audit(trail: Trail, redaction: Redaction, clock: Callable[[], float], *, before: bool = False) -> Layer:
    """Record writes; stands inside of `authorize`, so what is recorded is what was executed.

    A write that cannot be recorded is not tried. With `before`, records are read before they are changed.
    """
    numbers = _numbers()

    def layer(inner: Handler) -> Handler:
        async def handle(call: Call) -> Answer:
            operation = call.operation
            if isinstance(operation, Read):
                return await inner(call)
            number = next(numbers)
            seen: Sequence[Record] = ()
            try:
                await in_time(call, trail.begin(_begun(number, clock(), call, operation, redaction)))
                seen = await _present(inner, call, operation) if before else ()
                answer = await inner(call)
            except BaseException as error:  # a cancelled write has an outcome too: it is not known
                trail.end(_failed(number, clock(), error))
                raise
            changes = tuple(_changes(operation, answer, seen, redaction))
            trail.end(_ended(number, clock(), answer, changes))
            return answer

        return handle

    return layer


def _numbers() -> Iterator[str]:
    """Yield names for records. They begin with the time, so that they stand together in an index as they came."""
    ours = os.urandom(6).hex()
    for count in itertools.count():
        yield f"{time.time_ns():016x}{ours}{count & 0xFFFF:04x}"


def _begun(number: str, at: float, call: Call, operation: Write | Act, redaction: Redaction) -> Begun:
    model, who = operation.model, call.principal
    asked = {**_asked(operation, redaction), **({"dry_run": True} if operation.options.dry_run else {})}
    return Begun(number, at, who.subject, who.roles, model.resource, model.name, verb_of(operation).value, asked)


def _ended(number: str, at: float, answer: Answer, changes: Sequence[Mapping[str, Any]]) -> Ended:
    if isinstance(answer, Page):
        return Ended(number, at, Outcome.APPLIED)
    return Ended(number, at, answer.outcome, answer.affected, changes)


def _failed(number: str, at: float, error: BaseException) -> Ended:
    if isinstance(error, BridgeError):
        return Ended(number, at, error.outcome, error=error.code)
    return Ended(number, at, Outcome.UNKNOWN, error=type(error).__name__)


def _asked(operation: Write | Act, redaction: Redaction) -> Mapping[str, Any]:
    model = operation.model
    match operation:
        case Create(records=records):
            shown = [_shown(model, record, redaction) for record in records[:MAX_RECORDS]]
            return {"records": shown, "count": len(records)}
        case Update(values=values):
            return {"set": _shown(model, values, redaction), "where": _written(model, operation.where, redaction)}
        case Delete():
            return {"where": _written(model, operation.where, redaction)}
        case Act(action=action, values=values):
            key = dict(zip(model.key, operation.key, strict=True))
            return {
                "action": action.name,
                "key": _shown(model, key, redaction),
                "with": _shown(model, values, redaction),
            }


async def _present(inner: Handler, call: Call, operation: Write | Act) -> Sequence[Record]:
    """Read what is about to change, as the caller may see it."""
    if isinstance(operation, Create | Act):
        return ()
    window = Slice(limit=MAX_RECORDS)
    wanted = Read(operation.model, where=operation.where, scope=operation.scope, keys=operation.keys, window=window)
    page = await inner(Call(wanted, call.principal, call.deadline))
    return page.records if isinstance(page, Page) else ()


def _changes(
    operation: Write | Act, answer: Answer, seen: Sequence[Record], redaction: Redaction
) -> Iterable[Mapping[str, Any]]:
    """Pair what was there with what is there now, by key where the model has one."""
    model = operation.model
    after = _known_after(answer)
    keyed = {_key(model, record): record for record in after}
    for record in seen[:MAX_RECORDS]:
        now = keyed.pop(_key(model, record), None) if model.key else None
        yield _change(model, record, now or (operation.values if isinstance(operation, Update) else None), redaction)
    for record in list(keyed.values())[:MAX_RECORDS]:
        yield _change(model, None, record, redaction)


def _known_after(answer: Answer) -> Sequence[Record]:
    if not isinstance(answer, Written):
        return ()
    page = answer.page.records if answer.page is not None else ()
    return page or answer.keys


def _change(model: Model, before: Record | None, after: Record | None, redaction: Redaction) -> Mapping[str, Any]:
    known = before if before is not None else after or {}
    change: dict[str, Any] = {"key": _shown(model, {name: known.get(name) for name in model.key}, redaction)}
    if before is None:
        return change | {"after": _shown(model, after or {}, redaction)}
    changed = {name for name in after if after[name] != before.get(name)} if after is not None else set(before)
    change["before"] = _shown(model, {name: before.get(name) for name in changed}, redaction)
    if after is not None:
        change["after"] = _shown(model, {name: after[name] for name in changed}, redaction)
    return change


def _key(model: Model, record: Record) -> tuple[str, ...]:
    return tuple(str(record.get(name)) for name in model.key) or (str(id(record)),)


def _shown(model: Model, record: Record, redaction: Redaction) -> dict[str, Any]:
    return {name: HIDDEN if redaction.hides(model, name) else _plain(value) for name, value in record.items()}


def _plain(value: object) -> object:
    match value:
        case str() if len(value) <= MAX_TEXT and value.isascii() and "\0" not in value:
            return value
        case None | bool() | int() | float():
            return value if value == value else str(value)  # noqa: PLR0124 - NaN is no JSON
        case bytes():
            return f"<{len(value)} bytes>"
        case _:
            text = str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
            return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... ({len(text)} characters)"


def _written(model: Model, term: Filter, redaction: Redaction) -> str:
    """Write a filter as people read one."""
    match term:
        case Condition(path, op, value):
            shown = HIDDEN if redaction.hides(model, path.field) else _plain(value)
            return f"{path.field}.{op.value}.{shown}"
        case Not(inner):
            return f"not.{_written(model, inner, redaction)}"
        case And(terms):
            return f"and({','.join(_written(model, each, redaction) for each in terms)})"
        case Or(terms):
            return f"or({','.join(_written(model, each, redaction) for each in terms)})"
