"""Run the plan of a write, and say of every record what became of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bridge_core.adapter import Adapter
from bridge_core.arrange import ordered, shaped
from bridge_core.errors import BridgeError, Outcome, UpstreamFailed
from bridge_core.evaluate import predicate
from bridge_core.operations import (
    Act,
    Create,
    Delete,
    Key,
    Missing,
    Page,
    Read,
    Record,
    Resolution,
    Update,
    Upsert,
    Write,
    Written,
    page_of,
)
from bridge_core.planning.checks import check_changed, check_created, outside
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.reads import plan_read
from bridge_core.planning.run_reads import run_read, too_much
from bridge_core.planning.writes import answers_alone, batch_of, by_key, numbered, pushed, target_values
from bridge_core.query import EVERYTHING
from bridge_core.schema import Model

_NOT_TRIED = "not tried, because an earlier one failed"


async def run_write(adapter: Adapter, plan: Plan) -> Written:
    """Run the plan of a write."""
    op = plan.operation
    assert not isinstance(op, Read | Act)  # a write's plan
    match plan.strategy:
        case Strategy.DIRECT:
            return await _send(adapter, plan.sent[0])
        case Strategy.FIND:
            assert isinstance(op, Update | Delete)  # creates are never found first
            return await _found_and_written(adapter, plan, op)
        case Strategy.UPSERT:
            assert isinstance(op, Create)  # nothing else is an upsert
            return await _upserted(adapter, plan, op)
        case _:
            return await _sent_in_batches(adapter, plan, op)


@dataclass(slots=True)
class _Tally:
    """What has become of a write so far. Positions are those of the records in the request."""

    affected: int = 0
    inserted: int = 0
    records: list[Record] = field(default_factory=list)
    keys: list[Record] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    outcome: Outcome = Outcome.APPLIED

    def add(self, written: Written, positions: Sequence[int]) -> None:
        self.affected += written.affected
        self.inserted += written.inserted
        self.records.extend(written.page.records if written.page else ())
        self.keys.extend(written.keys)
        for at, message in (written.failures or {}).items():
            self.failures[positions[at]] = message
        if written.outcome is not Outcome.APPLIED:
            self.outcome = written.outcome

    def fail(self, error: BridgeError, positions: Iterable[int]) -> None:
        self.failures.update(dict.fromkeys(positions, error.message))
        if error.outcome is Outcome.UNKNOWN:
            self.outcome = Outcome.UNKNOWN


async def _each(adapter: Adapter, tally: _Tally, writes: Iterable[tuple[Write, Sequence[int]]]) -> None:
    """Send one write after the other; after a failure the rest is not tried. If nothing was applied, it is raised."""
    failed = False
    for write, positions in writes:
        if failed:
            tally.failures.update(dict.fromkeys(positions, _NOT_TRIED))
            continue
        try:
            tally.add(await _send(adapter, write), positions)
            failed = bool(tally.failures)
        except BridgeError as error:
            if not tally.affected:
                raise
            tally.fail(error, positions)
            failed = True


async def _send(adapter: Adapter, op: object) -> Written:
    match op:
        case Create():
            return await adapter.create(op)
        case Update():
            return await adapter.update(op)
        case Delete():
            return await adapter.delete(op)
        case _:
            raise AssertionError("only writes are sent here")


async def _sent_in_batches(adapter: Adapter, plan: Plan, op: Write) -> Written:
    if len(plan.sent) == 1 and answers_alone(op):
        return await _send(adapter, plan.sent[0])
    tally = _Tally()
    await _each(adapter, tally, _positioned(plan.sent))
    keys = [_key_in(op.model, record) for record in tally.keys]
    if isinstance(op, Create) and not keys and not tally.failures:
        keys = [_key_in(op.model, record) for record in op.records]
    return await _answer(adapter, plan, tally, keys)


def _positioned(sent: Iterable[object]) -> Iterator[tuple[Write, Sequence[int]]]:
    start = 0
    for each in sent:
        assert isinstance(each, Create | Update | Delete)  # a write's plan
        size = len(each.records) if isinstance(each, Create) else 1
        yield each, range(start, start + size)
        start += size


async def _found_and_written(adapter: Adapter, plan: Plan, op: Update | Delete) -> Written:
    assert plan.find is not None  # so the planner made it
    found = (await run_read(adapter, plan.find)).records
    if len(found) > plan.allowance:
        raise too_much(plan.find)
    op.options.affected.hold(len(found))
    if isinstance(op, Update):
        check_changed(op, found)
    keys = [_key_in(op.model, record) for record in found]
    tally = _Tally()
    size = batch_of(op)
    batches = [range(start, min(start + size, len(keys))) for start in range(0, len(keys), size)]
    writes: list[Write] = [by_key(op, [keys[at] for at in batch]) for batch in batches]
    if len(writes) > 1 or op.options.returning is not None:
        writes = [numbered(write, batch.start) for write, batch in zip(writes, batches, strict=True)]
    await _each(adapter, tally, zip(writes, batches, strict=True))
    applied = [at for at in range(len(keys)) if at not in tally.failures]
    if isinstance(op, Delete) and op.options.returning is not None and not op.model.capabilities.returns:
        tally.records = [found[at] for at in applied]
    after = [_moved(op, keys[at]) for at in applied]
    return await _answer(adapter, plan, tally, after)


def _moved(op: Update | Delete, key: Key) -> Key:
    """Return a key as it is after the write."""
    if not isinstance(op, Update):
        return key
    return tuple(op.values.get(name, part) for name, part in zip(op.model.key, key, strict=True))


async def _upserted(adapter: Adapter, plan: Plan, op: Create) -> Written:
    assert plan.find is not None  # so the planner made it
    assert op.upsert is not None  # as the strategy says
    assert isinstance(plan.find.operation, Read)  # what finds is a read
    found = (await run_read(adapter, plan.find)).records
    known, new = _sorted_out(op, op.upsert, found)
    merging = op.upsert.resolution is Resolution.MERGE
    op.options.affected.hold(len(new) + (len(known) if merging else 0))
    check_created(replace(op, records=[op.records[at] for at in new]))
    changes = [_change(op, at, record) for at, record in known.items()] if merging else []
    _must_be_ours(op, plan.find.operation.model, list(known.values()) if merging else [], changes)
    tally = _Tally()
    await _each(adapter, tally, _creates(op, new))
    keys = [_key_in(op.model, record) for record in tally.keys or [op.records[at] for at in new]]
    if tally.failures:
        tally.failures.update(dict.fromkeys(known if merging else (), _NOT_TRIED))
        return await _answer(adapter, plan, tally, [])
    places = list(known) if merging else []
    writes = [numbered(by_key(change, change.keys or ()), at) for at, change in zip(places, changes, strict=True)]
    await _each(adapter, tally, [(write, (at,)) for at, write in zip(places, writes, strict=True)])
    keys += [key for change in changes for key in change.keys or ()]
    return await _answer(adapter, plan, tally, keys)


def _sorted_out(op: Create, upsert: Upsert, found: Sequence[Record]) -> tuple[dict[int, Record], list[int]]:
    """Return which records of the request exist, with what is there now, and which are new."""
    there = {tuple(record.get(name) for name in upsert.target): record for record in found}
    known: dict[int, Record] = {}
    new: list[int] = []
    seen: set[tuple[object, ...]] = set()
    for at, values in enumerate(target_values(op, upsert.target)):
        if values is not None and values in seen:
            continue  # passed over: the first of them is there by then
        if values is None or values not in there:
            new.append(at)
        else:
            known[at] = there[values]
        seen |= set() if values is None else {values}
    return known, new


def _change(op: Create, at: int, record: Record) -> Update:
    """Return the update that brings a record of the request over the one that exists."""
    sent = op.records[at]
    unnamed = [name for name in op.columns if name not in sent]
    values = dict(sent) if op.missing is Missing.DEFAULT else {**sent, **dict.fromkeys(unnamed)}
    return Update(
        op.model,
        values,
        EVERYTHING,
        defaults=tuple(unnamed) if op.missing is Missing.DEFAULT else (),
        scope=op.scope,
        check=op.check,
        keys=(_key_in(op.model, record),),
        options=op.options,
    )


def _must_be_ours(op: Create, model: Model, found: Sequence[Record], changes: Sequence[Update]) -> None:
    """Raise Forbidden if an existing record lies outside of scope, or would leave it."""
    within = predicate(model, op.scope)
    if not all(within(record) is True for record in found):
        raise outside(op.model)
    for old, change in zip(found, changes, strict=True):
        check_changed(replace(change, model=model), (old,))


def _creates(op: Create, new: Sequence[int]) -> list[tuple[Write, Sequence[int]]]:
    size = op.model.capabilities.create_batch
    batches = [new[start : start + size] for start in range(0, len(new), size)]
    plain = replace(op, upsert=None)
    parts = [numbered(replace(plain, records=[op.records[at] for at in batch]), batch[0]) for batch in batches]
    return [(pushed(part, whole=False), batch) for part, batch in zip(parts, batches, strict=True)]


async def _answer(adapter: Adapter, plan: Plan, tally: _Tally, keys: Sequence[Key]) -> Written:
    op = plan.operation
    assert not isinstance(op, Read | Act)  # a write's plan
    page = None
    if op.options.returning is not None:
        try:
            page = await _returned(adapter, op, tally, keys, plan.allowance)
        except BridgeError as error:
            error.outcome = tally.outcome  # it was written: it only cannot be shown
            raise
    return Written(
        affected=tally.affected,
        inserted=tally.inserted,
        page=page,
        keys=[dict(zip(op.model.key, key, strict=True)) for key in keys] if op.model.key else [],
        outcome=tally.outcome,
        failures=tally.failures or None,
    )


async def _returned(adapter: Adapter, op: Write, tally: _Tally, keys: Sequence[Key], allowance: int) -> Page:
    """Return the written records: as the adapter gave them, or read back by key."""
    options, capabilities = op.options, op.model.capabilities
    columns = options.returning or ()
    if capabilities.returns or isinstance(op, Delete):
        records = ordered(op.model, tally.records, options.order)
        shape = shaped(op.model, columns, options.timezone)
        return page_of([shape(record) for record in records])
    if not keys:
        return page_of(())
    if not op.model.key or any(None in key for key in keys):
        raise UpstreamFailed(
            "the records were written, but the backend does not tell their keys, so they cannot be shown"
        )
    back = Read(op.model, columns, keys=tuple(keys), order=options.order)
    most = max(len(keys), allowance)
    return await run_read(adapter, plan_read(replace(back, timezone=options.timezone), Limits(most, most)))


def _key_in(model: Model, record: Record) -> Key:
    return tuple(record.get(name) for name in model.key)
