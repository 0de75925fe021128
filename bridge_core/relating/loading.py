"""Load records by the values of some fields: each value once in a request, in as few questions as the backend takes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from bridge_core.errors import Refused
from bridge_core.operations import Key, Page, Read, Record
from bridge_core.query import Slice, both
from bridge_core.relating.abilities import Batch, Way, batch_of
from bridge_core.relating.keys import Keys

T = TypeVar("T")
Reading = Callable[[Read], Awaitable[Page]]

AT_ONCE: Final = 8  # questions of one relation
_ALL: Final[Key] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A loaded record, and its place in the order in which they came."""

    question: int
    place: int
    record: Record


class Loader:
    """The records of one far end. `names` are those under which its records carry the fields."""

    def __init__(self, read: Reading, template: Read, keys: Keys, names: tuple[str, ...], allowed: int) -> None:
        self._read = read
        self._template = template
        self._keys = keys
        self._names = names
        self._allowed = allowed
        self._batch = batch_of(template.model, keys.fields)
        self._asked: dict[Key, asyncio.Future[None]] = {}
        self._found: dict[Key, list[Placed]] = {}
        self._questions = self._records = 0

    async def load(self, wanted: Mapping[Key, Key]) -> None:
        """Make sure that the records with these keys are there; the values are what the backend is asked for."""
        if self._batch.way is Way.SCAN:
            wanted = dict.fromkeys(wanted and [_ALL], _ALL)  # whatever is wanted, all of them are read, once
        new = {rank: values for rank, values in wanted.items() if rank not in self._asked}
        waiting = {self._asked[rank] for rank in wanted if rank in self._asked}
        if new:
            await self._fetch(new)
        for each in waiting:
            await asyncio.shield(each)

    def found(self, rank: Key) -> Sequence[Placed]:
        """Return the loaded records with a key, in their order."""
        return self._found.get(rank, ())

    async def _fetch(self, new: Mapping[Key, Key]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.update(dict.fromkeys(new, done))
        try:
            await together([self._ask(part) for part in batches(self._batch, list(new.values()))])
        except BaseException as failure:
            done.set_exception(failure if isinstance(failure, Exception) else asyncio.CancelledError())
            done.exception()  # whoever else waits for it is told; nobody has to
            raise
        done.set_result(None)

    async def _ask(self, values: Sequence[Key]) -> None:
        number = self._questions
        self._questions += 1
        asked = question(self._template, self._keys, self._batch, values, self._allowed)
        page = await self._read(asked)
        self._records += len(page.records)
        if self._records > self._allowed and self._template.window == Slice():
            raise too_many(self._template, self._allowed)
        for place, record in enumerate(page.records):
            taken = self._keys.taken(record, self._names)
            if taken is not None:
                self._found.setdefault(taken[0], []).append(Placed(number, place, record))


def batches(batch: Batch, values: Sequence[Key]) -> list[Sequence[Key]]:
    """Part keys into those that go into one question each."""
    if batch.way is Way.SCAN:
        return [values] if values else []
    return [values[start : start + batch.size] for start in range(0, len(values), batch.size)]


def question(template: Read, keys: Keys, batch: Batch, values: Sequence[Key], allowed: int) -> Read:
    """Return the read of the records with one of these keys, and of one more than may be read."""
    window = template.window if template.window != Slice() else Slice(0, allowed + 1)
    match batch.way:
        case Way.KEYS:
            return replace(template, keys=keys.in_order_of_key(values), window=window)
        case Way.FILTER:
            return replace(template, scope=both(keys.filter(values), template.scope), window=window)
        case Way.SCAN:
            return replace(template, window=window)


def too_many(read: Read, allowed: int) -> Refused:
    """Say that related records are more than may be read."""
    return Refused(
        f"more than {allowed} related records of {read.model.name!r} would have to be read to embed them",
        hint="ask for fewer records, filter the embedded ones, or raise the bound with Prefer: max-scan=N",
    )


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await several calls, some at once; the first failure ends the others and is raised as it is."""
    every = list(calls)
    if len(every) == 1:
        return [await every[0]]
    places = asyncio.Semaphore(AT_ONCE)

    async def placed(call: Coroutine[Any, Any, T]) -> T:
        async with places:
            return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(placed(call)) for call in every]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
