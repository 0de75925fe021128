"""The opened adapter on the bench: every call watched, every answer brought to values."""

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Final, TypeVar

from bridge_core.adapter import Adapter, AdapterContext
from bridge_core.call import deadline
from bridge_core.config import Place, validated
from bridge_core.errors import BridgeError
from bridge_core.operations import Create, Delete, Key, Page, Part, Read, Record, Update, Written
from bridge_core.query import WHOLE, After, Order, Slice
from bridge_core.schema import Model, Paging
from bridge_core.testing.pulse import Pulse
from bridge_core.testing.subject import Subject
from bridge_core.upstream import Threads

A = TypeVar("A")

RESOURCE: Final = "subject"
PLACE: Final = Place(FilePath("plugins.toml"), ("resources", RESOURCE))
_PAGE: Final = 500
_MOST: Final = 20_000  # records of a model
_THREADS: Final = 8
_IN_A_ROW: Final = 3
_SURELY: Final = 10  # times as long as allowed
_FIRST: Final = 1_000_000  # numbers of new records: above those that are there, within 32 bits
_LAST: Final = 2_000_000_000
_ANSWER_WITHIN: Final = 30.0  # seconds


class Broken(AssertionError):
    """The adapter does not do what it declares, or what every adapter does."""


class Inapplicable(Exception):
    """The adapter declares what a check needs, and yet the check finds nothing to try it on."""


def must(holds: bool, otherwise: str) -> None:
    """Raise Broken unless it holds."""
    if not holds:
        raise Broken(otherwise)


class Bench:
    """An opened adapter, and its models as the adapter described them."""

    def __init__(self, subject: Subject, adapter: Adapter, models: Mapping[str, Model], pulse: Pulse) -> None:
        self.subject = subject
        self.adapter = adapter
        self.models = models
        self._pulse = pulse
        self._seen: dict[str, list[Record]] = {}
        self._slow: dict[str, int] = {}  # calls in a row that held the event loop
        self._number = random.randrange(_FIRST, _LAST)  # noqa: S311 - another run finds other numbers free

    def numbers(self, how_many: int) -> range:
        """Return numbers that were not given out before: for new records."""
        first, self._number = self._number, self._number + how_many
        return range(first, first + how_many)

    async def described(self) -> Sequence[Model]:
        """Describe."""
        return await self.watched("describe", self.adapter.describe)

    async def read(self, op: Read) -> Page:
        """Read; check what is true of every page."""
        page = await self.watched("read", lambda: self.adapter.read(op))
        rows = _rows(page)
        must(page.rows is None or page.rows == len(rows), f"a page says {page.rows} rows and has {len(rows)}")
        window = op.window
        if window.limit is not None and Part.WINDOW not in page.unfinished:
            must(len(rows) <= window.limit, f"a page of {window.limit} was asked for, {len(rows)} records came")
        return replace(page, records=rows, rows=len(rows))

    async def write(self, op: Create | Update | Delete) -> Written:
        """Write."""
        self._seen.pop(op.model.name, None)
        match op:
            case Create():
                written = await self.watched("create", lambda: self.adapter.create(op))
            case Update():
                written = await self.watched("update", lambda: self.adapter.update(op))
            case Delete():
                written = await self.watched("delete", lambda: self.adapter.delete(op))
        if written.page is None:
            return written
        rows = _rows(written.page)
        return replace(written, page=replace(written.page, records=rows, rows=len(rows)))

    async def watched(self, verb: str, call: Callable[[], Awaitable[A]]) -> A:
        """Make a call with the pulse felt; raise Broken where it held the event loop."""
        self._pulse.reset()
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                return await call()
        except TimeoutError:
            raise Broken(f"{verb} did not end within {_ANSWER_WITHIN:.0f} s") from None
        except (BridgeError, Broken):
            raise
        except Exception as error:
            told = "".join(traceback.format_exception(error)[-4:])
            raise Broken(f"{verb} raised what is no error of the contract:\n{told}") from error
        finally:
            self._must_beat(verb)

    async def everything(self, model: Model) -> list[Record]:
        """Return every record of a model, read by its own paging; remembered until it is written to."""
        found = self._seen.get(model.name)
        if found is None:
            found = self._seen[model.name] = await self.walked(Read(model))
        return found

    async def walked(self, op: Read, size: int = _PAGE) -> list[Record]:
        """Return all records of a question that can be reached, page by page."""
        can = op.model.capabilities
        size = min(size, can.max_page or size)
        match can.paging:
            case Paging.WHOLE:
                return list((await self.read(replace(op, window=WHOLE))).records)
            case Paging.CURSOR:
                return await self._by_cursor(op, size)
            case Paging.OFFSET:
                return await self._by_offset(op, size)

    async def _by_cursor(self, op: Read, size: int) -> list[Record]:
        found: list[Record] = []
        cursors: set[str] = set()
        cursor: str | None = None
        while len(found) <= _MOST:
            page = await self.read(replace(op, window=After(cursor, size)))
            found.extend(page.records)
            cursor = page.cursor
            if cursor is None:
                return found
            must(cursor not in cursors, f"the cursor {cursor!r} came twice: the pages never end")
            cursors.add(cursor)
        raise _too_many(op.model)

    async def _by_offset(self, op: Read, size: int) -> list[Record]:
        found: list[Record] = []
        can = op.model.capabilities
        furthest = _MOST if can.max_offset is None else can.max_offset
        while len(found) <= furthest:
            page = await self.read(replace(op, window=Slice(len(found), size)))
            found.extend(page.records)
            if len(page.records) < size:
                return found
        if can.max_offset is None:
            raise _too_many(op.model)
        last = await self.read(replace(op, window=Slice(furthest, can.max_page)))
        return [*found[:furthest], *last.records]

    def _must_beat(self, verb: str) -> None:
        """Judge by several calls: one alone can be the machine's fault, unless it took very long."""
        held, allowed = self._pulse.held(), self.subject.longest_hold
        self._slow[verb] = self._slow.get(verb, 0) + 1 if held > allowed else 0
        for_sure = self._slow[verb] >= _IN_A_ROW or held > allowed * _SURELY
        must(not for_sure, f"L6: {verb} held the event loop for {held:.2f} s; {allowed:.2f} s are allowed")


