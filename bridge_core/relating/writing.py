"""Write, and relate the records that come back: for backends that do not nest, and across resources."""

from dataclasses import replace

from bridge_core import planner
from bridge_core.errors import BridgeError, Outcome, Refused
from bridge_core.operations import Delete, Read, Record, Write, Written, page_of
from bridge_core.query import Slice
from bridge_core.relating.abilities import takes
from bridge_core.relating.groups import folded, must_group
from bridge_core.relating.joining import Joining
from bridge_core.relating.levels import Level, Row, taken_apart
from bridge_core.relating.reading import Reading, Sources, sorted_rows, test_of
from bridge_core.relating.shapes import grouped, raw


async def write(op: Write, sources: Sources, reading: Reading) -> Written:
    """Apply a write, and answer with its records and what is nested in them."""
    source = sources(op.model.resource)
    shown = answer_of(op)
    if takes(shown):
        written = await planner.perform(source.adapter, op, source.limits)
        assert isinstance(written, Written)  # as writes are answered
        return written
    if op.options.witness is not None:
        raise Refused(
            "a write with an Idempotency-Key cannot answer with records of other resources: it could not be repeated",
            hint="leave them out of select, and read them afterwards",
        )
    level = level_of(shown)
    joining = Joining(level, reading.loaders)
    if isinstance(op, Delete):
        await _look_before(op, level, joining, reading)
    written = await planner.perform(source.adapter, returning(op, level), source.limits)
    assert isinstance(written, Written)  # as writes are answered
    try:
        records = await _related(shown, level, joining, written)
    except BridgeError as error:
        error.outcome = Outcome.APPLIED
        raise
    return replace(written, page=page_of(records))


def answer_of(op: Write) -> Read:
    """Return the read whose answer has the form of what a write gives back."""
    options = op.options
    return Read(
        op.model,
        options.returning or (),
        order=options.order,
        embeds=options.embeds,
        timezone=options.timezone,
        max_scan=options.max_scan,
    )


def level_of(shown: Read) -> Level:
    """Take the answer of a write apart."""
    if grouped(shown):
        must_group(shown)
        return taken_apart(raw(shown))
    return taken_apart(shown)


def returning(op: Write, level: Level) -> Write:
    """Return the write as its backend gets it: it gives back what related records are found by."""
    near = level.near()
    options = replace(op.options, returning=near.select, order=near.order, embeds=near.embeds, encoded=False)
    return replace(op, options=options)


def looking_before(op: Write, level: Level, allowed: int) -> Read:
    """Return the read of what related records are found by, in the records that a delete will remove."""
    assert isinstance(op, Delete)  # others leave their records where they are
    return Read(
        op.model,
        select=level.hidden.columns(),
        where=op.where,
        scope=op.scope,
        keys=op.keys,
        window=Slice(0, allowed + 1),
        max_scan=op.options.max_scan,
    )


async def _look_before(op: Delete, level: Level, joining: Joining, reading: Reading) -> None:
    """Load what is related to records before they are gone, and what goes with them."""
    allowed = reading.allowed(level.read)
    page = await reading.read(looking_before(op, level, allowed))
    if len(page.records) <= allowed:
        await joining.attach([Row(record) for record in page.records], level.ours)


async def _related(shown: Read, level: Level, joining: Joining, written: Written) -> list[Record]:
    assert written.page is not None  # its records were asked for
    rows = [Row(record) for record in written.page.records]
    await joining.attach(rows, level.ours)
    if level.deciding:
        test = test_of(level)
        pairs = [(row, joining.view(row)) for row in rows]
        rows = sorted_rows(level, [pair for pair in pairs if test(pair[1])])
    records: list[Record] = [joining.shaped(row) for row in rows]
    return folded(shown, records) if grouped(shown) else records
