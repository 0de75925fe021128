"""Level 5: a failure is an error, never a short answer; and whoever leaves a call leaves nothing behind."""

import asyncio
from dataclasses import replace
from typing import Final

from bridge_core.errors import BridgeError, Outcome, Rejected
from bridge_core.operations import Create, Read
from bridge_core.query import After, Slice
from bridge_core.schema import Model, Paging
from bridge_core.testing.bench import Bench, difference, must
from bridge_core.testing.check import on_models
from bridge_core.testing.levels import declared
from bridge_core.testing.levels.news import added_by, new_records, removed_again

_LATER: Final = (0, 1, 2)  # how many calls to the backend succeed before one fails
_ENDS_WITHIN: Final = 5.0  # seconds
_MOMENTS: Final = (0, 1, 2, 5)  # turns of the event loop after which a call is left


async def a_failing_backend_is_an_error(bench: Bench, model: Model) -> None:
    """While the backend fails, a read raises an error of the contract; afterwards it answers as before."""
    everything = await bench.everything(model)
    assert bench.subject.failing is not None  # declared.faults
    with bench.subject.failing(0):
        error = await _error_of(bench, Read(model))
    must(error is not None, f"{model.name}: the backend fails, and a read succeeds")
    found = await bench.walked(Read(model))
    wrong = difference(model, found, everything)
    must(not wrong, f"{model.name}: after a failure the model {wrong}")


async def a_failure_later_on_is_no_short_list(bench: Bench, model: Model) -> None:
    """When the backend fails between pages, or within a read, no answer is shorter than it should be."""
    everything = await bench.everything(model)
    assert bench.subject.failing is not None  # declared.faults
    for after in _LATER:
        with bench.subject.failing(after):
            try:
                found = await bench.walked(Read(model), size=max(1, len(everything) // 4))
            except BridgeError:
                continue
        wrong = difference(model, found, everything)
        must(not wrong, f"{model.name}: the backend failed after {after} calls, and the answer {wrong}")


async def a_write_to_a_failing_backend_tells_its_outcome(bench: Bench, model: Model) -> None:
    """A write that meets a failure raises; what it says of its outcome is what came of it."""
    assert bench.subject.failing is not None  # declared.faults
    for after in _LATER:
        before = await bench.everything(model)
        outcome = Outcome.APPLIED
        with bench.subject.failing(after):
            records = new_records(bench, model, 1)
            try:
                await bench.write(Create(model, records, tuple(records[0])))
            except BridgeError as error:
                outcome = error.outcome
        added = await added_by(bench, model, before)
        possible = {Outcome.APPLIED: {1}, Outcome.NOT_APPLIED: {0}, Outcome.UNKNOWN: {0, 1}}[outcome]
        must(
            len(added) in possible, f"{model.name}: the outcome is said to be {outcome.value}, {len(added)} came of it"
        )
        await removed_again(bench, model, added)


async def a_call_can_be_left(bench: Bench, model: Model) -> None:
    """A cancelled read ends at once and is an end for nobody else: the next one answers in full."""
    everything = await bench.everything(model)
    for turns in _MOMENTS:
        task = asyncio.ensure_future(bench.adapter.read(first_page(Read(model), len(everything))))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.cancel():  # it was still under way
            await asyncio.wait([task], timeout=_ENDS_WITHIN)
            must(task.cancelled(), f"{model.name}: a cancelled read goes on, or raises something else: {task!r}")
        found = await bench.walked(Read(model))
        wrong = difference(model, found, everything)
        must(not wrong, f"{model.name}: after a cancelled read the model {wrong}")


async def a_write_can_be_left(bench: Bench, model: Model) -> None:
    """A cancelled create is there whole or not at all, and the next one works."""
    for turns in _MOMENTS:
        before = await bench.everything(model)
        size = min(model.capabilities.create_batch, 3)
        records = new_records(bench, model, size)
        task = asyncio.ensure_future(bench.write(Create(model, records, tuple(records[0]))))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=_ENDS_WITHIN)
        await asyncio.gather(task, return_exceptions=True)
        again = new_records(bench, model, 1)
        await bench.write(Create(model, again, tuple(again[0])))
        added = await added_by(bench, model, before)
        whole = (len(added) - 1) % size == 0 or not model.capabilities.atomic  # an earlier one may be applied late
        must(whole, f"{model.name}: of cancelled batches of {size}, {len(added) - 1} records are there")
        await removed_again(bench, model, added)


async def a_cursor_of_nobody_is_refused(bench: Bench, model: Model) -> None:
    """A cursor that the adapter never gave is refused as the caller's mistake, not answered with something."""
    try:
        await bench.read(Read(model, window=After("no-such-cursor", 1)))
    except Rejected:
        return
    must(holds=False, otherwise=f"{model.name}: a cursor that was never given is answered")


def first_page(op: Read, limit: int) -> Read:
    """Ask for the first page in the way that the model pages."""
    can = op.model.capabilities
    size = max(1, min(limit, can.max_page or limit))
    match can.paging:
        case Paging.WHOLE:
            return op
        case Paging.CURSOR:
            return replace(op, window=After(None, size))
        case Paging.OFFSET:
            return replace(op, window=Slice(0, size))


async def _error_of(bench: Bench, op: Read) -> BridgeError | None:
    try:
        await bench.read(first_page(op, 10))
    except BridgeError as error:
        return error
    return None


CHECKS: Final = (
    on_models(5, a_failing_backend_is_an_error, declared.faults),
    on_models(5, a_failure_later_on_is_no_short_list, declared.faults),
    on_models(5, a_write_to_a_failing_backend_tells_its_outcome, declared.faults, declared.creates, declared.deletes),
    on_models(5, a_call_can_be_left),
    on_models(5, a_write_can_be_left, declared.creates, declared.deletes),
    on_models(5, a_cursor_of_nobody_is_refused, declared.cursors),
)
