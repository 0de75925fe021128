"""Say beforehand what an operation with related records costs at most: the plans of both ends, and how often."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import TypeAlias

from bridge_core import planner
from bridge_core.errors import Refused
from bridge_core.operations import Act, Delete, Embed, Operation, Read, Write
from bridge_core.planner import Limits, Plan
from bridge_core.query import Counting, Slice
from bridge_core.relating.abilities import Way, batch_of, plain, takes
from bridge_core.relating.bounds import bounded, counting
from bridge_core.relating.ends import far_end, probe
from bridge_core.relating.groups import must_group
from bridge_core.relating.joining import junction_read
from bridge_core.relating.keys import Keys
from bridge_core.relating.levels import Level, taken_apart
from bridge_core.relating.loading import question
from bridge_core.relating.semijoins import far_first, keys_near, steady, windows
from bridge_core.relating.shapes import grouped, only_counts, raw
from bridge_core.relating.writing import answer_of, level_of, looking_before, returning

LimitsOf: TypeAlias = Callable[[str], Limits]
"""Resource -> what an operation may cost there."""


def estimated(operation: Operation, limits: LimitsOf) -> Plan:
    """Return the plan of an operation, with those of its far ends; a plan that cannot be run says why."""
    if plain(operation) or isinstance(operation, Act):
        return planner.plan(operation, limits(operation.model.resource))
    return _read(operation, limits) if isinstance(operation, Read) else _written(operation, limits)


def _read(op: Read, limits: LimitsOf) -> Plan:
    if takes(op):
        return planner.plan(op, limits(op.model.resource))
    if not grouped(op):
        return _related(op, limits)
    must_group(op)
    allowed = limits(op.model.resource).allowed(op.max_scan)
    made = counting(op) if only_counts(op) else replace(raw(op), window=Slice(0, allowed + 1))
    return replace(_read(made, limits), operation=op, groups=True)


def _written(op: Write, limits: LimitsOf) -> Plan:
    shown = answer_of(op)
    own = limits(op.model.resource)
    if takes(shown):
        return planner.plan(op, own)
    level = level_of(shown)
    made = planner.plan(returning(op, level), own)
    allowed = own.allowed(shown.max_scan)
    looks = []
    if isinstance(op, Delete):
        before = _read(looking_before(op, level, allowed), limits)
        looks = [replace(before, embed="*", purpose="look before it is gone")]
    loads = [each for embed in level.ours for each in _loads(level, embed, allowed, 2 if looks else 1, limits)]
    return _together(replace(made, operation=op), [*looks, *loads])


def _related(op: Read, limits: LimitsOf) -> Plan:
    level = taken_apart(op)
    allowed = limits(op.model.resource).allowed(op.max_scan)
    semis = far_first(level)
    first = [each for embed in semis for each in _probes(level, embed, limits)]
    ways = [_scan(level, allowed, limits)] if level.deciding else [_page(level, allowed, limits)]
    if semis:
        ways.append(_after(level, semis, allowed, limits))
    near = max(ways, key=lambda each: (each.calls is None, each.calls or 0))
    chunks = max(each.times for each in ways)
    most = allowed if level.deciding else _rows(op, allowed)
    loads = [each for embed in level.ours for each in _loads(level, embed, most, chunks, limits)]
    records = None if any(each.records is None for each in ways) else max(each.records or 0 for each in ways)
    return _together(replace(near, operation=op, times=1, records=records), [*first, *loads])


def _page(level: Level, allowed: int, limits: LimitsOf) -> Plan:
    return _read(bounded(level.near(), allowed), limits)


def _scan(level: Level, allowed: int, limits: LimitsOf) -> Plan:
    """Plan the reading of near records until enough are found; `times` is the number of its pieces."""
    op = level.read
    everything = level.sorts or op.count is not Counting.NONE or op.window.limit is None
    assert isinstance(op.window, Slice)  # only the backend knows what a cursor means
    goal = None if everything or op.window.limit is None else op.window.offset + op.window.limit
    near = replace(level.near(), count=Counting.NONE, versions=False)
    near = near if goal is None else steady(near)
    pieces = [_read(replace(near, window=window), limits) for window in windows(near, goal, allowed)]
    return replace(pieces[-1], calls=_sum(pieces, "calls"), records=_sum(pieces, "records"), times=len(pieces))


def _after(level: Level, semis: Sequence[Embed], allowed: int, limits: LimitsOf) -> Plan:
    """Plan the near end once far ends told which of its records are wanted."""
    for embed in semis:
        keys = Keys(level.read.model, embed.relation.fields)
        most = min(keys_near(level, embed), limits(embed.read.model.resource).allowed(embed.read.max_scan))
        level = level.without(embed, keys.filter(keys.samples(max(1, most))))
    return _scan(level, allowed, limits) if level.deciding else _page(level, allowed, limits)


def _probes(level: Level, embed: Embed, limits: LimitsOf) -> Iterator[Plan]:
    most = min(keys_near(level, embed), limits(embed.read.model.resource).allowed(embed.read.max_scan))
    far = _read(replace(probe(embed, level.read).read, window=Slice(0, most + 1)), limits)
    yield replace(far, embed=embed.name, purpose="read first, to ask the near end by key")
    if embed.junction is None or embed.relation.junction is None:
        return
    read, _ = junction_read(embed, level.read)
    keys = Keys(read.model, embed.relation.junction.far)
    yield replace(_batches(read, keys, most, 1, limits), embed=embed.name, purpose="read next, between both ends")


def _loads(level: Level, embed: Embed, rows: int, chunks: int, limits: LimitsOf) -> Iterator[Plan]:
    """Plan how the related records of so many rows are loaded, in so many pieces."""
    read, most = level.read, rows
    if embed.junction is not None and embed.relation.junction is not None:
        between, _ = junction_read(embed, read)
        near = Keys(between.model, embed.relation.junction.near)
        links = _batches(between, near, rows, chunks, limits)
        yield replace(links, embed=embed.name, purpose="load what stands between")
        most = limits(between.model.resource).allowed(read.max_scan)
    end = far_end(embed, read, level.needed(embed), alone=False)
    keys = Keys(embed.read.model, embed.relation.target_fields)
    yield replace(_batches(end.read, keys, most, chunks, limits), embed=embed.name, purpose="load in batches")


def _batches(template: Read, keys: Keys, most: int, chunks: int, limits: LimitsOf) -> Plan:
    batch = batch_of(template.model, keys.fields)
    allowed = limits(template.model.resource).allowed(template.max_scan)
    size = min(batch.size, most) or 1
    one = _read(question(template, keys, batch, keys.samples(size), allowed), limits)
    times = min(1, most) if batch.way is Way.SCAN else ceil(most / batch.size) + min(chunks - 1, most)
    return replace(one, times=times)


def _rows(op: Read, allowed: int) -> int:
    return allowed if op.window.limit is None else min(op.window.limit, allowed)


def _together(near: Plan, related: Sequence[Plan]) -> Plan:
    refusals = (each.refused for each in (near, *related) if each.refused is not None)
    refused: Refused | None = next(refusals, None)
    return replace(near, related=(*near.related, *related), refused=refused)


def _sum(plans: Sequence[Plan], name: str) -> int | None:
    values = [getattr(each, name) for each in plans]
    return None if None in values else sum(values)
