"""Level 1: every record comes, once, whole, and as no more than was asked for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bridge_core.operations import Part, Read, Record
from bridge_core.policy import narrowed
from bridge_core.query import After, Column, Counting, Path, Slice
from bridge_core.schema import FieldType, Model, Paging
from bridge_core.testing.bench import Bench, difference, identities, key_of, must, shown
from bridge_core.testing.check import on_adapter, on_models
from bridge_core.testing.levels import declared
from bridge_core.testing.samples import is_of_type
from bridge_core.values import decode_json, encode

_SIZES: Final = (1, 2, 3, 99, 100, 101)
_CALLS: Final = 400  # for one page size


async def there_are_records_to_read(bench: Bench) -> None:
    """At least one model has records: on an empty backend nothing is proved."""
    counts = {name: len(await bench.everything(model)) for name, model in bench.models.items()}
    must(any(counts.values()), f"no record in {', '.join(counts) or 'no model'}: give the kit a backend with records")


async def all_known_records_come(bench: Bench, model: Model) -> None:
    """Exactly the records come that are known to stand in the model, value for value."""
    known = [{name: record.get(name) for name in _names(model)} for record in bench.subject.records[model.name]]
    found = await bench.everything(model)
    wrong = difference(model, found, known)
    must(not wrong, f"{model.name} {wrong}")
    there = sorted(shown({name: record.get(name) for name in _names(model)}) for record in found)
    for one, other in zip(there, sorted(map(shown, known)), strict=True):
        must(one == other, f"{model.name}: {one} came where {other} stands")


async def every_record_comes_once(bench: Bench, model: Model) -> None:
    """Every record comes exactly once, whatever the page size; no page is larger than asked for."""
    everything = await bench.everything(model)
    most = model.capabilities.max_page
    sizes = {size if most is None else min(size, most) for size in (*_SIZES, len(everything) or 1, len(everything) + 1)}
    for size in sorted(sizes):
        if len(everything) / size <= _CALLS:
            found = await bench.walked(Read(model), size)
            wrong = difference(model, found, everything)
            must(not wrong, f"{model.name} in pages of {size} {wrong}")


async def keys_are_unique(bench: Bench, model: Model) -> None:
    """No two records have the same key, and no part of a key is missing."""
    everything = await bench.everything(model)
    twice = [key for key, times in identities(model, everything).items() if times > 1]
    must(not twice, f"{model.name} has more than one record with the key {', '.join(twice[:3])}")
    lacking = [shown(each) for each in everything if None in key_of(model, each)]
    must(not lacking, f"{model.name} has a record without a key: {', '.join(lacking[:1])}")


async def records_are_found_by_key(bench: Bench, model: Model) -> None:
    """A look-up gives the records with these keys, in any order, without those that are not there."""
    everything = await bench.everything(model)
    batch = model.capabilities.key_batch
    for size in {1, 2, batch}:
        wanted = everything[-min(size, batch, 100) :]
        keys = tuple(key_of(model, each) for each in wanted)
        found = (await bench.read(Read(model, keys=keys))).records
        wrong = difference(model, found, wanted)
        must(not wrong, f"{model.name}: the look-up of {len(keys)} keys {wrong}")
        for one in found:
            must(shown(one) in map(shown, everything), f"{model.name}: the look-up gives other values: {shown(one)}")
    absent = _absent_key(model, everything)
    if absent is not None:
        found = (await bench.read(Read(model, keys=(absent,)))).records
        must(
            not found,
            f"{model.name}: the look-up of the key {absent!r}, which is not there, gives {len(found)} records",
        )


async def values_have_their_types(bench: Bench, model: Model) -> None:
    """Every value has the form in Python that the type of its field says; only nullable ones are missing."""
    for record in await bench.everything(model):
        for field in model.readable:
            value = record.get(field.name)
            where = f"{model.name}.{field.name} ({field.type.value})"
            must(value is not None or field.nullable, f"{where} is not nullable, and a record lacks it")
            must(value is None or is_of_type(field, value), f"{where} came as {value!r}")


async def only_chosen_columns_come(bench: Bench, model: Model) -> None:
    """A record has exactly the columns asked for, under their names; the choice changes no record."""
    everything = await bench.everything(model)
    for names in {_names(model)[:1], _names(model)[-2:], _names(model)}:
        columns = tuple(Column(Path(name)) for name in names)
        page = await bench.read(_first(Read(model, columns), len(everything)))
        must(
            len(page.records) == min(len(everything), _limit(model, len(everything))),
            f"{model.name}: {names} loses records",
        )
        for record in page.records:
            must(tuple(record) == names, f"{model.name}: select {', '.join(names)} gave {', '.join(record)}")
    name = _names(model)[0]
    page = await bench.read(_first(Read(model, (Column(Path(name), alias="other name"),)), 1))
    must(all(set(record) == {"other name"} for record in page.records), f"{model.name}: an alias is ignored")


async def hidden_fields_do_not_come(bench: Bench, model: Model) -> None:
    """Of a model whose fields policy took away, only the others come."""
    shown_names = _names(model)[:1]
    less = narrowed(model, frozenset(shown_names), None, None)
    for record in (await bench.read(_first(Read(less), 5))).records:
        must(tuple(record) == shown_names, f"{model.name}: {', '.join(record)} came; only {shown_names[0]} is visible")


async def the_choice_of_columns_loses_no_record(bench: Bench, model: Model) -> None:
    """A read of one column gives as many records as a read of all."""
    everything = await bench.everything(model)
    for name in _names(model):
        found = await bench.walked(Read(model, (Column(Path(name)),)))
        must(
            len(found) == len(everything), f"{model.name}: of {len(everything)} records, {len(found)} come with {name}"
        )


async def totals_are_exact(bench: Bench, model: Model) -> None:
    """A counted read says how many records match in all, whatever its window."""
    everything = await bench.everything(model)
    for limit in {1, len(everything) + 1}:
        page = await bench.read(_first(Read(model, count=Counting.EXACT), limit))
        must(Part.COUNT in page.unfinished or page.total == len(everything), _miscounted(model, page.total, everything))


async def json_is_the_records(bench: Bench, model: Model) -> None:
    """An answer that is JSON already says what the records say."""
    op = _first(Read(model), 50)
    records = (await bench.read(op)).records
    page = await bench.adapter.read(replace(op, encoded=True))
    pieces = [piece async for piece in page.stream] if page.stream is not None else [page.encoded or b"[]"]
    decoded = decode_json(b"".join(pieces)) if page.encoded or page.stream else [*page.records]
    must(isinstance(decoded, list), f"{model.name}: the JSON is no array")
    expected = decode_json(encode(records))
    must(
        shown({"": decoded}) == shown({"": expected}), f"{model.name}: the JSON says {decoded}, the records {expected}"
    )


async def an_offset_skips_as_many(bench: Bench, model: Model) -> None:
    """A window that begins at a place gives what stands there in the same order; behind the end there is nothing."""
    everything = await bench.everything(model)
    most = model.capabilities.max_offset
    if most is None or len(everything) <= most:
        page = await bench.read(Read(model, window=Slice(len(everything), 1)))
        must(not page.records, f"{model.name}: behind the last record there is one more")
    page = await bench.read(Read(model, window=Slice(0, 0)))
    must(not page.records, f"{model.name}: a page of 0 has records")
    for offset in {1, min(len(everything) // 2, most or 1)} if everything else ():
        page = await bench.read(Read(model, window=Slice(offset, 2)))
        found, expected = list(map(shown, page.records)), list(map(shown, everything[offset : offset + 2]))
        must(found == expected, f"{model.name}: {found} stands at {offset}, and {expected} came there before")


def _first(op: Read, limit: int) -> Read:
    """Ask for the first page."""
    match op.model.capabilities.paging:
        case Paging.WHOLE:
            return op
        case Paging.CURSOR:
            return replace(op, window=After(None, max(_limit(op.model, limit), 1)))
        case Paging.OFFSET:
            return replace(op, window=Slice(0, _limit(op.model, limit)))


def _limit(model: Model, limit: int) -> int:
    most = model.capabilities.max_page
    return limit if most is None or model.capabilities.paging is Paging.WHOLE else min(limit, most)


def _names(model: Model) -> tuple[str, ...]:
    return tuple(each.name for each in model.readable)


def _absent_key(model: Model, everything: Sequence[Record]) -> tuple[object, ...] | None:
    """Make a key that no record has, where the type of the key allows it."""
    types = [model.field(name).type for name in model.key]
    if set(types) - {FieldType.INTEGER, FieldType.TEXT}:
        return None
    present = {key_of(model, each) for each in everything}
    key: tuple[object, ...] = tuple(2_000_000_001 if each is FieldType.INTEGER else "no-such-key" for each in types)
    return None if key in present else key


def _miscounted(model: Model, total: int | None, everything: Sequence[Record]) -> str:
    return f"{model.name}: the total is said to be {total}, and {len(everything)} records come"


CHECKS: Final = (
    on_adapter(1, there_are_records_to_read),
    on_models(1, all_known_records_come, declared.known_records),
    on_models(1, every_record_comes_once),
    on_models(1, an_offset_skips_as_many, declared.offsets),
    on_models(1, keys_are_unique, declared.a_key),
    on_models(1, records_are_found_by_key, declared.look_ups),
    on_models(1, values_have_their_types),
    on_models(1, only_chosen_columns_come, declared.selects),
    on_models(1, hidden_fields_do_not_come, declared.selects),
    on_models(1, the_choice_of_columns_loses_no_record, declared.selects),
    on_models(1, totals_are_exact, declared.counts),
    on_models(1, json_is_the_records, declared.encodes),
)
