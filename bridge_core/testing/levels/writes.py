"""Level 4: a write does what it says, to these records alone, and says what became of it."""

from dataclasses import replace
from typing import Final

from bridge_core.errors import BridgeError, Outcome, PreconditionFailed
from bridge_core.operations import (
    Affected,
    Create,
    Delete,
    Record,
    Resolution,
    Update,
    Upsert,
    WriteOptions,
)
from bridge_core.query import Column, Path
from bridge_core.schema import Model
from bridge_core.testing.bench import Bench, Inapplicable, identity, key_of, must
from bridge_core.testing.check import on_models
from bridge_core.testing.levels import declared
from bridge_core.testing.levels.judging import (
    creation,
    exactly_added,
    gone_record,
    must_be_applied,
    must_give,
    must_have,
    must_refuse,
    must_stand,
    others_unchanged,
    scopes_outside,
    to_change,
    to_delete,
    twin,
    versions_now,
)
from bridge_core.testing.levels.news import (
    added_by,
    changed_value,
    deletes_of,
    new_records,
    picking,
    removed_again,
    update_of,
)

_BATCH: Final = 50  # the largest batch that is tried
_WANTED: Final = WriteOptions(returning=())


async def a_new_record_is_there(bench: Bench, model: Model) -> None:
    """A created record is there afterwards, with every value that was sent; the others are as they were."""
    before = await bench.everything(model)
    (record,) = new_records(bench, model, 1)
    written = await bench.write(creation(model, [record]))
    must_be_applied(model, written, 1)
    must(written.inserted == 1, f"{model.name}: one record was created, {written.inserted} are said to be new")
    (there,) = await exactly_added(bench, model, before, 1)
    must_have(model, there, record)
    for key in written.keys:
        must(
            key_of(model, key) == key_of(model, there),
            f"{model.name}: the key is said to be {key}, it is {key_of(model, there)}",
        )
    await others_unchanged(bench, model, before)
    await removed_again(bench, model, [there])


async def a_batch_is_there_once(bench: Bench, model: Model) -> None:
    """Of a batch of the declared size every record is there afterwards, once."""
    before = await bench.everything(model)
    size = min(model.capabilities.create_batch, _BATCH)
    written = await bench.write(creation(model, new_records(bench, model, size)))
    must_be_applied(model, written, size)
    added = await exactly_added(bench, model, before, size)
    await removed_again(bench, model, added)


async def an_update_changes_these_alone(bench: Bench, model: Model) -> None:
    """An update sets these fields of these records, and nothing else anywhere."""
    before, chosen, values = await to_change(bench, model)
    op = update_of(model, chosen, values)
    if op is None:
        raise Inapplicable("no declared filter on the key selects single records")
    must_be_applied(model, await bench.write(op), len(chosen))
    after = await bench.everything(model)
    expected = [{**each, **values} if each in chosen else each for each in before]
    must_stand(model, after, expected, "an update")


async def a_delete_removes_these_alone(bench: Bench, model: Model) -> None:
    """A delete removes these records, and no other."""
    before, chosen = await to_delete(bench, model)
    for op in deletes_of(model, chosen):
        await bench.write(op)
    must_stand(model, await bench.everything(model), [each for each in before if each not in chosen], "a delete")


async def what_does_not_match_is_not_written(bench: Bench, model: Model) -> None:
    """A write that matches nothing succeeds, affects nothing, and changes nothing."""
    before = await bench.everything(model)
    gone = await gone_record(bench, model)
    values = changed_value(model, gone) if gone else {}
    op = update_of(model, [gone], values) if gone and values else None
    if op is None:
        raise Inapplicable("there is no record that can be made and removed again")
    must_be_applied(model, await bench.write(op), 0)
    must_stand(model, await bench.everything(model), before, "an update of nothing")


async def scope_limits_an_update(bench: Bench, model: Model) -> None:
    """A record outside of scope is not updated, though it matches the filter."""
    before, chosen, values = await to_change(bench, model)
    for scope in scopes_outside(model, before, chosen):
        op = update_of(model, chosen, values, scope=scope)
        if op is None:
            raise Inapplicable("no declared filter on the key selects single records")
        must_be_applied(model, await bench.write(op), 0)
        must_stand(model, await bench.everything(model), before, "an update outside of scope")


async def scope_limits_a_delete(bench: Bench, model: Model) -> None:
    """A record outside of scope is not deleted, though it matches the filter."""
    before, chosen, _ = await to_change(bench, model)
    for scope in scopes_outside(model, before, chosen):
        for op in deletes_of(model, chosen):
            must_be_applied(model, await bench.write(replace(op, scope=scope)), 0)
        must_stand(model, await bench.everything(model), before, "a delete outside of scope")


