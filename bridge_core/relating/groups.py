"""Fold records into groups: the columns without an aggregate say which records belong together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from bridge_core.compare import json_rank, ordering
from bridge_core.errors import BadValue
from bridge_core.evaluate import predicate
from bridge_core.operations import Read, Record
from bridge_core.query import EVERYTHING, ROWS, Aggregate, Column, Order
from bridge_core.relating.numbers import computed, must_compute
from bridge_core.relating.shapes import Output, outputs
from bridge_core.relating.spans import in_units
from bridge_core.schema import Field, FieldType, Model
from bridge_core.values import cast, jsonable, typed_filter, zone_of
from bridge_core.values.operation import place_of

_TYPES: Final[Mapping[type, FieldType]] = {
    bool: FieldType.BOOLEAN,
    int: FieldType.INTEGER,
    float: FieldType.FLOAT,
    Decimal: FieldType.DECIMAL,
    str: FieldType.TEXT,
    datetime: FieldType.TIMESTAMP,
    date: FieldType.DATE,
    time: FieldType.TIME,
}
_OF_THE_VALUES: Final = frozenset({Aggregate.MIN, Aggregate.MAX})
Maker = Callable[[Sequence[Record]], object]


def must_group(read: Read) -> None:
    """Raise what grouping would raise of a read, before anything is read."""
    found = outputs(read)
    for each in found:
        if each.aggregated and each.column is not None and each.column.path != ROWS and each.column.cast is None:
            assert each.column.aggregate is not None  # as it says
            must_compute(each.column.aggregate, _place(each))
        if each.column is not None and each.column.result_cast is not None:
            cast(None, FieldType.TEXT, each.column.result_cast)
    for term in read.order:
        _chosen(term, found)


def folded(read: Read, records: Sequence[Record]) -> list[Record]:
    """Return one record per group, in the order of the read; without a group key: one record, of all there are."""
    found = outputs(read)
    by = [each.name for each in found if not each.aggregated]
    groups: dict[object, list[Record]] = {} if by else {(): []}
    for record in in_units(found, records, read.timezone):
        groups.setdefault(tuple(json_rank(jsonable(record[name])) for name in by), []).append(record)
    makers = [(each.name, _maker(each, read.timezone)) for each in found]
    every: list[Record] = [{name: make(members) for name, make in makers} for members in groups.values()]
    made = had(read, every)
    for term in reversed(read.order):
        _sort(made, term, _chosen(term, found))
    return made


def had(read: Read, made: list[Record]) -> list[Record]:
    """Return the groups that a read wants to have."""
    if read.having == EVERYTHING:
        return made
    found = outputs(read)
    model = Model("groups", tuple(replace(_kind(each, made), name=each.name) for each in found))
    holds = predicate(model, typed_filter(model, read.having, zone_of(read.timezone)))
    return [record for record in made if holds(record) is True]


def _kind(output: Output, made: Sequence[Record]) -> Field:
    column = output.column
    if column is not None and column.aggregate is None and column.cast is None:
        return _place(output)
    if column is not None and column.aggregate in _OF_THE_VALUES and column.cast is column.result_cast is None:
        return _place(output)
    return _typed_as([value for record in made if (value := record[output.name]) is not None])


def _maker(output: Output, timezone: str | None) -> Maker:
    column = output.column
    name = output.name
    if column is None or column.aggregate is None:
        return lambda members: members[0][name]
    if column.path == ROWS:
        return _cast(column, len, timezone)
    function = column.aggregate

    def make(members: Sequence[Record]) -> object:
        values = [value for record in members if (value := record[name]) is not None]
        place = _place(output) if column.cast is None else _typed_as(values)
        if values:
            must_compute(function, place)
        return computed(function, place, values)

    return _cast(column, make, timezone)


def _cast(column: Column, make: Maker, timezone: str | None) -> Maker:
    target = column.result_cast
    if target is None:
        return make

    def casting(members: Sequence[Record]) -> object:
        value = make(members)
        return cast(value, _typed_as([value]).type, target, timezone)

    return casting


def _place(output: Output) -> Field:
    assert output.model is not None and output.column is not None  # noqa: PT018 - aggregates are made of columns
    return place_of(output.model, output.column.path)


def _typed_as(values: Sequence[object]) -> Field:
    found = type(values[0]) if values else str
    return Field("", _TYPES.get(found, FieldType.OTHER))


def _chosen(term: Order, found: Sequence[Output]) -> Output:
    """Return the value of the answer that a term of an order means."""
    for each in found:
        path = replace(term.path, embed=None)
        same = each.column is not None and not each.aggregated and each.embed == term.path.embed
        if same and each.column is not None and each.column.path == path:
            return each
        if term.path.embed is None and not term.path.steps and each.name == term.path.field:
            return each
    raise BadValue(f'column "{term.path.field}" must appear in the select to be sorted by in groups', code="42803")


def _sort(records: list[Record], term: Order, output: Output) -> None:
    rank = _rank(output)
    there = [record for record in records if record[output.name] is not None]
    absent = [record for record in records if record[output.name] is None]
    there.sort(key=lambda record: rank(record[output.name]), reverse=term.descending)
    records[:] = absent + there if term.nulls_first else there + absent


def _rank(output: Output) -> Callable[[Any], Any]:
    column, model = output.column, output.model
    if column is None or column.aggregate is not None or column.cast is not None or not isinstance(model, Model):
        return lambda value: json_rank(jsonable(value))
    return ordering(place_of(model, column.path))
