"""What a read answers, level by level: its keys, what is lifted into it by spreads, and what it has to be made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge_core.errors import Refused
from bridge_core.operations import Embed, Read
from bridge_core.query import EVERYTHING, ROWS, Column, Counting, Path, Slice
from bridge_core.schema import Cardinality, Model

_TO_ONE: Final = frozenset({Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE})


@dataclass(frozen=True, slots=True)
class Output:
    """One value of an answer; of related records there is no `column`. `embed` names the spread that lifted it."""

    name: str
    column: Column | None = None
    model: Model | None = None
    embed: str | None = None

    @property
    def aggregated(self) -> bool:
        """Whether the value is computed from many records."""
        return self.column is not None and self.column.aggregate is not None


def to_one(embed: Embed) -> bool:
    """Tell whether an embed leads to one record at most."""
    return embed.relation.cardinality in _TO_ONE


def columns_of(read: Read) -> Sequence[Column]:
    """Return the columns that a read shows of its own model."""
    if read.select or read.embeds:
        return read.select
    return [Column(Path(field.name)) for field in read.model.readable]


def outputs(read: Read) -> tuple[Output, ...]:
    """Return the values of each record of the answer; of two with one name the last counts, as in any JSON."""
    found = {column.name: Output(column.name, column, read.model) for column in columns_of(read)}
    for embed in shown(read.embeds):
        if not embed.spread:
            found[embed.name] = Output(embed.name)
        elif to_one(embed):
            found |= {each.name: replace(each, embed=embed.name) for each in outputs(embed.read)}
        else:
            found |= {each.name: _in_array(each) for each in outputs(embed.read)}
    return tuple(found.values())


def names(read: Read) -> tuple[str, ...]:
    """Return the keys of each record of the answer."""
    return tuple(each.name for each in outputs(read))


def grouped(read: Read) -> bool:
    """Tell whether a record of the answer stands for many."""
    return any(each.aggregated for each in outputs(read))


def only_counts(read: Read) -> bool:
    """Tell whether the answer is nothing but the number of records."""
    found = outputs(read)
    return bool(found) and all(
        each.aggregated and each.column is not None and each.column.path == ROWS for each in found
    )


def raw(read: Read) -> Read:
    """Return the read of what the groups of a read are made of: every value before it is aggregated, in any order."""
    columns = tuple(map(_raw, (each for each in columns_of(read) if each.path != ROWS)))
    embeds = tuple(
        replace(each, read=raw(each.read)) if each.spread and each.shown and to_one(each) else each
        for each in read.embeds
    )
    made = replace(
        read,
        select=columns,
        embeds=embeds,
        order=(),
        having=EVERYTHING,
        window=Slice(),
        count=Counting.NONE,
        encoded=False,
        versions=False,
    )
    return made if columns or embeds else replace(made, select=(_anything(read.model),))


def shown(embeds: Iterable[Embed]) -> Iterable[Embed]:
    """Return the embeds that an answer carries."""
    return (each for each in embeds if each.shown)


def _raw(column: Column) -> Column:
    return Column(column.path, column.name, column.cast) if column.aggregate or column.unit else column


def _anything(model: Model) -> Column:
    return Column(Path(model.key[0] if model.key and model.field(model.key[0]).readable else model.readable[0].name))


def _in_array(output: Output) -> Output:
    if output.aggregated:
        raise Refused("Aggregates are not implemented for one-to-many or many-to-many spreads.", code="PGRST127")
    return Output(output.name)