async def written_records_are_given_back(bench: Bench, model: Model) -> None:
    """A write that is asked for its records gives back exactly those, as they stand afterwards."""
    before = await bench.everything(model)
    written = await bench.write(creation(model, new_records(bench, model, 1), _WANTED))
    added = await exactly_added(bench, model, before, 1)
    must_give(model, written, added, "create")
    values = changed_value(model, added[0]) if not declared.updates(bench, model) else {}
    op = update_of(model, added, values, _WANTED) if values else None
    if op is not None:
        written = await bench.write(op)
        added = [{**added[0], **values}]
        must_give(model, written, added, "update")
    for delete in deletes_of(model, added, _WANTED) if model.key and model.capabilities.delete_batch else ():
        must_give(model, await bench.write(delete), added, "delete")


async def chosen_columns_are_given_back(bench: Bench, model: Model) -> None:
    """A write gives back the columns asked for, no other."""
    before = await bench.everything(model)
    name = model.readable[0].name
    options = WriteOptions(returning=(Column(Path(name)),))
    written = await bench.write(creation(model, new_records(bench, model, 1), options))
    added = await added_by(bench, model, before)
    await removed_again(bench, model, added)
    given = [tuple(record) for record in (written.page.records if written.page else ())]
    must(given == [(name,)], f"{model.name}: {name} was asked for, {given} came")


async def bounds_on_affected_records_hold(bench: Bench, model: Model) -> None:
    """A write that would touch more or fewer records than it may is not applied, and says so."""
    before, chosen, values = await to_change(bench, model, how_many=2)
    if len(chosen) < 2 or picking(model, chosen) is None:
        raise Inapplicable("no declared filter on the key selects two records")
    for bounds in (Affected(most=1), Affected(least=3)):
        options = WriteOptions(affected=bounds)
        ops: list[Update | Delete | None] = [update_of(model, chosen, values, options)]
        ops += deletes_of(model, chosen, options) if model.capabilities.delete_batch else []
        for op in ops:
            if op is not None:
                await must_refuse(bench, op, f"two records matched, {bounds.least} to {bounds.most} were allowed")
                must_stand(model, await bench.everything(model), before, "a refused write")


async def a_key_is_given_once(bench: Bench, model: Model) -> None:
    """A record whose key is there already is refused, and the one that is there stays as it was."""
    before = await bench.everything(model)
    record = twin(bench, model, before)
    await must_refuse(bench, creation(model, [record]), f"the key {key_of(model, record)} is there already")
    must_stand(model, await bench.everything(model), before, "a refused create")


async def an_atomic_batch_is_whole_or_nothing(bench: Bench, model: Model) -> None:
    """Of a batch with one record that cannot be, none is created."""
    before = await bench.everything(model)
    batch = [*new_records(bench, model, 1), twin(bench, model, before), *new_records(bench, model, 1)]
    await must_refuse(bench, creation(model, batch[: model.capabilities.create_batch]), "one key is there already")
    must_stand(model, await bench.everything(model), before, "a refused batch")


async def a_partial_batch_says_what_failed(bench: Bench, model: Model) -> None:
    """Of a batch with one record that cannot be, exactly those are created that are said to be."""
    before = await bench.everything(model)
    batch = [*new_records(bench, model, 1), twin(bench, model, before), *new_records(bench, model, 1)]
    batch = batch[: model.capabilities.create_batch]
    try:
        written = await bench.write(creation(model, batch))
    except BridgeError as error:
        if error.outcome is Outcome.NOT_APPLIED:
            must_stand(model, await bench.everything(model), before, "a refused batch")
        await removed_again(bench, model, await added_by(bench, model, before))
        return
    failed = set(written.failures or ())
    must(1 in failed, f"{model.name}: a record whose key was there is not among the failures {sorted(failed)}")
    added = await added_by(bench, model, before)
    must(
        len(added) == len(batch) - len(failed) == written.affected,
        f"{model.name}: {len(added)} were created, {written.affected} said",
    )
    await others_unchanged(bench, model, before)
    await removed_again(bench, model, added)


async def a_dry_run_leaves_nothing(bench: Bench, model: Model) -> None:
    """A write that is only tried answers as if, and changes nothing."""
    before = await bench.everything(model)
    written = await bench.write(creation(model, new_records(bench, model, 1), WriteOptions(dry_run=True)))
    must(written.affected == 1, f"{model.name}: a tried create affects {written.affected} records")
    must_stand(model, await bench.everything(model), before, "a dry run")


