"""Filters that depend on the far end: which end is read first, and what is then asked of the other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from bridge_core.operations import Embed, Read
from bridge_core.planning.split import fixed_keys
from bridge_core.query import EVERYTHING, After, Order, Path, Slice, both
from bridge_core.relating.abilities import in_one_question
from bridge_core.relating.levels import Level, required
from bridge_core.schema import Model, Paging

MOST_KEYS: Final = 10_000  # in one question to the near end
_FEW: Final = 100
_GROWTH: Final = 4


def far_first(level: Level) -> tuple[Embed, ...]:
    """Return the embeds that are better read first: their far end is filtered, and the near one can be asked by key."""
    if fixed_keys(level.read.model, both(level.read.scope, level.pushed), _FEW) is not None:
        return ()
    demanded = {*level.inner, *map(required, level.tested)}
    return tuple(embed for embed in level.ours if embed.name in demanded and _narrow(embed) and keys_near(level, embed))


def keys_near(level: Level, embed: Embed) -> int:
    """Return how many values the near end finds in one question; 0: it cannot be asked by them."""
    model, fields = level.read.model, embed.relation.fields
    by_key = model.capabilities.key_batch if set(fields) == set(model.key) else 0
    return max(by_key, in_one_question(model, fields, MOST_KEYS))


def windows(read: Read, goal: int | None, allowed: int) -> Iterator[Slice | After]:
    """Yield the windows of a scan of the near end; a cursor is put into each when the one before was read.

    `goal` is how many records are enough, where not all have to be seen.
    """
    model = read.model
    if goal is None or not _continues(model, read):
        yield Slice(0, allowed + 1)
        return
    start, size = 0, max(goal, _FEW)
    cursor = model.capabilities.paging is Paging.CURSOR
    while start <= allowed:
        size = min(size, allowed + 1 - start)
        yield After(None, size) if cursor else Slice(start, size)
        start += size
        size *= _GROWTH


def steady(read: Read) -> Read:
    """Return a read whose order does not leave open which records come on which page, where the backend can sort."""
    model = read.model
    if model.capabilities.sort_terms is not None or model.capabilities.paging is not Paging.OFFSET:
        return read
    more = tuple(Order(Path(name)) for name in model.key if model.any_field(name).sortable)
    return replace(read, order=read.order + more)


def _continues(model: Model, read: Read) -> bool:
    match model.capabilities.paging:
        case Paging.OFFSET:
            sortable = all(model.any_field(name).sortable for name in model.key)
            return bool(model.key) and sortable and model.capabilities.sort_terms is None
        case Paging.CURSOR:
            return not read.order
        case Paging.WHOLE:
            return False


def _narrow(embed: Embed) -> bool:
    read = embed.read
    if read.where != EVERYTHING or read.scope != EVERYTHING or embed.junction_scope != EVERYTHING:
        return True
    return any(each.inner and _narrow(each) for each in read.embeds)
