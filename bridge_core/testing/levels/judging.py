"""What the checks that write have in common: records to write to, and judgement of what stands there afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bridge_core.errors import Outcome, Rejected
from bridge_core.operations import Create, Delete, Read, Record, Update, WriteOptions, Written
from bridge_core.query import Filter
from bridge_core.schema import Model
from bridge_core.testing.bench import Bench, Inapplicable, difference, identity, key_of, must, shown
from bridge_core.testing.levels import declared
from bridge_core.testing.levels.faults import first_page
from bridge_core.testing.levels.news import PLAIN, added_by, changed_value, new_records, picking, removed_again

_FEW: Final = 5


async def versions_now(bench: Bench, model: Model) -> dict[str, str]:
    """Return the versions of a few records, each read alone, by what tells the records apart."""
    found: dict[str, str] = {}
    for record in (await bench.everything(model))[-_FEW:]:
        page = await bench.read(_alone(model, record))
        etags = page.etags or ()
        must(len(page.records) == len(etags) == 1, f"{model.name}: {len(etags)} versions come with one record")
        found[identity(model, record)] = etags[0]
    return found


def creation(model: Model, records: Sequence[Record], options: WriteOptions = PLAIN) -> Create:
    """Return the create of these records, each with the same fields."""
    return Create(model, records, tuple(records[0]), options=options)


async def to_change(
    bench: Bench, model: Model, how_many: int = 1
) -> tuple[list[Record], list[Record], dict[str, object]]:
    """Return all records, some of them, and values that these do not have."""
    before = await bench.everything(model)
    chosen = before[-min(how_many, model.capabilities.update_batch) :]
    values = changed_value(model, chosen[0]) if chosen else {}
    if not values:
        raise Inapplicable("there is no record, or no free field, to change")
    return before, chosen, values


async def to_delete(bench: Bench, model: Model) -> tuple[list[Record], list[Record]]:
    """Return all records and some that can go: new ones where they can be made, else one that is there."""
    before = await bench.everything(model)
    if declared.creates(bench, model):
        return before, before[-1:]
    await bench.write(creation(model, new_records(bench, model, 1)))
    return await bench.everything(model), await added_by(bench, model, before)


async def gone_record(bench: Bench, model: Model) -> Record | None:
    """Return a record that is there no more; None: none can be made and removed."""
    if declared.creates(bench, model) or declared.deletes(bench, model):
        return None
    before = await bench.everything(model)
    await bench.write(creation(model, new_records(bench, model, 1)))
    added = await added_by(bench, model, before)
    await removed_again(bench, model, added)
    return added[0]


def twin(bench: Bench, model: Model, before: Sequence[Record]) -> Record:
    """Return a new record with the key of one that is there."""
    if not before or any(not model.field(name).creatable for name in model.key):
        raise Inapplicable("there is no record, or keys cannot be chosen")
    (new,) = new_records(bench, model, 1)
    return {**new, **{name: before[0].get(name) for name in model.key}}


def scopes_outside(model: Model, before: Sequence[Record], chosen: Sequence[Record]) -> list[Filter]:
    """Return declared filters that the chosen records are outside of."""
    others = [each for each in before if each not in chosen]
    found = [scope for each in others[:2] if (scope := picking(model, [each])) is not None]
    if not found:
        raise Inapplicable("there are no other records to make a scope of")
    return found


async def exactly_added(bench: Bench, model: Model, before: Sequence[Record], how_many: int) -> list[Record]:
    """Return the records that are new, or raise Broken unless they are so many."""
    everything = await bench.everything(model)
    added = await added_by(bench, model, before)
    must(
        len(added) == how_many == len(everything) - len(before),
        f"{model.name}: {how_many} records were created, {len(everything) - len(before)} more are there",
    )
    return added


async def others_unchanged(bench: Bench, model: Model, before: Sequence[Record]) -> None:
    """Raise Broken unless the records that were there are as they were."""
    there = {identity(model, each): shown(each) for each in await bench.everything(model)}
    changed = [identity(model, each) for each in before if there.get(identity(model, each)) != shown(each)]
    must(not changed, f"{model.name}: the write changed {', '.join(changed[:3])}")


async def must_refuse(bench: Bench, op: Create | Update | Delete, why: str) -> None:
    """Raise Broken unless a write is refused, and says that it was not applied."""
    try:
        written = await bench.write(op)
    except Rejected as error:
        must(error.outcome is Outcome.NOT_APPLIED, f"{op.model.name}: refused, and yet the outcome is {error.outcome}")
        return
    must(holds=False, otherwise=f"{op.model.name}: {why}, and {written.affected} records are said to be written")


def must_be_applied(model: Model, written: Written, affected: int) -> None:
    """Raise Broken unless a write says that it was applied to so many records."""
    must(written.outcome is Outcome.APPLIED, f"{model.name}: the outcome is {written.outcome.value}")
    must(written.affected == affected, f"{model.name}: {affected} records are concerned, {written.affected} said")
    must(not written.failures, f"{model.name}: failures {written.failures}")


def must_stand(model: Model, found: Sequence[Record], expected: Sequence[Record], what: str) -> None:
    """Raise Broken unless exactly these records stand in the model, value for value."""
    wrong = difference(model, found, expected)
    must(not wrong, f"{model.name}: after {what} the model {wrong}")
    there = {identity(model, each): each for each in found}
    for each in expected:
        other = there[identity(model, each)]
        must(
            shown(each) == shown(other), f"{model.name}: after {what} {shown(other)} stands where {shown(each)} should"
        )


def must_have(model: Model, record: Record, sent: Record) -> None:
    """Raise Broken unless a record has every value that was sent."""
    for name, value in sent.items():
        if model.field(name).readable:
            must(
                repr(record.get(name)) == repr(value),
                f"{model.name}.{name}: {value!r} was sent, {record.get(name)!r} is there",
            )


def must_give(model: Model, written: Written, expected: Sequence[Record], verb: str) -> None:
    """Raise Broken unless a write gives back exactly these records."""
    must(written.page is not None, f"{model.name}: {verb} gives no records back")
    given = [] if written.page is None else list(written.page.records)
    must(
        sorted(map(shown, given)) == sorted(map(shown, expected)),
        f"{model.name}: {verb} gives {given} back, and there is {list(expected)}",
    )


def _alone(model: Model, record: Record) -> Read:
    if model.capabilities.key_batch:
        return Read(model, keys=(key_of(model, record),), versions=True)
    where = picking(model, [record])
    if where is None:
        raise Inapplicable("neither a look-up nor a declared filter on the key selects single records")
    return replace(first_page(Read(model, where=where), 2), versions=True)
