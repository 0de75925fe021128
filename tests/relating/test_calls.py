"""What related records cost: a bounded number of questions, each key once; and what a failing far end does."""

import asyncio
from dataclasses import replace
from math import ceil

import pytest

from bridge_core.errors import BridgeError, Outcome, Refused, Unavailable
from bridge_core.operations import Create, Delete, Embed, Page, Read, Record, Update, WriteOptions, Written
from bridge_core.planner import Limits
from bridge_core.query import EVERYTHING, Aggregate, Column, Condition, Counting, Filter, Op, Order, Path, Slice
from bridge_core.relate import perform
from bridge_core.schema import Relation
from bridge_core.testing.memory import Weakness
from tests.relating.house import CUSTOMERS, LINKS, ORDERS, TAGS, House, Noting, Rows, house

pytestmark = pytest.mark.anyio

CUSTOMER, PARENT, CHILDREN, ACROSS = (ORDERS.relations[at] for at in range(4))
NAME = (Column(Path("name")),)
KEY = (Column(Path("id")),)
BY_ID = (Order(Path("id")),)


def shop(orders: int = 100, customers: int = 30) -> Rows:
    """Make orders of which each third refers to nobody, or to nobody who is there."""
    return {
        "orders": [
            {
                "id": at,
                "customer": None if at % 10 == 0 else str(at % customers),
                "parent": at - 1,
                "total": at,
                "note": "n",
            }
            for at in range(orders)
        ],
        "customers": [{"id": at, "name": f"c{at}", "country": "DE" if at % 2 else "FR"} for at in range(customers - 5)],
        "tags": [{"id": at, "name": f"t{at}"} for at in range(3)],
        "links": [{"id": at, "order": at // 2, "tag": at % 3, "note": "x"} for at in range(orders)],
    }


def customer(read: Read | None = None, relation: Relation = CUSTOMER, **more: object) -> Embed:
    """Embed the customer of an order."""
    read = read or Read(CUSTOMERS, NAME)
    return Embed("customer", relation, read, **more)  # type: ignore[arg-type]  # attributes of Embed


def narrowed(made: House, name: str, **able: object) -> House:
    """Return a house where one model declares something else."""
    model = made.models[name]
    changed = replace(model, capabilities=replace(model.capabilities, **able))  # type: ignore[arg-type]  # real names
    return replace(made, models={**made.models, name: changed})


def asked(made: House, resource: str) -> list[Read]:
    adapter = made.adapters[resource]
    assert isinstance(adapter, Noting)
    return adapter.asked


async def page(made: House, op: Read) -> Page:
    found = await perform(made.placed(op), made.source)
    assert isinstance(found, Page)
    return found


@pytest.mark.parametrize("batch", [1, 2, 7, 30, 1_000])
async def test_each_customer_of_a_hundred_orders_is_asked_for_once(batch: int) -> None:
    content = shop()
    made = narrowed(house(content), "customers", key_batch=batch, max_in=batch)
    distinct = {row["customer"] for row in content["orders"]} - {None}

    found = await page(made, Read(ORDERS, KEY, order=BY_ID, window=Slice(0, 100), embeds=(customer(),)))

    assert len(asked(made, "crm")) == ceil(len(distinct) / batch)
    assert len(asked(made, "shop")) == 1
    assert found.records[1] == {"id": 1, "customer": {"name": "c1"}}
    assert [row["customer"] for row in found.records if row["id"] in (0, 28)] == [None, None]


async def test_what_two_embeds_ask_alike_is_asked_once() -> None:
    made = house(shop())
    twice = (replace(customer(), name="a"), replace(customer(), name="b"))

    await page(made, Read(ORDERS, KEY, embeds=twice, window=Slice(0, 10)))

    assert len(asked(made, "crm")) == 1


async def test_no_reference_asks_nothing() -> None:
    made = house(shop())
    nobody = Condition(Path("id"), Op.EQ, "10")

    found = await page(made, Read(ORDERS, KEY, where=nobody, embeds=(customer(),)))

    assert found.records == [{"id": 10, "customer": None}]
    assert asked(made, "crm") == []


async def test_a_page_of_one_record_leaves_the_window_of_its_embed_to_the_backend() -> None:
    made = house(shop())
    orders = Embed("orders", CUSTOMERS.relations[0], Read(ORDERS, KEY, order=BY_ID, window=Slice(1, 2)))
    one = Condition(Path("id"), Op.EQ, "1")

    found = await page(made, Read(CUSTOMERS, KEY, where=one, embeds=(orders,)))

    assert found.records == [{"id": 1, "orders": [{"id": 31}, {"id": 61}]}]
    assert [read.window for read in asked(made, "shop")] == [Slice(1, 2)]


async def test_a_filter_at_the_far_end_is_asked_there_first_and_the_near_end_by_key() -> None:
    made = house(shop(), limits=Limits(max_scan=20))
    named = Read(CUSTOMERS, NAME, where=Condition(Path("name"), Op.EQ, "c3"))

    found = await page(
        made, Read(ORDERS, KEY, order=BY_ID, count=Counting.EXACT, embeds=(customer(named, inner=True),))
    )

    assert [row["id"] for row in found.records] == [3, 33, 63, 93]
    assert found.total == 4
    assert len(asked(made, "shop")) == 1


async def test_records_of_a_page_are_found_without_reading_all_that_there_are() -> None:
    made = house(shop(5_000), limits=Limits(max_scan=1_000))

    found = await page(made, Read(ORDERS, KEY, order=BY_ID, window=Slice(0, 5), embeds=(customer(inner=True),)))

    assert [row["id"] for row in found.records] == [1, 2, 3, 4, 5]
    assert sum(read.window.limit or 0 for read in asked(made, "shop")) <= 200


@pytest.mark.parametrize(
    "op",
    [
        Read(ORDERS, KEY, embeds=(customer(inner=True),), count=Counting.EXACT),
        Read(ORDERS, KEY, embeds=(customer(inner=True),)),
        Read(ORDERS, KEY, embeds=(customer(),), order=(Order(Path("name", embed="customer")),), window=Slice(0, 1)),
        Read(ORDERS, KEY, embeds=(customer(),)),
        Read(ORDERS, (Column(Path("note")), Column(Path("total"), aggregate=Aggregate.SUM))),
        Read(TAGS, KEY, embeds=(Embed("orders", TAGS.relations[0], Read(ORDERS, KEY), junction=LINKS),)),
    ],
)
async def test_beyond_the_bound_nothing_is_answered(op: Read) -> None:
    made = house(shop(), limits=Limits(max_scan=60, ceiling=2_000))

    with pytest.raises(Refused) as caught:
        await page(made, op)
    found = await page(made, replace(op, max_scan=2_000))

    assert caught.value.hint is not None
    assert "max-scan" in caught.value.hint
    assert found.rows


FAILURE = Unavailable("the far end is gone")


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("where", [EVERYTHING, Condition(Path("name"), Op.EQ, "c3")])
async def test_a_far_end_that_fails_is_an_error_and_never_an_empty_embed(inner: bool, where: Filter) -> None:
    made = house(shop())
    far = made.adapters["crm"]
    assert isinstance(far, Noting)
    far.failure = FAILURE

    with pytest.raises(Unavailable) as caught:
        await page(made, Read(ORDERS, KEY, embeds=(customer(Read(CUSTOMERS, NAME, where=where), inner=inner),)))

    assert caught.value is FAILURE


async def test_a_far_end_that_fails_on_a_later_batch_is_an_error_as_well() -> None:
    class Failing(Noting):
        async def read(self, op: Read, /) -> Page:
            self.failure = FAILURE if len(self.asked) >= 3 else None
            return await super().read(op)

    made = narrowed(house(shop()), "customers", key_batch=2, max_in=2)
    failing = Failing([made.models["customers"]], shop())
    made = replace(made, adapters={**made.adapters, "crm": failing})

    with pytest.raises(Unavailable):
        await page(made, Read(ORDERS, KEY, embeds=(customer(),)))
    await asyncio.sleep(0)

    assert len(failing.asked) < 15  # the others were not asked in vain


OPTIONS = WriteOptions(returning=(*KEY, Column(Path("note"))), embeds=(customer(),), order=BY_ID)


def changed(made: House, op: Create | Update | Delete) -> Create | Update | Delete:
    embeds = tuple(replace(each, read=made.placed(each.read)) for each in op.options.embeds)
    return replace(op, model=made.models["orders"], options=replace(op.options, embeds=embeds))


async def written(made: House, op: Create | Update | Delete) -> Written:
    found = await perform(changed(made, op), made.source)
    assert isinstance(found, Written)
    return found


WEAK = (Weakness.KEY_WRITES, Weakness.RETURNING, Weakness.BATCHES, Weakness.FILTER)


@pytest.mark.parametrize("weaknesses", [(), WEAK])
@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (
            Create(ORDERS, [{"id": 500, "customer": "3", "note": "new"}], ("id", "customer", "note"), options=OPTIONS),
            [{"id": 500, "note": "new", "customer": {"name": "c3"}}],
        ),
        (
            Update(ORDERS, {"note": "u"}, Condition(Path("id"), Op.LT, "2"), options=OPTIONS),
            [{"id": 0, "note": "u", "customer": None}, {"id": 1, "note": "u", "customer": {"name": "c1"}}],
        ),
        (
            Delete(ORDERS, Condition(Path("id"), Op.EQ, "7"), options=OPTIONS),
            [{"id": 7, "note": "n", "customer": {"name": "c7"}}],
        ),
    ],
)
async def test_the_answer_to_a_write_has_the_related_records(
    weaknesses: tuple[Weakness, ...], op: Create | Update | Delete, expected: list[Record]
) -> None:
    made = house(shop(), lambda _: weaknesses)

    found = await written(made, op)

    assert found.page is not None
    assert list(found.page.records) == expected
    assert found.affected == len(expected)


async def test_what_goes_with_a_deleted_record_is_still_shown() -> None:
    made = house(shop())
    orders = Embed("children", CHILDREN, Read(ORDERS, KEY, order=BY_ID))
    every = WriteOptions(returning=KEY, embeds=(orders,))

    found = await written(made, Delete(ORDERS, Condition(Path("id"), Op.IN, ("7", "8")), options=every))

    assert found.page is not None
    assert list(found.page.records) == [{"id": 7, "children": [{"id": 8}]}, {"id": 8, "children": [{"id": 9}]}]


async def test_a_write_whose_answer_fails_says_that_it_was_applied() -> None:
    made = house(shop())
    far = made.adapters["crm"]
    assert isinstance(far, Noting)
    far.failure = Unavailable("gone")

    with pytest.raises(BridgeError) as caught:
        await written(made, Update(ORDERS, {"note": "u"}, Condition(Path("id"), Op.EQ, "1"), options=OPTIONS))

    assert caught.value.outcome is Outcome.APPLIED
    assert made.adapters["shop"].rows("orders")[1]["note"] == "u"
