"""The keys of writes in the store, for a day each."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update

from bridge_core.layers.keyed import Entry, Slot, State, Try
from bridge_core.store.engine import Store
from bridge_core.store.owners import is_gone, this_process
from bridge_core.store.statements import Done, Encoded, Statement, as_json
from bridge_core.store.tables import IDEMPOTENCY

KEPT: Final = 24 * 3600.0  # seconds
TIDY_EVERY: Final = 3600.0
NOBODY: Final = ""

_C: Final = IDEMPOTENCY.c
_NONE: Final = Encoded("[]")
_LONGEST: Final = 300  # characters of a principal
_SLOT: Final = tuple(_C[name] == bindparam(f"at_{name}") for name in ("principal", "key", "resource"))
_OWNED: Final = _C.owner == bindparam("at_owner")
_OURS: Final = (*_SLOT, _OWNED, _C.state == bindparam("at_state"))
_FRESH: Final = ("request_hash", "state", "tokens", "created", "minted", "owner", "process", "lease")


def _set(*names: str) -> Mapping[str, Any]:
    return {name: bindparam(f"to_{name}") for name in names}


_TAKE: Final = Statement(
    update(IDEMPOTENCY).where(*_OURS).values(_set("owner", "process", "lease")).returning(IDEMPOTENCY)
)
_WITNESS: Final = Statement(update(IDEMPOTENCY).where(*_OURS).values(_set("tokens", "answer")))
_FINISH: Final = Statement(update(IDEMPOTENCY).where(*_OURS).values(_set("state", "answer")))
_LEAVE: Final = Statement(update(IDEMPOTENCY).where(*_OURS).values(_set("owner")))
_FORGET: Final = Statement(delete(IDEMPOTENCY).where(*_SLOT, _OWNED))
_FORGET_OLD: Final = Statement(delete(IDEMPOTENCY).where(*_SLOT, _C.created == bindparam("at_created")))
_FIND: Final = select(IDEMPOTENCY).where(*_SLOT)
_TIDY: Final = Statement(delete(IDEMPOTENCY).where(_C.created < bindparam("until")))


class StoreMemory:
    """Keeps keys in the store. Whoever changes a row names the try that owns it, so one that was overtaken cannot."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        """Take a clock of seconds since 1970."""
        self._store = store
        self._insert = Statement(store.insert_new(IDEMPOTENCY), ("principal", "key", "resource", *_FRESH))
        self._clock = clock
        self._process = this_process()
        self._tidied = float("-inf")

    async def begin(self, slot: Slot, request: str, mine: Try) -> Entry | None:
        """Keep that a try begins and return None, or return what is there already; see `Memory`."""
        now = self._clock()
        if now - self._tidied > TIDY_EVERY:
            self._tidied = now
            await self._run(_TIDY, {"until": now - KEPT})
        fresh = {"request_hash": request, "state": State.STARTED.value, "tokens": _NONE, "created": now}
        row = {**_named(slot), **fresh, "minted": mine.minted, **self._owned(mine)}
        while True:
            if (await self._run(self._insert, row)).rows:
                return None
            found = await self._found(slot)
            if found is not None:
                return found

    async def take_over(self, slot: Slot, owner: str, mine: Try) -> Entry | None:
        """Make a try of somebody else one's own; see `Memory`."""
        values = {**_at(slot), **_ours(owner), **_to(self._owned(mine))}
        row = (await self._run(_TAKE, values)).first
        return None if row is None else self._entry(row)

    async def witness(self, slot: Slot, mine: Try, tokens: Sequence[str], answer: bytes) -> bool:
        """Keep what will prove the outcome; see `Memory`."""
        return await self._change(_WITNESS, slot, mine, {"tokens": Encoded(as_json(list(tokens))), "answer": answer})

    async def finish(self, slot: Slot, mine: Try, state: State, answer: bytes | None) -> None:
        """Keep the outcome; see `Memory`."""
        await self._change(_FINISH, slot, mine, {"state": state.value, "answer": answer})

    async def leave(self, slot: Slot, mine: Try) -> None:
        """Let others find out what became of the try; see `Memory`."""
        await self._change(_LEAVE, slot, mine, {"owner": NOBODY})

    async def forget(self, slot: Slot, mine: Try) -> None:
        """Free the key; see `Memory`."""
        await self._run(_FORGET, {**_at(slot), "at_owner": mine.owner})

    async def _change(self, statement: Statement, slot: Slot, mine: Try, values: Mapping[str, Any]) -> bool:
        return (await self._run(statement, {**_at(slot), **_ours(mine.owner), **_to(values)})).rows == 1

    async def _run(self, statement: Statement, values: Mapping[str, Any]) -> Done:
        return await self._store.batches.run(statement, values)

    async def _found(self, slot: Slot) -> Entry | None:
        async with self._store.reading() as connection:
            row = (await connection.execute(_FIND, _at(slot))).mappings().one_or_none()
        if row is not None and row["created"] < self._clock() - KEPT:
            await self._run(_FORGET_OLD, {**_at(slot), "at_created": row["created"]})
            return None
        return None if row is None else self._entry(row)

    def _owned(self, mine: Try) -> Mapping[str, Any]:
        return {"owner": mine.owner, "process": self._process, "lease": self._clock() + mine.seconds}

    def _entry(self, row: Mapping[Any, Any]) -> Entry:
        abandoned = row["owner"] == NOBODY or row["lease"] < self._clock() or is_gone(row["process"])
        state, tokens = State(row["state"]), tuple(row["tokens"])
        return Entry(row["request_hash"], state, row["owner"], row["minted"], tokens, row["answer"], abandoned)


def _named(slot: Slot) -> Mapping[str, str]:
    principal = slot.principal
    if len(principal) > _LONGEST:
        principal = hashlib.sha256(principal.encode("utf-8", "surrogatepass")).hexdigest()
    return {"principal": principal, "key": slot.key, "resource": slot.resource}


def _at(slot: Slot) -> dict[str, Any]:
    return {f"at_{name}": value for name, value in _named(slot).items()}


def _ours(owner: str) -> dict[str, Any]:
    return {"at_owner": owner, "at_state": State.STARTED.value}


def _to(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"to_{name}": value for name, value in values.items()}
