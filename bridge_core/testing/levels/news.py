"""New records for the checks that write, and filters that find records again."""

from collections.abc import Sequence
from typing import Final

from bridge_core.operations import Delete, Key, Record, Update, WriteOptions
from bridge_core.query import EVERYTHING, And, Condition, Filter, Op, Or, Path
from bridge_core.schema import Boolean, Model, WriteBy
from bridge_core.testing.bench import Bench, identities, identity, key_of
from bridge_core.testing.levels import declared
from bridge_core.testing.samples import as_sent, edges, most_in, value_number

PLAIN: Final = WriteOptions()


def new_records(bench: Bench, model: Model, how_many: int) -> list[dict[str, object]]:
    """Return records that the backend should take: the author's, or made from the types of the fields."""
    make = bench.subject.new_record
    return [dict(make(model, number) if make else _made(model, number)) for number in bench.numbers(how_many)]


async def added_by(bench: Bench, model: Model, before: Sequence[Record]) -> list[Record]:
    """Return the records that are there now and were not before."""
    there = identities(model, before)
    return [each for each in await bench.everything(model) if identity(model, each) not in there]


async def removed_again(bench: Bench, model: Model, records: Sequence[Record]) -> None:
    """Delete what a check created, where the model says that this can be done."""
    batch = model.capabilities.delete_batch
    for start in range(0, len(records) if batch and model.key else 0, max(batch, 1)):
        for op in deletes_of(model, records[start : start + batch]):
            await bench.write(op)


def deletes_of(model: Model, records: Sequence[Record], options: WriteOptions = PLAIN) -> list[Delete]:
    """Return the deletes of these records, as the core would send them: one, or one for each record."""
    if model.capabilities.write_by is WriteBy.KEY:
        return [Delete(model, EVERYTHING, keys=_keys(model, records), options=options)]
    whole = picking(model, records)
    wheres = [whole] if whole is not None else [each for one in records if (each := picking(model, [one])) is not None]
    return [Delete(model, where, options=options) for where in wheres]


def update_of(
    model: Model, records: Sequence[Record], values: Record, options: WriteOptions = PLAIN, scope: Filter = EVERYTHING
) -> Update | None:
    """Return the update of these records, as the core would send it; None: no declared filter tells them apart."""
    if model.capabilities.write_by is WriteBy.KEY:
        return Update(model, values, EVERYTHING, keys=_keys(model, records), options=options)
    where = picking(model, records)
    return None if where is None else Update(model, values, where, scope=scope, options=options)


def picking(model: Model, records: Sequence[Record]) -> Filter | None:
    """Return a declared filter on the key that selects these records alone."""
    can, keys = model.capabilities, [key_of(model, each) for each in records]
    if not model.key or can.boolean is Boolean.NONE:
        return None
    name = model.key[0]
    operators = model.field(name).operators
    if len(model.key) == 1 and len(keys) > 1 and Op.IN in operators and len(keys) <= most_in(model, len(keys)):
        return as_sent(model, Condition(Path(name), Op.IN, tuple(key[0] for key in keys)))
    if any(Op.EQ not in model.field(each).operators for each in model.key):
        return None
    each_one = tuple(_equal(model, key) for key in keys)
    many = can.boolean is Boolean.FULL or (can.boolean is Boolean.DNF and len(keys) <= can.max_disjunctions)
    return each_one[0] if len(each_one) == 1 else Or(each_one) if many else None


def changed_value(model: Model, record: Record) -> dict[str, object]:
    """Return a field that can be updated with a value that the record does not have."""
    for field in declared.updatable(model):
        for value in (value_number(field, 7), value_number(field, 8), *edges(field)):
            if value is not None and repr(value) != repr(record.get(field.name)):
                return {field.name: value}
    return {}


def _equal(model: Model, key: Key) -> Filter:
    parts = tuple(as_sent(model, Condition(Path(name), Op.EQ, part)) for name, part in zip(model.key, key, strict=True))
    return parts[0] if len(parts) == 1 else And(parts)


def _keys(model: Model, records: Sequence[Record]) -> tuple[Key, ...]:
    return tuple(key_of(model, each) for each in records)


def _made(model: Model, number: int) -> dict[str, object]:
    """Make a record: keys and what is required by number, the rest by type; references are left out."""
    refers = {name for each in model.relations for name in each.fields} - set(model.key)
    made: dict[str, object] = {}
    for field in model.fields:
        if not field.creatable or field.generated:
            continue
        if field.name in refers and field.nullable:
            made[field.name] = None
        elif field.default is None or field.name in declared.bound(model):
            made[field.name] = value_number(field, number)
    return made
