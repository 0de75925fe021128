"""An adapter that lies in one way at a time, to show that the conformance kit finds it out."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bridge_core.adapter import Adapter
from bridge_core.errors import BridgeError, Conflict, Outcome, Rejected
from bridge_core.evaluate import matches
from bridge_core.operations import Create, Delete, Key, Page, Read, Record, Update, Write, Written, page_of
from bridge_core.query import Condition, Op, Path, Slice, both
from bridge_core.schema import Model
from bridge_core.testing.lies import ANSWERED, ASKED, DESCRIBED, SENT, SORTED, VALUES, WRITTEN, Lie, in_order, whole

SECRET: Final = "correct-horse"  # noqa: S105 - it opens nothing
_HOLD: Final = 0.3  # seconds
_TAKES: Final = 10  # records in a batch, where fewer are taken than declared


class Hostile:
    """A correct adapter, and one lie.

    It asks its inner adapter for what it should not, and answers what was not asked.
    """

    def __init__(self, inner: Adapter, lie: Lie | None) -> None:
        self._inner = inner
        self._lie = lie
        self._turn = False
        self._asked: Read | None = None
        self._left: list[asyncio.Task[None]] = []
        self.note = SECRET if lie is Lie.SHOWS_SECRETS else ""

    async def describe(self) -> Sequence[Model]:
        """Describe."""
        described = await self._inner.describe()
        self._turn = not self._turn
        change = DESCRIBED.get(self._lie) if self._lie else None
        models = [change(each) if change else each for each in described]
        return models[::-1] if self._lie is Lie.UNSTABLE and self._turn else models

    async def read(self, op: Read, /) -> Page:
        """Read."""
        try:
            await self._before(op)
            return self._bent(op, await self._answer(op))
        except BridgeError:
            later = isinstance(op.window, Slice) and op.window.offset > 0
            if self._lie is Lie.SWALLOWS or (self._lie is Lie.SHORT_LIST and later):
                return page_of([])
            raise

    async def create(self, op: Create, /) -> Written:
        """Create."""
        match self._lie:
            case Lie.NOT_ATOMIC | Lie.SILENT_PART | Lie.LEFT_HALFWAY if len(op.records) > 1:
                return await self._one_by_one(op)
            case Lie.OVERWRITES if op.upsert is None:
                return await self._overwriting(op)
            case Lie.APPLIES_NOTHING:
                return Written(len(op.records), len(op.records))
            case Lie.SWALLOWS_WRITES:
                return await self._trusting(op)
            case _:
                return await self._written(op)

    async def update(self, op: Update, /) -> Written:
        """Update."""
        many = op.keys or (op.where.value if isinstance(op.where, Condition) and op.where.op is Op.IN else ())
        if self._lie is Lie.SMALL_BATCHES and isinstance(many, tuple) and len(many) > _TAKES:
            raise Rejected("too many records")
        stale = await self._records(op) if self._lie is Lie.STALE and op.options.returning is not None else None
        written = await self._written(op)
        return written if stale is None else replace(written, page=page_of(stale))

    async def delete(self, op: Delete, /) -> Written:
        """Delete."""
        written = await self._written(op)
        if self._lie is Lie.DELETES_MORE:
            await self._delete_another(op)
        return written

    async def close(self) -> None:
        """Close."""
        if self._lie is Lie.LEAKS:
            self._left.append(asyncio.ensure_future(asyncio.sleep(60)))
        await self._inner.close()

    async def _before(self, op: Read) -> None:
        if self._lie is Lie.BLOCKS:
            time.sleep(_HOLD)  # noqa: ASYNC251 - that is the lie
        self._asked = op
        for _ in range(2 if self._lie in (Lie.GOES_ON, Lie.MIXES_UP) else 0):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                if self._lie is not Lie.GOES_ON:
                    raise

    async def _answer(self, op: Read) -> Page:
        ask = ASKED.get(self._lie) if self._lie else None
        asked = ask(op) if ask else op
        if self._lie is Lie.MIXES_UP and self._asked is not None:
            asked = self._asked
        if self._lie is Lie.HIDDEN:
            described = await self._inner.describe()
            asked = replace(op, model=next(each for each in described if each.name == op.model.name))
        if self._lie in SORTED or (self._lie is Lie.SORTS_THE_PAGE and op.order):
            asked = whole(op)
        if self._lie is Lie.SORTS_THE_PAGE and op.order:
            asked = replace(op, order=())
        return await self._inner.read(asked)

    def _bent(self, op: Read, page: Page) -> Page:
        if self._lie is not None and self._lie in SORTED:
            return in_order(op, page, SORTED[self._lie])
        if self._lie is Lie.SORTS_THE_PAGE and op.order:
            return in_order(replace(op, window=Slice()), page, str)
        change, value = (ANSWERED.get(self._lie), VALUES.get(self._lie)) if self._lie else (None, None)
        if value is not None and page.encoded is None:
            records = [{name: value(each) for name, each in record.items()} for record in page.records]
            return replace(page, records=records)
        return change(op, page) if change else page

    async def _written(self, op: Write) -> Written:
        if self._lie is Lie.BLOCKS_WRITES:
            time.sleep(_HOLD)  # noqa: ASYNC251 - that is the lie
        change = SENT.get(self._lie) if self._lie else None
        match change(op) if change else op:
            case Create() as sent:
                written = await self._inner.create(sent)
            case Update() as sent:
                written = await self._inner.update(sent)
            case Delete() as sent:
                written = await self._inner.delete(sent)
        tell = WRITTEN.get(self._lie) if self._lie else None
        return tell(op, written) if tell else written

    async def _one_by_one(self, op: Create) -> Written:
        for record in op.records:
            try:
                await self._inner.create(replace(op, records=[record]))
            except Rejected:
                if self._lie is Lie.NOT_ATOMIC:
                    raise
            if self._lie is Lie.LEFT_HALFWAY:
                await asyncio.sleep(0)
        return Written(len(op.records), len(op.records))

    async def _overwriting(self, op: Create) -> Written:
        try:
            return await self._inner.create(op)
        except Conflict:
            keys: tuple[Key, ...] = tuple(tuple(each[name] for name in op.model.key) for each in op.records)
            await self._inner.delete(Delete(op.model, self._filter(op.model, keys[0])))
            return await self._inner.create(op)

    async def _trusting(self, op: Create) -> Written:
        try:
            return await self._inner.create(op)
        except BridgeError:
            return Written(len(op.records), len(op.records))

    async def _records(self, op: Update | Delete) -> list[Record]:
        found = await self._inner.read(Read(op.model, where=both(op.scope, op.where)))
        return list(found.records)

    async def _delete_another(self, op: Delete) -> None:
        rest = await self._inner.read(Read(op.model))
        spared = [each for each in rest.records if not matches(op.model, op.where, each)]
        key = tuple(spared[0][name] for name in op.model.key)
        await self._inner.delete(Delete(op.model, self._filter(op.model, key)))

    def _filter(self, model: Model, key: Key) -> Condition:
        return Condition(Path(model.key[0]), Op.EQ, key[0])


class HostileNotary(Hostile):
    """A liar whose backend can tell what became of a write: it tries each one before it is final."""

    def __init__(self, inner: Adapter, lie: Lie | None) -> None:
        super().__init__(inner, lie)
        self._outcomes: dict[str, Outcome] = {}

    async def outcome_of(self, token: str, /) -> Outcome | None:
        """Return what became of a write."""
        return self._outcomes.get(token)

    async def create(self, op: Create, /) -> Written:
        """Create, if the witness lets it be."""
        witness, plain = op.options.witness, replace(op, options=replace(op.options, witness=None))
        if witness is None or self._lie is Lie.NO_WITNESS:
            return await super().create(plain)
        token = str(len(self._outcomes))
        self._outcomes[token] = Outcome.NOT_APPLIED
        tried = await super().create(replace(plain, options=replace(plain.options, dry_run=True)))
        try:
            await witness(token, tried)
        except BridgeError:
            if self._lie is Lie.DEAF:
                await super().create(plain)
            raise
        self._outcomes[token] = Outcome.APPLIED
        return await super().create(plain)
