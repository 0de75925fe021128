"""The keys of writes in the store, for a day each."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.layers.keyed import Entry, Slot, State, Try
from bridge_core.store.batches import Batches
from bridge_core.store.engine import Store
from bridge_core.store.owners import is_gone, this_process
from bridge_core.store.tables import IDEMPOTENCY

KEPT: Final = 24 * 3600.0  # seconds
TIDY_EVERY: Final = 3600.0
NOBODY: Final = ""

_C: Final = IDEMPOTENCY.c
_LONGEST: Final = 300  # characters of a principal


class StoreMemory:
    """Keeps keys in the store. Whoever changes a row names the try that owns it, so one that was overtaken cannot."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """Take a clock of seconds since 1970."""
        self._store = store
        self._batches = Batches(store)
        self._clock = clock
        self._process = this_process()
        self._tidied = float("-inf")

    async def begin(self, slot: Slot, request: str, mine: Try) -> Entry | None:
        """Keep that a try begins and return None, or return what is there already; see `Memory`."""
        now = self._clock()
        if now - self._tidied > TIDY_EVERY:
            self._tidied = now
            await self._forget(_C.created < now - KEPT)
        fresh = {"request_hash": request, "state": State.STARTED.value, "tokens": [], "created": now}
        row = {**_named(slot), **fresh, "minted": mine.minted, **self._owned(mine)}
        while True:
            if (await self._batches.run(self._store.insert_new(IDEMPOTENCY).values(row))).rows:
                return None
            found = await self._found(slot)
            if found is not None:
                return found

    async def take_over(self, slot: Slot, owner: str, mine: Try) -> Entry | None:
        """Make a try of somebody else one's own; see `Memory`."""
        taken = update(IDEMPOTENCY).where(*_at(slot), _C.owner == owner, _C.state == State.STARTED.value)
        row = (await self._batches.run(taken.values(self._owned(mine)).returning(IDEMPOTENCY))).first
        return None if row is None else self._entry(row)

    async def witness(self, slot: Slot, mine: Try, tokens: Sequence[str], answer: bytes) -> bool:
        """Keep what will prove the outcome; see `Memory`."""
        return await self._change(slot, mine, {"tokens": list(tokens), "answer": answer})

    async def finish(self, slot: Slot, mine: Try, state: State, answer: bytes | None) -> None:
        """Keep the outcome; see `Memory`."""
        await self._change(slot, mine, {"state": state.value, "answer": answer})

    async def leave(self, slot: Slot, mine: Try) -> None:
        """Let others find out what became of the try; see `Memory`."""
        await self._change(slot, mine, {"owner": NOBODY})

    async def forget(self, slot: Slot, mine: Try) -> None:
        """Free the key; see `Memory`."""
        await self._forget(*_at(slot), _C.owner == mine.owner)

    async def _change(self, slot: Slot, mine: Try, values: Mapping[str, Any]) -> bool:
        ours = (*_at(slot), _C.owner == mine.owner, _C.state == State.STARTED.value)
        return (await self._batches.run(update(IDEMPOTENCY).where(*ours).values(values))).rows == 1

    async def _forget(self, *which: ColumnElement[bool]) -> None:
        await self._batches.run(delete(IDEMPOTENCY).where(*which))

    async def _found(self, slot: Slot) -> Entry | None:
        async with self._store.reading() as connection:
            row = (await connection.execute(select(IDEMPOTENCY).where(*_at(slot)))).one_or_none()
        if row is not None and row.created < self._clock() - KEPT:
            await self._forget(*_at(slot), _C.created == row.created)
            return None
        return None if row is None else self._entry(row)

    def _owned(self, mine: Try) -> Mapping[str, Any]:
        return {"owner": mine.owner, "process": self._process, "lease": self._clock() + mine.seconds}

    def _entry(self, row: Row[Any]) -> Entry:
        abandoned = row.owner == NOBODY or row.lease < self._clock() or is_gone(row.process)
        tokens = tuple(row.tokens)
        return Entry(row.request_hash, State(row.state), row.owner, row.minted, tokens, row.answer, abandoned)


def _named(slot: Slot) -> Mapping[str, str]:
    principal = slot.principal
    if len(principal) > _LONGEST:
        principal = hashlib.sha256(principal.encode("utf-8", "surrogatepass")).hexdigest()
    return {"principal": principal, "key": slot.key, "resource": slot.resource}


def _at(slot: Slot) -> tuple[ColumnElement[bool], ...]:
    return tuple(_C[name] == value for name, value in _named(slot).items())