@asynccontextmanager
async def opened(subject: Subject) -> AsyncIterator[Bench]:
    """Open the subject for one check, and close it."""
    pulse = Pulse()
    async with pulse.beating():
        adapter = await connected(subject)
        try:
            described = await adapter.describe()
            models = {each.name: replace(each, resource=RESOURCE) for each in described}
            wanted = models if subject.models is None else subject.models
            unknown = [name for name in wanted if name not in models]
            must(not unknown, f"there is no model {', '.join(unknown)}; there are: {', '.join(models)}")
            yield Bench(subject, adapter, {name: models[name] for name in wanted}, pulse)
        finally:
            await adapter.close()


async def connected(subject: Subject) -> Adapter:
    """Open the adapter as the bridge would."""
    options = validated(subject.plugin.settings, subject.settings, PLACE)
    context = AdapterContext(RESOURCE, Threads(_THREADS), time.monotonic, deadline)
    return await subject.plugin.connect(options, context)


def key_of(model: Model, record: Record) -> Key:
    """Return the key of a record."""
    return tuple(record.get(name) for name in model.key)


def identity(model: Model, record: Record) -> str:
    """Return what tells a record from others: its key, or all of it where there is none."""
    return repr(key_of(model, record)) if model.key else shown(record)


def identities(model: Model, records: Sequence[Record]) -> Counter[str]:
    """Count records by what tells them apart."""
    return Counter(identity(model, record) for record in records)


def difference(model: Model, found: Sequence[Record], expected: Sequence[Record]) -> str:
    """Say in a few words how two sets of records differ; nothing: they don't."""
    here, there = identities(model, found), identities(model, expected)
    lacking, extra = list((there - here).elements()), list((here - there).elements())
    parts = [f"lacks {_few(lacking)}"] * bool(lacking) + [f"has {_few(extra)} too much"] * bool(extra)
    return " and ".join(parts)


def shown(record: Record) -> str:
    """Return all of a record as text, in which every digit counts."""
    return repr(sorted(record.items()))


def terms(order: Sequence[Order]) -> str:
    """Write an order as the REST dialect does."""
    return ",".join(
        f"{term.path.field}.{'desc' if term.descending else 'asc'}" + (f".{term.nulls.value}" if term.nulls else "")
        for term in order
    )


def _too_many(model: Model) -> Broken:
    return Broken(f"{model.name} has more than {_MOST} records, or never ends: give the kit a smaller one")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _rows(page: Page) -> list[Record]:
    must(page.stream is None and page.encoded is None, "a page is JSON where records were asked for")
    return list(page.records)
