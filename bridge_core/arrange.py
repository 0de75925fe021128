"""Order, cut and shape records held in memory."""

from collections.abc import Callable, Sequence

from bridge_core.compare import ordering
from bridge_core.evaluate import value_at
from bridge_core.operations import Record
from bridge_core.query import Column, Order
from bridge_core.schema import Model
from bridge_core.values import cast
from bridge_core.values.operation import place_of


def ordered(model: Model, records: Sequence[Record], order: Sequence[Order]) -> list[Record]:
    """Return the records in the given order; equal ones stay as they stood."""
    result = list(records)
    for term in reversed(order):  # each sort is stable: the last one decides
        _sort(model, result, term)
    return result


def shaped(
    model: Model, select: Sequence[Column], timezone: str | None = None
) -> Callable[[Record], dict[str, object]]:
    """Return the function that makes of a record what is asked for; every readable field if nothing is named."""
    if not select:
        names = tuple(field.name for field in model.readable)
        return lambda record: {name: record.get(name) for name in names}
    makers = [(column.name, _value(model, column, timezone)) for column in select]
    return lambda record: {name: make(record) for name, make in makers}


def _sort(model: Model, records: list[Record], term: Order) -> None:
    value, rank = value_at(model, term.path), ordering(place_of(model, term.path))
    present, absent = [], []
    for record in records:
        found = value(record)
        if found is None:
            absent.append(record)
        else:
            present.append((rank(found), record))
    present.sort(key=lambda pair: pair[0], reverse=term.descending)
    sorted_ones = [record for _, record in present]
    records[:] = absent + sorted_ones if term.nulls_first else sorted_ones + absent


def _value(model: Model, column: Column, timezone: str | None) -> Callable[[Record], object]:
    value = value_at(model, column.path)
    name = column.cast
    if name is None:
        return value
    source = place_of(model, column.path).type
    return lambda record: cast(value(record), source, name, timezone)
