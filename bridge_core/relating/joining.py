"""Find the related records of the rows of one level, and put them into the answer."""

from collections.abc import Callable, Iterable, Sequence

from bridge_core.arrange import ordered
from bridge_core.errors import Refused
from bridge_core.operations import Embed, Read, Record
from bridge_core.relating.ends import FarEnd, Hidden, far_end, nested, plain_order
from bridge_core.relating.keys import Keys
from bridge_core.relating.levels import Level, Row
from bridge_core.relating.loading import Loader, Placed, Reading, together
from bridge_core.relating.shapes import grouped, names, shown, to_one


class Loaders:
    """The loaders of one request: what is asked of one far end twice is loaded once."""

    def __init__(self, read: Reading, allowed: Callable[[Read], int]) -> None:
        """Take what reads, and how many records of a far end may be read."""
        self._read = read
        self._allowed = allowed
        self._known: dict[tuple[Read, tuple[str, ...]], Loader] = {}

    def loader(self, template: Read, keys: Keys, aliases: tuple[str, ...]) -> Loader:
        """Return what loads the records of a far end by some fields."""
        known = (template, keys.fields)
        found = self._known.get(known)
        if found is None:
            found = self._known[known] = Loader(self._read, template, keys, aliases, self._allowed(template))
        return found


class Joining:
    """The rows of one level and their related records."""

    def __init__(self, level: Level, loaders: Loaders) -> None:
        self.level = level
        self._loaders = loaders
        self._ends: dict[str, FarEnd] = {}

    async def attach(self, rows: Sequence[Row], embeds: Iterable[Embed]) -> None:
        """Load the related records of rows."""
        await together([self._attach(rows, embed) for embed in embeds])

    def view(self, row: Row) -> Record:
        """Return a row with what filters and orders of the level speak of."""
        return self.level.view(row, {name: end.hidden for name, end in self._ends.items()})

    def shaped(self, row: Row) -> dict[str, object]:
        """Return a row as the answer shows it."""
        read = self.level.read
        found: dict[str, object] = {column.name: row.values[column.name] for column in read.select}
        for embed in shown(read.embeds):
            if embed in self.level.ours:
                found |= nested(self._ends[embed.name], row.related.get(embed.name, ()))
            else:
                kept = names(embed.read) if embed.spread else (embed.name,)
                found |= {name: row.values[name] for name in kept}
        return found

    async def _attach(self, rows: Sequence[Row], embed: Embed) -> None:
        here = self.level.hidden.of(embed.relation.fields)
        if embed.junction is not None:
            await self._attach_across(rows, embed, here)
            return
        keys = Keys(embed.read.model, embed.relation.target_fields)
        taken = [keys.taken(row.values, here) for row in rows]
        wanted = dict(each for each in taken if each is not None)
        end = self._end(embed, alone=len(wanted) == 1)
        loader = self._loaders.loader(end.read, keys, end.joins)
        await loader.load(wanted)
        for row, each in zip(rows, taken, strict=True):
            row.related[embed.name] = [] if each is None else [found.record for found in loader.found(each[0])]

    async def _attach_across(self, rows: Sequence[Row], embed: Embed, here: tuple[str, ...]) -> None:
        """Load through a junction: first its records, then those of the far end."""
        near, hidden = junction_read(embed, self.level.read)
        assert embed.relation.junction is not None  # as its embed has a model for it
        junction = embed.relation.junction
        between = Keys(near.model, junction.near)
        taken = [between.taken(row.values, here) for row in rows]
        loader = self._loaders.loader(near, between, hidden.of(junction.near))
        await loader.load(dict(each for each in taken if each is not None))
        end = self._end(embed, alone=False)
        far = Keys(embed.read.model, embed.relation.target_fields)
        targets = [
            [far.taken(link.record, hidden.of(junction.far)) for link in (loader.found(each[0]) if each else ())]
            for each in taken
        ]
        wanted = dict(each for links in targets for each in links if each is not None)
        ends = self._loaders.loader(end.read, far, end.joins)
        await ends.load(wanted)
        for row, links in zip(rows, targets, strict=True):
            found = [placed for link in links if link is not None for placed in ends.found(link[0])]
            row.related[embed.name] = in_order(end, found)

    def _end(self, embed: Embed, *, alone: bool) -> FarEnd:
        before = self._ends.get(embed.name)
        if before is not None:
            return before
        deciding = embed in self.level.deciding
        end = far_end(embed, self.level.read, self.level.needed(embed), alone=alone and not deciding)
        self._ends[embed.name] = end
        return end


def junction_read(embed: Embed, above: Read) -> tuple[Read, Hidden]:
    """Return the read of the records in the middle of a relation, and the names of its fields there."""
    assert embed.junction is not None and embed.relation.junction is not None  # noqa: PT018 - they come together
    between = embed.relation.junction
    hidden = Hidden.among((), (*between.near, *between.far))
    read = Read(embed.junction, select=hidden.columns(), scope=embed.junction_scope, max_scan=above.max_scan)
    return read, hidden


def in_order(end: FarEnd, found: Sequence[Placed]) -> list[Record]:
    """Return records that a junction led to in the order of the far end."""
    placed = sorted(found, key=lambda each: (each.question, each.place))
    records = [each.record for each in placed]
    order = end.embed.read.order
    several = len({each.question for each in found}) > 1
    if not several or not order or to_one(end.embed) or grouped(end.embed.read):
        return records
    if not plain_order(order):
        raise Refused(
            f"the related records of {end.embed.name!r} come in several answers, and cannot be put in this order",
            hint="order them by a field of their own",
        )
    aliases = end.hidden.names
    views = [{term.path.field: record[aliases[term.path.field]] for term in order} for record in records]
    places = {id(view): record for view, record in zip(views, records, strict=True)}
    return [places[id(view)] for view in ordered(end.embed.read.model, views, order)]
