"""Far ends: what is asked of them beyond what an answer shows, and how their records become part of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge_core.operations import Embed, Read, Record
from bridge_core.query import Column, Counting, Order, Path, Slice, conditions
from bridge_core.relating.groups import folded
from bridge_core.relating.shapes import columns_of, grouped, names, raw, to_one


@dataclass(frozen=True, slots=True)
class Hidden:
    """Fields that are read for the core's own use, under names that no answer has."""

    names: Mapping[str, str]  # by field

    @classmethod
    def among(cls, taken: Iterable[str], fields: Iterable[str]) -> "Hidden":
        """Choose names for fields that are not among those taken."""
        mark = "bridge "
        known = tuple(taken)
        while any(name.startswith(mark) for name in known):
            mark += "+"
        return cls({field: f"{mark}{at}" for at, field in enumerate(dict.fromkeys(fields))})

    def columns(self) -> tuple[Column, ...]:
        """Return the columns that bring the fields."""
        return tuple(Column(Path(field), alias) for field, alias in self.names.items())

    def of(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Return the names of fields."""
        return tuple(self.names[field] for field in fields)


@dataclass(frozen=True, slots=True)
class FarEnd:
    """The read of an embed's records for many records at once; `cut`: only those within the embed's window come."""

    embed: Embed
    read: Read
    hidden: Hidden
    shown: tuple[str, ...]
    cut: bool = False

    @property
    def joins(self) -> tuple[str, ...]:
        """Return the names under which the far record's side of the relation stands."""
        return self.hidden.of(self.embed.relation.target_fields)


def far_end(embed: Embed, above: Read, needed: Iterable[str], *, alone: bool) -> FarEnd:
    """Lay out the far end of an embed; `needed` fields are those that filters and orders of the near end speak of.

    `alone`: it is read for one record, so that its window can be left to the backend.
    """
    read = embed.read
    groups = grouped(read)
    base = raw(read) if groups else read
    shown = names(base) if embed.shown else ()
    wanted = (*embed.relation.target_fields, *needed, *(() if embed.junction is None else _sorted_by(read)))
    hidden = Hidden.among(shown, wanted)
    columns = tuple(columns_of(base)) if embed.shown else ()
    if not embed.shown:
        base = replace(base, embeds=deciding(base))
    cut = alone and embed.junction is None and embed.shown and not groups and read.window != Slice()
    read = replace(
        base,
        select=columns + hidden.columns(),
        window=read.window if cut else Slice(),
        count=Counting.NONE,
        timezone=above.timezone,
        max_scan=above.max_scan,
        encoded=False,
    )
    return FarEnd(embed, read, hidden, shown, cut)


def nested(end: FarEnd, related: Sequence[Record]) -> dict[str, object]:
    """Return what the related records of one record put into it: under the embed's name, or spread."""
    embed = end.embed
    if not embed.shown:
        return {}
    single = to_one(embed)
    if embed.spread:
        return _spread(end, related, single=single)
    rows = [_shaped(end, record) for record in related]
    if grouped(embed.read):
        rows = _cut(end, folded(embed.read, rows))
        return {embed.name: (rows[0] if rows else None) if single else rows}
    rows = _cut(end, rows)
    return {embed.name: (rows[0] if rows else None) if single else rows}


def probe(embed: Embed, above: Read) -> FarEnd:
    """Lay out the read of a far end for nothing but the fields that the relation goes by, in any order."""
    return far_end(replace(embed, shown=False, read=replace(embed.read, order=())), above, (), alone=False)


def deciding(read: Read) -> tuple[Embed, ...]:
    """Return the embeds that say which records a read has, without what they would show."""
    named = {each.path.embed for each in conditions(read.where)} | {term.path.embed for term in read.order}
    return tuple(replace(each, shown=False) for each in read.embeds if each.inner or each.name in named)


def _spread(end: FarEnd, related: Sequence[Record], *, single: bool) -> dict[str, object]:
    if single:
        first = related[0] if related else None
        return {name: None if first is None else first[name] for name in end.shown}
    rows = _cut(end, [_shaped(end, record) for record in related])
    return {name: [row[name] for row in rows] for name in end.shown}


def _shaped(end: FarEnd, record: Record) -> Record:
    return {name: record[name] for name in end.shown}


def _cut(end: FarEnd, rows: Sequence[Record]) -> list[Record]:
    """Return the records within the window of an embed; one record has no limit, as in SQL."""
    window = end.embed.read.window
    assert isinstance(window, Slice)  # embeds page by offset
    if end.cut:
        return list(rows)
    past = None if window.limit is None or to_one(end.embed) else window.offset + window.limit
    return list(rows[window.offset : past])


def _sorted_by(read: Read) -> tuple[str, ...]:
    return tuple(term.path.field for term in read.order if term.path.embed is None and not grouped(read))


def plain_order(order: Sequence[Order]) -> bool:
    """Tell whether an order speaks of a record's own fields alone."""
    return all(term.path.embed is None for term in order)
