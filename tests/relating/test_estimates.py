"""What is announced is what runs: no more calls and no more records than the plan says."""

import asyncio
import json

import pytest
from hypothesis import event, given

from bridge_core.errors import BridgeError
from bridge_core.operations import Read
from bridge_core.planner import Limits, Plan
from bridge_core.query import Column, Condition, Op, Path, Slice
from bridge_core.relate import perform, plan
from bridge_core.testing.memory import Weakness
from tests.relating.house import CUSTOMERS, ORDERS, House, house, reads, rows
from tests.relating.test_calls import customer, shop
from tests.relating.test_oracle_of_joins import SEEDS, SIZES, WEAKNESSES, many


@many
@given(SIZES, SEEDS, reads(), WEAKNESSES)
def test_no_more_is_asked_than_was_announced(
    size: int, seed: int, op: Read, weaknesses: dict[str, frozenset[Weakness]]
) -> None:
    for limits in (Limits(max_scan=2_000), Limits(max_scan=5)):
        made = house(rows(size, seed), lambda name: sorted(weaknesses[name], key=lambda each: each.name), limits)
        announced = planned(made, op)

        asyncio.run(_run(made, op))

        calls = sum(adapter.calls for adapter in made.adapters.values())
        records = sum(adapter.records for adapter in made.adapters.values())
        event(f"bounded: {announced.all_calls is not None}")
        assert announced.all_calls is None or calls <= announced.all_calls
        assert announced.all_records is None or records <= announced.all_records


async def _run(made: House, op: Read) -> None:
    try:
        await perform(made.placed(op), made.source)
    except BridgeError:
        event("refused")


def planned(made: House, op: Read) -> Plan:
    return plan(made.placed(op), lambda _: made.limits)


def test_a_page_of_orders_with_customers_is_announced_as_it_runs() -> None:
    made = house(shop())
    read = Read(ORDERS, (Column(Path("id")),), window=Slice(0, 25), embeds=(customer(),))

    announced = planned(made, read)

    assert announced.all_calls == 2
    assert [each.embed for each in announced.related] == ["customer"]


def test_an_announcement_is_json_without_a_value_of_the_caller() -> None:
    named = Read(CUSTOMERS, where=Condition(Path("name"), Op.EQ, "secret"))
    read = Read(ORDERS, (Column(Path("id")),), embeds=(customer(named, inner=True),))

    text = json.dumps(planned(house(shop()), read).described())

    assert "secret" not in text
    described = json.loads(text)
    assert described["related"][0]["purpose"] == "read first, to ask the near end by key"
    assert described["in_all"]["calls"] is not None


@pytest.mark.parametrize("limit", [1, 25, 100])
def test_calls_for_far_ends_grow_with_the_page_and_not_with_the_table(limit: int) -> None:
    made = house(shop(), lambda _: (Weakness.FEW_KEYS, Weakness.IN))
    read = Read(ORDERS, (Column(Path("id")),), window=Slice(0, limit), embeds=(customer(),))

    (far,) = planned(made, read).related

    assert far.times == -(-limit // 2)
