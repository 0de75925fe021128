"""Take a read with embeds apart: what its backend does of it, and what the core does about the related records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bridge_core.operations import Embed, Read, Record
from bridge_core.query import (
    EVERYTHING,
    And,
    Condition,
    Counting,
    Filter,
    Is,
    Not,
    Op,
    Or,
    Order,
    Path,
    Slice,
    both,
    conditions,
)
from bridge_core.relating.abilities import takes_embed
from bridge_core.relating.ends import Hidden
from bridge_core.relating.shapes import columns_of, names
from bridge_core.schema import Field, FieldType, Model

_THERE: Final = "bridge there "
_VALUE: Final = "bridge value "


@dataclass(slots=True)
class Row:
    """One record as its backend gave it, and the related records that were found for it, by embed."""

    values: Record
    related: dict[str, Sequence[Record]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Level:
    """One read with embeds. `tested` are the filters, and `inner` the embeds, that the core has to hold itself.

    `ours` are the embeds that the core loads; the others are left to the backend. `sorts`: the core orders.
    """

    read: Read
    ours: tuple[Embed, ...]
    tested: tuple[Filter, ...]
    inner: tuple[str, ...]
    sorts: bool
    pushed: Filter
    hidden: Hidden

    @property
    def deciding(self) -> tuple[Embed, ...]:
        """The embeds that decide which records there are, or in which order."""
        named = {*self.inner, *(name for term in self.tested for name in _embeds(conditions(term)))}
        named |= _embeds(self.read.order) if self.sorts else set()
        return tuple(embed for embed in self.ours if embed.name in named)

    def near(self) -> Read:
        """Return the read that is left to the backend."""
        read = self.read
        return replace(
            read,
            select=(*columns_of(read), *self.hidden.columns()),
            where=self.pushed,
            order=() if self.sorts else read.order,
            embeds=tuple(each for each in read.embeds if each not in self.ours),
            encoded=False,
        )

    def needed(self, embed: Embed) -> tuple[str, ...]:
        """Return the fields of a far end that filters and orders of this level speak of."""
        terms: list[Condition | Order] = [each for term in self.tested for each in conditions(term)]
        terms += self.read.order if self.sorts else ()
        paths = [each.path for each in terms]
        return tuple(path.field for path in paths if path.embed == embed.name and path.field)

    def extended(self) -> Model:
        """Return the model with a field for everything of related records that filters and orders speak of."""
        model = self.read.model
        there = [Field(_THERE + embed.name, FieldType.BOOLEAN) for embed in self.ours]
        values = [
            replace(embed.read.model.any_field(name), name=f"{_VALUE}{embed.name} {name}")
            for embed in self.ours
            for name in dict.fromkeys(self.needed(embed))
        ]
        return replace(model, fields=(*model.fields, *there, *values))

    def test(self) -> Filter:
        """Return the filter that the core holds, over the extended model."""
        inner = [Condition(Path(_THERE + name), Op.IS, Is.TRUE) for name in self.inner]
        return And((*inner, *map(_rewritten, self.tested)))

    def order(self) -> tuple[Order, ...]:
        """Return the order of the core, over the extended model."""
        return tuple(replace(term, path=_rewritten_path(term.path)) for term in self.read.order)

    def view(self, row: Row, hidden: Mapping[str, Hidden]) -> Record:
        """Return a row as a record of the extended model; `hidden` are the names at the far ends, by embed."""
        seen: dict[str, object] = {name: row.values[alias] for name, alias in self.hidden.names.items()}
        for embed in self.ours:
            related = row.related.get(embed.name, ())
            seen[_THERE + embed.name] = bool(related)
            for name in self.needed(embed):
                alias = hidden[embed.name].names[name]
                seen[f"{_VALUE}{embed.name} {name}"] = related[0][alias] if related else None
        return seen

    def without(self, embed: Embed, pushed: Filter) -> "Level":
        """Return the level once an embed holds because of a filter that the backend takes."""
        return replace(
            self,
            tested=tuple(term for term in self.tested if required(term) != embed.name),
            inner=tuple(name for name in self.inner if name != embed.name),
            pushed=both(pushed, self.pushed),
        )


def taken_apart(read: Read) -> Level:
    """Take a read apart; of two embeds with one name the last counts."""
    read = replace(read, embeds=tuple({embed.name: embed for embed in read.embeds}.values()))
    terms = _conjuncts(read.where)
    loaded, sorts = _loaded(read, terms)
    ours = tuple(embed for embed in read.embeds if embed.name in loaded)
    tested = tuple(term for term in terms if _embeds(conditions(term)) & loaded)
    own = [each.path.field for term in tested for each in conditions(term) if each.path.embed is None]
    own += [term.path.field for term in read.order if sorts and term.path.embed is None]
    own += [name for embed in ours for name in embed.relation.fields]
    left = tuple(term for term in terms if term not in tested)
    return Level(
        read,
        ours,
        tested,
        tuple(embed.name for embed in ours if embed.inner),
        sorts,
        EVERYTHING if not left else left[0] if len(left) == 1 else And(left),
        Hidden.among(names(read), own),
    )


def required(term: Filter) -> str | None:
    """Return the name of the embed that a filter demands to be there, and nothing else."""
    match term:
        case Condition(Path("", (), str(name)), Op.IS, Is.NOT_NULL):
            return name
        case Not(Condition(Path("", (), str(name)), Op.IS, Is.NULL)):
            return name
        case _:
            return None


def whole(read: Read) -> Read:
    """Return a read without window and count."""
    return replace(read, window=Slice(), count=Counting.NONE)


def _loaded(read: Read, terms: Iterable[Filter]) -> tuple[set[str], bool]:
    """Return the embeds that the core loads: what stands in one filter, or order, with one of them goes with it."""
    loaded = {embed.name for embed in read.embeds if not takes_embed(read.model, embed)}
    together = [_embeds(conditions(term)) for term in terms] + [_embeds(read.order)]
    before = -1
    while before != len(loaded):
        before = len(loaded)
        for several in together:
            loaded |= several if several & loaded else set()
    return loaded, bool(_embeds(read.order) & loaded)


def _embeds(terms: Iterable[Condition | Order]) -> set[str]:
    return {each.path.embed for each in terms if each.path.embed is not None}


def _conjuncts(term: Filter) -> tuple[Filter, ...]:
    if isinstance(term, And):
        return tuple(inner for each in term.terms for inner in _conjuncts(each))
    return (term,)


def _rewritten(term: Filter) -> Filter:
    match term:
        case Condition(Path("", (), str(name)), Op.IS, value):
            return Condition(Path(_THERE + name), Op.IS, Is.FALSE if value is Is.NULL else Is.TRUE)
        case Condition():
            return replace(term, path=_rewritten_path(term.path))
        case Not(inner):
            return Not(_rewritten(inner))
        case And(terms):
            return And(tuple(map(_rewritten, terms)))
        case Or(terms):
            return Or(tuple(map(_rewritten, terms)))


def _rewritten_path(path: Path) -> Path:
    return path if path.embed is None else Path(f"{_VALUE}{path.embed} {path.field}", path.steps, text=path.text)
