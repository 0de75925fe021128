"""`reorder` and `reset_order`: numbers that say in which order people want their records.

Each record whose number changes is written by itself, so that on a failure the rest keeps the number that it had.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bridge_core.operations import Affected, Update, WriteOptions
from bridge_core.query import And, Column, Condition, Filter, Op, Path, Slice
from bridge_core.schema import Field, FieldType, Model
from bridge_core.surfaces.jet.exchange import Reply, reply
from bridge_core.surfaces.jet.problems import Invalid, Missing, general
from bridge_core.surfaces.jet.question import Question, known_field, order_of, read_of
from bridge_core.surfaces.jet.visit import Visit

_REQUIRED: Final = "this field is required"
_MOST: Final = 10_000  # records that are numbered anew in one request
_ONE: Final = WriteOptions(affected=Affected(most=1))
_REORDER: Final = ("ordering_field", "forward", "segment_from", "segment_to", "item")


async def reorder(visit: Visit) -> Reply:
    """Move one record to the place of another; those between make room."""
    data = await visit.body()
    _must_have(data, _REORDER)
    model, field = visit.model, _number_field(visit.model, data["ordering_field"])
    key = _single_key(model)
    forward = data["forward"] is True
    by_value = data.get("segment_by_ordering_field") is True
    first = await _place(visit, field, data["segment_from"], by_value=by_value)
    last = await _place(visit, field, data["segment_to"], by_value=by_value)
    between: Filter = And(
        (
            Condition(Path(field.name), Op.GTE, min(first, last)),
            Condition(Path(field.name), Op.LTE, max(first, last)),
        )
    )
    item = await _item(visit, data["item"])
    step = -1 if forward else 1
    found = await _numbered(visit, Question(model, between, order_of(model, field.name)), field)
    numbers = {record[key]: record[field.name] + step for record in found if record[key] != item[key]}
    await _number(visit, field, {**numbers, item[key]: last}, {record[key]: record[field.name] for record in found})
    return reply({**_echo(data, _REORDER), "segment_by_ordering_field": by_value})


async def reset_order(visit: Visit) -> Reply:
    """Number the records that match from 1 on, in an order."""
    data = await visit.body()
    _must_have(data, ("ordering_field",))
    model, field = visit.model, _number_field(visit.model, data["ordering_field"])
    key = _single_key(model)
    ordering = data.get("ordering")
    if not isinstance(ordering, str | None):
        raise Invalid({"ordering": "this must be a text"})
    question = replace(visit.question(), order=order_of(model, ordering or ""))
    records = await _numbered(visit, question, field, *_names_in(model, data))
    ranked = _by_values(records, data.get("value_ordering"))
    numbers = {record[key]: at for at, record in enumerate(ranked, 1)}
    await _number(visit, field, numbers, {record[key]: record[field.name] for record in records})
    return reply(_echo(data, ("ordering_field", "ordering", "value_ordering")))


async def _number(visit: Visit, field: Field, numbers: Mapping[Any, int], before: Mapping[Any, object]) -> None:
    key = _single_key(visit.model)
    for value, number in numbers.items():
        if before.get(value) != number:
            where = Condition(Path(key), Op.EQ, value)
            await visit.write(Update(visit.model, {field.name: number}, where, options=_ONE))


async def _numbered(visit: Visit, question: Question, field: Field, *more: str) -> Sequence[Mapping[str, Any]]:
    """Return the keys and numbers of records, and other fields of them, in the order of a question."""
    names = dict.fromkeys((_single_key(visit.model), field.name, *more))
    columns = tuple(Column(Path(name)) for name in names)
    read = replace(read_of(question), select=columns, encoded=False, window=Slice(0, _MOST + 1))
    page = await visit.read(read)
    if len(page.records) > _MOST:
        raise general(f"more than {_MOST:,} records are not numbered at once")
    return page.records


async def _place(visit: Visit, field: Field, value: object, *, by_value: bool) -> int:
    if by_value:
        if isinstance(value, bool) or not isinstance(value, int):
            raise general("segment_from and segment_to must be integers")
        return value
    found = (await _item(visit, value))[field.name]
    if not isinstance(found, int):
        raise general(f"the record {value} has no place yet")
    return found


async def _item(visit: Visit, value: object) -> Mapping[str, Any]:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise general("item, segment_from and segment_to must be keys")
    where = Condition(Path(_single_key(visit.model)), Op.EQ, str(value))
    page = await visit.read(replace(read_of(Question(visit.model, where)), encoded=False, window=Slice(0, 1)))
    if not page.records:
        raise Missing("there is no such record")
    return page.records[0]


def _names_in(model: Model, data: Mapping[str, object]) -> Iterable[str]:
    text = data.get("value_ordering")
    if text is None:
        return ()
    if not isinstance(text, str) or "-" not in text:
        raise Invalid({"value_ordering": "write it as field-value1,value2"})
    return (known_field(model, text.partition("-")[0]).name,)


def _by_values(records: Sequence[Mapping[str, Any]], text: object) -> Sequence[Mapping[str, Any]]:
    """Sort records by the place of a value in a list; those with other values stand behind."""
    if not isinstance(text, str):
        return records
    name, _, listed = text.partition("-")
    ranks = {value: at for at, value in enumerate(listed.split(","))}
    return sorted(records, key=lambda record: ranks.get(str(record[name]), len(ranks)))


def _number_field(model: Model, name: object) -> Field:
    field = known_field(model, str(name))
    if field.type is not FieldType.INTEGER:
        raise Invalid({"ordering_field": "this must be a field of integers"})
    return field


def _single_key(model: Model) -> str:
    if len(model.key) != 1:
        raise general("records without a key of one field have no order of their own")
    return model.key[0]


def _must_have(data: Mapping[str, object], names: Iterable[str]) -> None:
    wrong = {name: _REQUIRED for name in names if data.get(name) is None}
    if wrong:
        raise Invalid(wrong)


def _echo(data: Mapping[str, object], names: Iterable[str]) -> Mapping[str, object]:
    return {name: data[name] for name in names if name in data}
