"""How much of a model the core reads to relate or to group its records, and what it says where that is not enough."""

from collections.abc import Sequence
from dataclasses import replace

from bridge_core.errors import Refused
from bridge_core.operations import Page, Read, Record, page_of
from bridge_core.query import EVERYTHING, Counting, Slice
from bridge_core.relating.ends import deciding
from bridge_core.relating.groups import folded, had
from bridge_core.relating.levels import Level
from bridge_core.relating.shapes import raw
from bridge_core.schema import FieldType
from bridge_core.values import cast


def bounded(read: Read, allowed: int) -> Read:
    """Return a read that asks for no more records than may be read, and one that would show that there are more."""
    limit = read.window.limit
    if limit is not None and limit <= allowed:
        return read
    return replace(read, window=replace(read.window, limit=allowed + 1))


def counting(read: Read) -> Read:
    """Return the read that counts the records of another."""
    return replace(raw(read), embeds=deciding(read), window=Slice(0, 0), count=Counting.EXACT)


def counted(read: Read, total: int) -> list[Record]:
    """Return the one record of an answer that only counts."""
    (made,) = folded(replace(read, order=(), having=EVERYTHING), [])
    casts = {column.name: column.result_cast for column in read.select}
    return had(read, [{name: _cast(total, casts.get(name), read.timezone) for name in made}])


def cut(read: Read, made: Sequence[Record]) -> Page:
    """Return the records within the window of a read, and the number of all."""
    window = read.window
    assert isinstance(window, Slice)  # groups have no cursor
    past = None if window.limit is None else window.offset + window.limit
    return page_of(made[window.offset : past], total=None if read.count is Counting.NONE else len(made))


def too_many(read: Read, allowed: int, purpose: str) -> Refused:
    """Say that a purpose would take more records than may be read."""
    return Refused(
        f"more than {allowed} records of {read.model.name!r} would have to be read to {purpose} them",
        hint="filter them, ask for fewer, or raise the bound with Prefer: max-scan=N",
    )


def too_far(level: Level, allowed: int) -> Refused:
    """Say that what decides stands at a far end, and that too many near records would have to be looked at."""
    ends = ", ".join(f"{embed.name!r} ({embed.read.model.name})" for embed in level.deciding)
    return Refused(
        f"more than {allowed} records of {level.read.model.name!r} would have to be read, "
        f"because related records decide which of them belong to the answer: {ends}",
        hint="filter the near records, or the far ones more narrowly, or raise the bound with Prefer: max-scan=N",
    )


def _cast(total: int, target: str | None, timezone: str | None) -> object:
    return total if target is None else cast(total, FieldType.INTEGER, target, timezone)
