"""Level 3: an order is an order, and what is written comes back as it was."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from bridge_core.arrange import ordered
from bridge_core.compare import ordering
from bridge_core.errors import Refused, Rejected
from bridge_core.operations import Create, Read, Record
from bridge_core.planning.rules import broken
from bridge_core.query import Nulls, Order, Path, Slice
from bridge_core.schema import Field, FieldType, Model
from bridge_core.testing.bench import Bench, must, terms
from bridge_core.testing.check import on_models
from bridge_core.testing.levels import declared
from bridge_core.testing.levels.news import added_by, new_records, removed_again
from bridge_core.testing.samples import edges
from bridge_core.values import JSON_NULL

_TEXTS: Final = frozenset({FieldType.TEXT})


async def an_order_is_by_value(bench: Bench, model: Model) -> None:
    """Records come in the order asked for, ascending and descending: numbers as numbers, moments as moments."""
    for field in declared.sortable(model):
        if field.type not in _TEXTS:
            for descending in (False, True):
                await _must_be_ordered(bench, model, (Order(Path(field.name), descending),), with_nulls=False)


async def text_is_ordered_by_code_point(bench: Bench, model: Model) -> None:
    """Text is ordered as the core orders it, by code point: else a page made by the core would differ."""
    for field in declared.sortable(model):
        if field.type in _TEXTS:
            for descending in (False, True):
                await _must_be_ordered(bench, model, (Order(Path(field.name), descending),), with_nulls=False)


async def records_without_a_value_stand_where_asked(bench: Bench, model: Model) -> None:
    """Records without a value come last when ascending, first when descending, or where the order says."""
    for field in declared.sortable(model):
        for descending in (False, True):
            for nulls in (None, *Nulls):
                order = (Order(Path(field.name), descending, nulls),)
                found = await _ordered(bench, model, order)
                missing = [each.get(field.name) is None for each in found]
                must(
                    missing == sorted(missing, reverse=order[0].nulls_first), f"order={terms(order)}: nulls stand wrong"
                )


async def the_second_term_decides_among_equals(bench: Bench, model: Model) -> None:
    """Of two terms of an order, the second decides where the first does not."""
    fields = [each for each in declared.sortable(model) if each.type not in _TEXTS]
    everything = await bench.everything(model)
    fields.sort(key=lambda each: len({repr(record.get(each.name)) for record in everything}))
    for first, second in pairwise(fields):
        await _must_be_ordered(bench, model, (Order(Path(first.name)), Order(Path(second.name), descending=True)))


async def pages_follow_the_order(bench: Bench, model: Model) -> None:
    """Pages put one behind the other are in the order asked for, and lack nothing."""
    everything = await bench.everything(model)
    for field in [each for each in declared.sortable(model) if each.type not in _TEXTS][:4]:
        order = (Order(Path(field.name), descending=True),)
        if _takes(model, order):
            found = await bench.walked(Read(model, order=order), size=3 if len(everything) < 300 else 100)
            must(
                _ranks(model, found, order) == _ranks(model, ordered(model, everything, order), order),
                _badly(model, order),
            )


async def a_window_is_cut_from_the_order(bench: Bench, model: Model) -> None:
    """An offset and a limit cut from the whole order, not from some page of it."""
    everything = await bench.everything(model)
    most = model.capabilities.max_offset
    offset = min(len(everything) // 2, len(everything) if most is None else most)
    for field in [each for each in declared.sortable(model) if each.type not in _TEXTS][:4]:
        order = (Order(Path(field.name)),)
        if _takes(model, order):
            page = await bench.read(Read(model, order=order, window=Slice(offset, 3)))
            expected = ordered(model, everything, order)[offset : offset + 3]
            must(_ranks(model, page.records, order) == _ranks(model, expected, order), _badly(model, order))


async def values_come_back_as_they_were(bench: Bench, model: Model) -> None:
    """What is written is read again unchanged: letters, digits, scale, instants. A value may be refused, never bent."""
    free = [
        each
        for each in model.readable
        if each.creatable and not each.generated and each.name not in declared.bound(model)
    ]
    for field in free:
        for value in [each for each in edges(field) if each is not JSON_NULL]:  # a body's null is no value at all
            await _must_come_back(bench, model, field, value)


async def _must_come_back(bench: Bench, model: Model, field: Field, value: object) -> None:
    (record,) = new_records(bench, model, 1)
    record = {**record, field.name: value}
    before = await bench.everything(model)
    try:
        await bench.write(Create(model, [record], tuple(record)))
    except Rejected:
        return
    (there,) = await added_by(bench, model, before)
    found = there.get(field.name)
    where = f"{model.name}.{field.name} ({field.type.value})"
    must(repr(found) == repr(value), f"{where}: {value!r} was written, and {found!r} is read")
    await removed_again(bench, model, [there])


async def _must_be_ordered(bench: Bench, model: Model, order: tuple[Order, ...], *, with_nulls: bool = True) -> None:
    if not _takes(model, order):
        return
    found: Sequence[Record] = await _ordered(bench, model, order)
    expected: Sequence[Record] = ordered(model, await bench.everything(model), order)
    if not with_nulls:
        name = order[0].path.field
        found, expected = ([each for each in some if each.get(name) is not None] for some in (found, expected))
    must(_ranks(model, found, order) == _ranks(model, expected, order), _badly(model, order))


async def _ordered(bench: Bench, model: Model, order: tuple[Order, ...]) -> list[Record]:
    return await bench.walked(Read(model, order=order)) if _takes(model, order) else []


def _takes(model: Model, order: tuple[Order, ...]) -> bool:
    try:
        for term in order:
            ordering(model.field(term.path.field))
    except Refused:
        return False
    return broken(model.capabilities.rules, (), order) is None


def _ranks(model: Model, records: Sequence[Record], order: tuple[Order, ...]) -> list[Any]:
    names = [(term.path.field, ordering(model.field(term.path.field))) for term in order]
    return [
        tuple(None if (value := record.get(name)) is None else rank(value) for name, rank in names)
        for record in records
    ]


def _badly(model: Model, order: tuple[Order, ...]) -> str:
    return f"{model.name}?order={terms(order)} comes in another order"


CHECKS: Final = (
    on_models(3, an_order_is_by_value, declared.orders),
    on_models(3, text_is_ordered_by_code_point, declared.orders),
    on_models(3, records_without_a_value_stand_where_asked, declared.orders),
    on_models(3, the_second_term_decides_among_equals, declared.orders_of_two),
    on_models(3, pages_follow_the_order, declared.orders, declared.pages),
    on_models(3, a_window_is_cut_from_the_order, declared.orders, declared.offsets),
    on_models(3, values_come_back_as_they_were, declared.creates, declared.a_key),
)
