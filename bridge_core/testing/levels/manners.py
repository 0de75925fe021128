"""Level 6: an adapter holds up nobody, takes no more than was declared, and gives everything back."""

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Final

from bridge_core.operations import Create, Read
from bridge_core.query import After, Slice
from bridge_core.schema import Model, Paging
from bridge_core.testing.bench import Bench, connected, difference, key_of, must
from bridge_core.testing.check import on_adapter, on_models, on_plugin
from bridge_core.testing.levels import declared
from bridge_core.testing.levels.faults import first_page
from bridge_core.testing.levels.news import (
    added_by,
    changed_value,
    deletes_of,
    new_records,
    removed_again,
    update_of,
)
from bridge_core.testing.subject import Subject

_AT_ONCE: Final = 20
_ROUNDS: Final = 3
_FILES: Final = FilePath("/proc/self/fd")
_GRACE: Final = 2.0  # seconds for threads and sockets to end after close


async def the_event_loop_is_never_held(bench: Bench) -> None:
    """No step of a read or a description keeps the event loop from others for longer than `longest_hold`."""
    for _ in range(_ROUNDS):
        await bench.described()
        for model in bench.models.values():
            await bench.walked(Read(model))


async def a_write_never_holds_the_event_loop(bench: Bench, model: Model) -> None:
    """No step of a create, an update or a delete keeps the event loop from others."""
    for _ in range(_ROUNDS):
        before = await bench.everything(model)
        records = new_records(bench, model, min(model.capabilities.create_batch, 10))
        await bench.write(Create(model, records, tuple(records[0])))
        added = await added_by(bench, model, before)
        values = changed_value(model, added[0]) if not declared.updates(bench, model) else {}
        op = update_of(model, added[:1], values) if values else None
        if op is not None:
            await bench.write(op)
        await removed_again(bench, model, added)


async def no_page_is_larger_than_declared(bench: Bench, model: Model) -> None:
    """A page has no more records than asked for, and the largest declared page can be asked for."""
    most = model.capabilities.max_page
    for size in {1, 2, most or 1_000}:
        by_cursor = model.capabilities.paging is Paging.CURSOR
        page = await bench.read(Read(model, window=After(None, size) if by_cursor else Slice(0, size)))
        must(len(page.records) <= size, f"{model.name}: {size} records were asked for, {len(page.records)} came")


async def many_calls_at_once_are_answered(bench: Bench, model: Model) -> None:
    """Many reads at once each get the whole answer."""
    everything = await bench.everything(model)
    if model.capabilities.key_batch and model.key and everything:
        keys = [key_of(model, everything[place % len(everything)]) for place in range(_AT_ONCE)]
        pages = await asyncio.gather(*(bench.adapter.read(Read(model, keys=(key,))) for key in keys))
        found = [tuple(key_of(model, record) for record in page.records) for page in pages]
        must(
            found == [(key,) for key in keys], f"{model.name}: of {_AT_ONCE} look-ups at once some get another's answer"
        )
        return
    op = first_page(Read(model), len(everything))
    expected = (await bench.read(op)).records
    for page in await asyncio.gather(*(bench.adapter.read(op) for _ in range(_AT_ONCE))):
        must(page.rows == len(expected), f"{model.name}: of {_AT_ONCE} reads at once one gives {page.rows} records")


async def the_declared_batches_are_taken(bench: Bench, model: Model) -> None:
    """A look-up, an update and a delete of as many records as declared are done in one call."""
    before = await bench.everything(model)
    can = model.capabilities
    size = min(100, max(can.update_batch, can.delete_batch, can.key_batch))
    for start in range(0, size, can.create_batch):
        records = new_records(bench, model, min(can.create_batch, size - start))
        await bench.write(Create(model, records, tuple(records[0])))
    added = await added_by(bench, model, before)
    if can.key_batch:
        some = added[: can.key_batch]
        page = await bench.read(Read(model, keys=tuple(key_of(model, each) for each in some)))
        wrong = difference(model, page.records, some)
        must(not wrong, f"{model.name}: a look-up of {len(some)} {wrong}")
    values = changed_value(model, added[0])
    some = added[: can.update_batch]
    op = update_of(model, some, values) if values and some else None
    if op is not None:
        written = await bench.write(op)
        must(written.affected == len(some), f"{model.name}: an update of {len(some)} affects {written.affected}")
    for delete in deletes_of(model, added[: can.delete_batch]):
        await bench.write(delete)
    await removed_again(bench, model, await added_by(bench, model, before))


async def close_gives_everything_back(subject: Subject) -> None:
    """After `close` no task, thread, socket or file is left that `connect` and the calls made."""
    await _used(subject)  # what is made once and kept, such as the event loop's own threads, is there now
    tasks, threads, files = len(asyncio.all_tasks()), threading.active_count(), _open_files()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        await _used(subject)
        gc.collect()
    unclosed = [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)]
    must(not unclosed, f"after close: {', '.join(unclosed)}")
    await _settled("tasks", tasks, lambda: len(asyncio.all_tasks()))
    await _settled("threads", threads, threading.active_count)
    await _settled("open files and sockets", files, _open_files)


async def _used(subject: Subject) -> None:
    adapter = await connected(subject)
    try:
        for model in await adapter.describe():
            if subject.models is None or model.name in subject.models:
                await adapter.read(first_page(Read(model), 1))
    finally:
        await adapter.close()


async def _settled(what: str, before: int, now: Callable[[], int]) -> None:
    try:
        async with asyncio.timeout(_GRACE):
            while now() > before:  # noqa: ASYNC110 - there is no event to wait for: threads and sockets end by themselves
                await asyncio.sleep(0.01)
    except TimeoutError:
        must(holds=False, otherwise=f"after close {now() - before} more {what} are left than before")


def _open_files() -> int:
    return sum(1 for _ in _FILES.iterdir()) if _FILES.exists() else 0


CHECKS: Final = (
    on_adapter(6, the_event_loop_is_never_held),
    on_models(6, a_write_never_holds_the_event_loop, declared.creates, declared.deletes),
    on_models(6, no_page_is_larger_than_declared, declared.pages),
    on_models(6, many_calls_at_once_are_answered),
    on_models(6, the_declared_batches_are_taken, declared.creates, declared.updates, declared.deletes),
    on_plugin(6, close_gives_everything_back),
)
