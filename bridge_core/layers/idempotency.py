"""Do a write once under the key that its caller gave it, and answer every later try as the first one.

What is about to be tried is kept before it is tried. After a crash, or a lost answer, the next try with the key finds
out what became of it: from the backend where that can tell (`Transactions`), by trying again where the backend itself
honours keys, and else it says that nobody knows. It never tries again in the dark.
"""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from bridge_core.adapter import Transactions
from bridge_core.call import Call, Handler, Layer, in_time
from bridge_core.errors import BridgeError, Conflict, Outcome, Refused, Saturated, Unavailable
from bridge_core.layers.keyed import Entry, Memory, Slot, State, Try, fingerprint, packed, told, unpacked
from bridge_core.operations import Act, Answer, Create, Read, Write, Written

_log = logging.getLogger(__name__)

GRACE: Final = 10.0  # seconds that a try may go on behind its deadline before others believe it dead

Lookup = Callable[[str], Transactions | None]
"""Resource -> its adapter, if that can tell what became of a write."""


def idempotency(memory: Memory | None, lookup: Lookup, clock: Callable[[], float] = time.monotonic) -> Layer:
    """Honour the keys of writes; stands inside of `authorize`, so that a replay needs the right as well.

    Reads, writes without a key, and writes that are undone anyway pass as if nothing stood here.
    """

    def layer(inner: Handler) -> Handler:
        once = None if memory is None else _Once(memory, lookup, inner, clock)

        def handle(call: Call) -> Awaitable[Answer]:
            operation = call.operation
            if isinstance(operation, Read) or operation.options.key is None or operation.options.dry_run:
                return inner(call)
            if once is None:
                raise Refused(
                    "this bridge keeps no keys of writes", hint="name a [store], or leave Idempotency-Key out"
                )
            return once.handle(call, operation, operation.options.key)

        return handle

    return layer


@dataclass(slots=True)
class _Progress:
    """What the backend has let us know of one try so far."""

    tokens: list[str] = field(default_factory=list)
    answer: Written | None = None


