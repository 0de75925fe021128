"""What a backend does of related records by itself, and how many far ends it finds in one question."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge_core.operations import Act, Embed, Operation, Read
from bridge_core.query import Column, Op
from bridge_core.relating.shapes import columns_of
from bridge_core.schema import Boolean, Model

_MANY: Final = 1_000  # keys per question, where the backend would take any number
_MANY_PARTED: Final = 200  # keys of several fields


class Way(Enum):
    """How the records are asked for that have one of several keys."""

    KEYS = "by key"
    FILTER = "by filter"
    SCAN = "all of them"


@dataclass(frozen=True, slots=True)
class Batch:
    """A way to ask, and how many keys go into one question."""

    way: Way
    size: int


def plain(operation: Operation) -> bool:
    """Tell whether an operation speaks of records of one model alone, and of each by itself."""
    if isinstance(operation, Act):
        return True
    if isinstance(operation, Read):
        if operation.embeds:
            return False
        return operation.model.capabilities.aggregates or not aggregates(operation.select)
    options = operation.options
    if options.embeds:
        return False
    return operation.model.capabilities.aggregates or not aggregates(options.returning or ())


def aggregates(columns: Sequence[Column]) -> bool:
    """Tell whether something is computed from many records."""
    return any(column.aggregate is not None or column.unit is not None for column in columns)


def takes(read: Read) -> bool:
    """Tell whether the backend of a read answers it whole, with everything that is nested in it."""
    able = read.model.capabilities
    if not able.aggregates and aggregates(columns_of(read)):
        return False
    return all(takes_embed(read.model, embed) for embed in read.embeds)


def takes_embed(model: Model, embed: Embed) -> bool:
    """Tell whether the backend of a model answers an embed within its own read."""
    ends = [embed.read.model] if embed.junction is None else [embed.read.model, embed.junction]
    near = model.capabilities.embeds and all(
        each.resource == model.resource and each.capabilities.embeds for each in ends
    )
    return near and takes(embed.read)


def batch_of(model: Model, fields: tuple[str, ...]) -> Batch:
    """Return how to ask for the records that have one of several values in these fields."""
    by_key = model.capabilities.key_batch if set(fields) == set(model.key) else 0
    by_filter = in_one_question(model, fields)
    if by_key and by_key >= by_filter:
        return Batch(Way.KEYS, by_key)
    return Batch(Way.FILTER, by_filter) if by_filter else Batch(Way.SCAN, 0)


def in_one_question(model: Model, fields: tuple[str, ...], most: int = _MANY) -> int:
    """Return how many values of these fields one filter may name, and the backend answers it at once; 0: none."""
    able = model.capabilities
    found = [model.any_field(name) for name in fields]
    if able.boolean is Boolean.NONE:
        return 0
    several = most if len(fields) == 1 else _MANY_PARTED
    if able.boolean is Boolean.DNF:
        several = min(several, able.max_disjunctions)
    if len(fields) == 1 and Op.IN in found[0].operators:
        return max(1, min(several, able.max_in or several))
    if not all(Op.EQ in field.operators for field in found):
        return 0
    return several if able.boolean in (Boolean.FULL, Boolean.DNF) and len(fields) > 1 else 1