async def an_upsert_merges_or_ignores(bench: Bench, model: Model) -> None:
    """An upsert adds what is new; what is there is merged or left, as asked, and never doubled."""
    before = await bench.everything(model)
    there, (new,) = twin(bench, model, before), new_records(bench, model, 1)
    old = next(each for each in before if identity(model, each) == identity(model, there))
    values = changed_value(model, old)
    columns = tuple(dict.fromkeys((*new, *values)))
    records: list[Record] = [{**{name: old.get(name) for name in columns}, **values}, {**values, **new}]
    await bench.write(Create(model, records[:1], columns, upsert=Upsert(Resolution.IGNORE, model.key)))
    must_stand(model, await bench.everything(model), before, "an upsert that ignores")
    written = await bench.write(Create(model, records, columns, upsert=Upsert(Resolution.MERGE, model.key)))
    must(written.inserted == 1, f"{model.name}: one record of an upsert is new, {written.inserted} are said to be")
    added = await exactly_added(bench, model, before, 1)
    merged = [{**each, **values} if each is old else each for each in before]
    must_stand(model, [each for each in await bench.everything(model) if each not in added], merged, "an upsert")
    await removed_again(bench, model, added)


async def a_wrong_version_is_not_overwritten(bench: Bench, model: Model) -> None:
    """A write that names another version than the record has is refused as such, and changes nothing."""
    before, chosen, values = await to_change(bench, model)
    op = update_of(model, chosen, values, WriteOptions(etags=('"no-such-version"',)))
    if op is None:
        raise Inapplicable("no declared filter on the key selects single records")
    try:
        await bench.write(op)
    except PreconditionFailed:
        must_stand(model, await bench.everything(model), before, "a refused update")
        return
    must(holds=False, otherwise=f"{model.name}: an update for another version of the record is applied")


async def a_version_changes_with_its_record(bench: Bench, model: Model) -> None:
    """A write for the version that a record has is applied once: it gives that record, and no other, a new version."""
    before = await versions_now(bench, model)
    everything, _, _ = await to_change(bench, model)
    chosen = [each for each in everything if identity(model, each) in before][:1]
    values = changed_value(model, chosen[0])
    mine = identity(model, chosen[0])
    op = update_of(model, chosen, values, WriteOptions(etags=(before[mine],)))
    if op is None:
        raise Inapplicable("no declared filter on the key selects single records")
    must_be_applied(model, await bench.write(op), 1)
    after = await versions_now(bench, model)
    changed = [name for name, version in after.items() if before.get(name) != version]
    must(changed == [mine], f"{model.name}: {mine} was updated, and the versions of {changed[:3]} changed")
    try:
        await bench.write(op)
    except PreconditionFailed:
        return
    must(holds=False, otherwise=f"{model.name}: an update for a version that is gone is applied")


async def a_repeated_create_is_applied_once(bench: Bench, model: Model) -> None:
    """A create that comes twice with the same idempotency key adds its records once."""
    before = await bench.everything(model)
    op = creation(model, new_records(bench, model, 1), WriteOptions(key=f"conformance-{bench.numbers(1)[0]}"))
    first, second = await bench.write(op), await bench.write(op)
    must(first.affected == second.affected == 1, f"{model.name}: the repetition affects {second.affected} records")
    await removed_again(bench, model, await exactly_added(bench, model, before, 1))


CHECKS: Final = (
    on_models(4, a_new_record_is_there, declared.creates),
    on_models(4, a_batch_is_there_once, declared.creates),
    on_models(4, a_key_is_given_once, declared.creates, declared.a_key),
    on_models(4, an_atomic_batch_is_whole_or_nothing, declared.creates, declared.atomic, declared.a_key),
    on_models(4, a_partial_batch_says_what_failed, declared.creates, declared.not_atomic, declared.a_key),
    on_models(4, an_update_changes_these_alone, declared.updates),
    on_models(4, what_does_not_match_is_not_written, declared.updates),
    on_models(4, a_delete_removes_these_alone, declared.deletes),
    on_models(4, scope_limits_an_update, declared.updates, declared.writes_by_filter),
    on_models(4, scope_limits_a_delete, declared.deletes, declared.writes_by_filter),
    on_models(4, written_records_are_given_back, declared.creates, declared.returns),
    on_models(4, chosen_columns_are_given_back, declared.creates, declared.returns, declared.selects),
    on_models(4, bounds_on_affected_records_hold, declared.updates, declared.writes_by_filter, declared.atomic),
    on_models(4, a_dry_run_leaves_nothing, declared.creates, declared.atomic),
    on_models(4, an_upsert_merges_or_ignores, declared.upserts, declared.updates),
    on_models(4, a_wrong_version_is_not_overwritten, declared.updates, declared.etags),
    on_models(4, a_version_changes_with_its_record, declared.updates, declared.etags),
    on_models(4, a_repeated_create_is_applied_once, declared.creates, declared.replays),
)