class _Once:
    """The keyed writes of one bridge."""

    def __init__(self, memory: Memory, lookup: Lookup, inner: Handler, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._lookup = lookup
        self._inner = inner
        self._clock = clock
        self._under_way: set[Slot] = set()

    async def handle(self, call: Call, op: Write | Act, key: str) -> Answer:
        """Do the write, or answer as before, or say why not."""
        slot = Slot(call.principal.subject, op.model.resource, key)
        if slot in self._under_way:
            raise _in_progress()
        self._under_way.add(slot)
        try:
            return await self._decided(call, op, slot)
        finally:
            self._under_way.discard(slot)

    async def _decided(self, call: Call, op: Write | Act, slot: Slot) -> Answer:
        request = fingerprint(op)
        name = uuid.uuid4().hex
        mine = Try(name, name, max(0.0, call.deadline - self._clock()) + GRACE)
        known = await in_time(call, self._memory.begin(slot, request, mine), self._clock)
        if known is None:
            return await self._tried(call, op, slot, mine)
        if known.request != request:
            raise Refused(
                "this Idempotency-Key was used for another request", code="BRG422K", hint="use a new key for each write"
            )
        match known.state:
            case State.DONE:
                return unpacked(known.answer, op)
            case State.UNKNOWN:
                raise _nobody_knows()
            case State.STARTED if known.abandoned:
                return await self._resolved(call, op, slot, known, mine)
            case State.STARTED:
                raise _in_progress()

    async def _resolved(self, call: Call, op: Write | Act, slot: Slot, known: Entry, mine: Try) -> Answer:
        """Find out what became of a try that nobody works on any more, and go on from there."""
        taken = await self._memory.take_over(slot, known.owner, mine)
        if taken is None:  # somebody else does the same
            raise _in_progress()
        mine = replace(mine, minted=taken.minted)
        whole = told(taken.answer) is not Outcome.UNKNOWN if taken.answer else False
        try:
            outcome = await self._outcome(op, taken.tokens, whole=whole)
        except BaseException:
            await self._left(slot, mine)
            raise
        match outcome:
            case None:
                await self._left(slot, mine)
                raise _in_progress()
            case Outcome.APPLIED:
                await self._memory.finish(slot, mine, State.DONE, taken.answer)
                return unpacked(taken.answer, op)
            case Outcome.NOT_APPLIED:
                return await self._tried(call, op, slot, mine)
            case Outcome.UNKNOWN:
                await self._memory.finish(slot, mine, State.UNKNOWN, None)
                raise _nobody_knows()

    async def _outcome(self, op: Write | Act, tokens: tuple[str, ...], *, whole: bool) -> Outcome | None:
        """Ask the backend; `whole`: the last token speaks for the whole write, and not for one of several calls."""
        transactions = self._lookup(op.model.resource)
        if transactions is None:
            honoured = isinstance(op, Create | Act) and op.model.capabilities.idempotent_create
            return Outcome.NOT_APPLIED if honoured else Outcome.UNKNOWN  # honoured: trying again can do no harm
        outcomes = [await transactions.outcome_of(token) for token in tokens]
        if None in outcomes:
            return None
        *before, last = outcomes or [Outcome.NOT_APPLIED]  # what has no token was not applied, and cannot be any more
        if any(each is not Outcome.NOT_APPLIED for each in before) or not (last is Outcome.NOT_APPLIED or whole):
            return Outcome.UNKNOWN
        return last

    async def _tried(self, call: Call, op: Write | Act, slot: Slot, mine: Try) -> Answer:
        progress = _Progress()

        async def witness(token: str, answer: Written) -> None:
            progress.tokens.append(token)
            progress.answer = answer
            await self._taken_down(slot, mine, progress, op)

        options = replace(op.options, key=mine.minted, witness=witness)
        try:
            answer = await self._inner(replace(call, operation=replace(op, options=options)))
        except BridgeError as failure:
            if failure.outcome is Outcome.NOT_APPLIED:
                await self._forgotten(slot, mine)
                raise
            return await self._after(failure, call, op, slot, mine, progress)
        except BaseException:  # cancelled, or a fault of the adapter: the next try finds out
            await self._left(slot, mine)
            raise
        await self._kept(slot, mine, answer, op)
        return answer

    async def _taken_down(self, slot: Slot, mine: Try, progress: _Progress, op: Write | Act) -> None:
        assert progress.answer is not None  # it comes with the token
        try:
            ours = await self._memory.witness(slot, mine, tuple(progress.tokens), packed(progress.answer, op))
        except Unavailable as cause:  # the backend is not to blame
            raise Saturated(cause.message) from cause
        if not ours:
            raise Conflict("another try with the same Idempotency-Key has taken over", code="BRG409")

    async def _after(
        self, failure: BridgeError, call: Call, op: Write | Act, slot: Slot, mine: Try, progress: _Progress
    ) -> Answer:
        """Ask at once what became of a write whose answer was lost, if there is time."""
        outcome: Outcome | None = None
        askable = bool(progress.tokens) or self._lookup(op.model.resource) is not None
        if failure.outcome is Outcome.UNKNOWN and askable and call.deadline > self._clock():
            whole = progress.answer is not None and progress.answer.outcome is not Outcome.UNKNOWN
            try:
                outcome = await self._outcome(op, tuple(progress.tokens), whole=whole)
            except BridgeError as again:
                _log.info("what became of a write cannot be asked now: %s", again)
        match outcome:
            case Outcome.APPLIED if progress.answer is not None:
                await self._kept(slot, mine, progress.answer, op)
                return progress.answer
            case Outcome.NOT_APPLIED:
                await self._forgotten(slot, mine)
                failure.outcome = Outcome.NOT_APPLIED
            case _:
                await self._left(slot, mine)
        raise failure

    async def _kept(self, slot: Slot, mine: Try, answer: Answer, op: Write | Act) -> None:
        assert isinstance(answer, Written)  # a write is answered by what became of it
        try:
            await self._memory.finish(slot, mine, State.DONE, packed(answer, op))
        except BridgeError as failure:  # the write is done, and what proves it was kept: the caller shall know
            _log.warning("the answer to a keyed write could not be kept: %s", failure)

    async def _forgotten(self, slot: Slot, mine: Try) -> None:
        try:
            await self._memory.forget(slot, mine)
        except BridgeError as failure:
            _log.warning("a key stays used up although nothing was written: %s", failure)

    async def _left(self, slot: Slot, mine: Try) -> None:
        try:
            await self._memory.leave(slot, mine)
        except BridgeError as failure:
            _log.warning("a key stays in use for a while: %s", failure)


def _in_progress() -> Conflict:
    return Conflict(
        "a request with the same Idempotency-Key is in progress", code="BRG409", hint="send it again in a moment"
    )


def _nobody_knows() -> Conflict:
    return Conflict(
        "what became of the first request with this Idempotency-Key is not known",
        code="BRG409U",
        hint="look whether it was applied, then use a new key",
        outcome=Outcome.UNKNOWN,
    )
