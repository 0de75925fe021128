"""A write is done once, however often it is sent; what became of it is said, and nothing is bent on the way."""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from bridge_stripe.fake import Fault, Server
from bridge_stripe.writing import parameters_of

from bridge_core import (
    EVERYTHING,
    BadValue,
    BridgeError,
    Conflict,
    Create,
    Delete,
    Outcome,
    RateLimited,
    Read,
    Rejected,
    Unavailable,
    Update,
    UpstreamFailed,
    WriteOptions,
)
from bridge_core.values import JSON_NULL
from tests.support.stripe import Open, Opened

pytestmark = pytest.mark.anyio

WRITES = int(os.environ.get("BRIDGE_EXAMPLES", "0")) or 250
AT_ONCE = 50
PASSING = (
    Fault.RESET_BEFORE, Fault.RESET_AFTER, Fault.TRUNCATED, Fault.STALLED, Fault.GARBLED, Fault.ERROR_BEFORE,
    Fault.ERROR_AFTER, Fault.BUSY, Fault.LOCKED, Fault.IN_USE,
)  # fmt: skip


def customer(opened: Opened, email: str, key: str | None = None) -> Create:
    options = WriteOptions(key=key, returning=())
    return Create(opened.models["customers"], [{"email": email}], ("email",), options=options)


def emails(server: Server) -> Counter[str]:
    return Counter(each["email"] for each in server.account.test.all_of("customers") if each["email"])


async def test_keyed_writes_through_every_fault_are_neither_lost_nor_doubled(
    opened: Open, empty_server: Server
) -> None:
    names = [f"number{number}@example.com" for number in range(WRITES)]
    turns = asyncio.Semaphore(AT_ONCE)

    async def until_known(on: Opened, name: str) -> None:
        async with turns:
            while True:
                try:
                    await on.adapter.create(customer(on, name, key=f"key of {name}"))
                except Unavailable:
                    continue
                return

    async with opened(empty_server, timeout=0.5) as on:
        with empty_server.faults.raining(0.4, PASSING):
            await asyncio.gather(*(until_known(on, name) for name in names))

    assert emails(empty_server) == Counter(names)


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.TRUNCATED, Fault.ERROR_AFTER, Fault.GARBLED, Fault.IN_USE])
async def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    opened: Open, empty_server: Server, fault: Fault
) -> None:
    async with opened(empty_server) as on:
        with empty_server.faults.planned(fault, times=1, method="POST"):
            written = await on.adapter.create(customer(on, "ada@example.com"))

    assert (written.outcome, written.affected) == (Outcome.APPLIED, 1)
    assert emails(empty_server) == {"ada@example.com": 1}


@pytest.mark.parametrize(
    ("fault", "error", "outcome"),
    [
        (Fault.RESET_BEFORE, Unavailable, Outcome.UNKNOWN),
        (Fault.RESET_AFTER, Unavailable, Outcome.UNKNOWN),
        (Fault.ERROR_BEFORE, Unavailable, Outcome.UNKNOWN),
        (Fault.STORED_ERROR, UpstreamFailed, Outcome.UNKNOWN),
        (Fault.BUSY, RateLimited, Outcome.NOT_APPLIED),
        (Fault.LOCKED, RateLimited, Outcome.NOT_APPLIED),
    ],
)
async def test_a_write_that_keeps_failing_says_what_became_of_it(
    opened: Open, empty_server: Server, fault: Fault, error: type[BridgeError], outcome: Outcome
) -> None:
    async with opened(empty_server) as on:
        with empty_server.faults.planned(fault, method="POST"), pytest.raises(error) as caught:
            await on.adapter.create(customer(on, "ada@example.com"))

    assert caught.value.outcome is outcome
    assert emails(empty_server)["ada@example.com"] <= 1


async def test_a_backend_that_cannot_be_reached_has_done_nothing(opened: Open, empty_server: Server) -> None:
    async with opened(empty_server) as on:
        on.adapter._api._client._requestor._options.base_addresses["api"] = "http://127.0.0.1:9"  # type: ignore[index]
        with pytest.raises(Unavailable) as caught:
            await on.adapter.create(customer(on, "ada@example.com"))

    assert caught.value.outcome is Outcome.NOT_APPLIED


async def test_the_time_that_a_busy_stripe_asks_for_is_passed_on(opened: Open, empty_server: Server) -> None:
    async with opened(empty_server) as on:
        with empty_server.faults.planned(Fault.BUSY), pytest.raises(RateLimited) as caught:
            await on.adapter.create(customer(on, "ada@example.com"))

    assert (caught.value.scope, caught.value.retry_after, caught.value.told) == ("account", 0.05, True)


async def test_an_update_whose_answer_is_lost_for_ever_is_found_by_reading_back(
    opened: Open, stripe_server: Server
) -> None:
    there = stripe_server.account.test.all_of("customers")[0]
    async with opened() as on:
        op = Update(on.models["customers"], {"phone": "123"}, EVERYTHING, keys=((there["id"],),))
        with stripe_server.faults.planned(Fault.STORED_ERROR, method="POST"):
            written = await on.adapter.update(op)

    assert (written.outcome, written.affected) == (Outcome.APPLIED, 1)


async def test_a_key_that_was_used_for_another_write_is_refused(opened: Open, empty_server: Server) -> None:
    async with opened(empty_server) as on:
        await on.adapter.create(customer(on, "ada@example.com", key="k"))
        with pytest.raises(Conflict):
            await on.adapter.create(customer(on, "bob@example.com", key="k"))


async def test_a_field_without_a_value_is_unset(opened: Open, stripe_server: Server) -> None:
    there = stripe_server.account.test.all_of("customers")[0]
    async with opened() as on:
        op = Update(on.models["customers"], {"name": None, "address": None}, EVERYTHING, keys=((there["id"],),))
        await on.adapter.update(op)

    after = stripe_server.account.test.all_of("customers")[0]
    assert (after["name"], after["address"]) == (None, None)


async def test_metadata_are_as_they_were_sent_and_those_of_others_are_not_overwritten(
    opened: Open, stripe_server: Server
) -> None:
    there = stripe_server.account.test.all_of("customers")[0]
    async with opened() as on:
        values = {"metadata": {"team": "a", "tier": "gold"}}
        await on.adapter.update(Update(on.models["customers"], values, EVERYTHING, keys=((there["id"],),)))
        values = {"metadata": {"team": "b"}}
        op = Update(
            on.models["customers"], values, EVERYTHING, keys=((there["id"],),), options=WriteOptions(returning=())
        )
        written = await on.adapter.update(op)

    assert written.page is not None
    assert written.page.records[0]["metadata"] == {"team": "b"}


async def test_a_record_that_is_gone_is_not_written(opened: Open, stripe_server: Server) -> None:
    key = stripe_server.account.test.all_of("customers")[0]["id"]
    async with opened() as on:
        model = on.models["customers"]
        first = await on.adapter.delete(Delete(model, EVERYTHING, keys=((key,),)))
        second = await on.adapter.delete(Delete(model, EVERYTHING, keys=((key,),)))
        third = await on.adapter.update(Update(model, {"name": "x"}, EVERYTHING, keys=((key,),)))
        page = await on.adapter.read(Read(model, keys=((key,),)))

    assert [first.affected, second.affected, third.affected] == [1, 0, 0]
    assert not page.records


async def test_an_object_that_a_parameter_names_and_that_is_not_there_is_an_error(opened: Open) -> None:
    async with opened() as on:
        op = Create(on.models["invoices"], [{"customer": "cus_nobody"}], ("customer",))
        with pytest.raises(Rejected, match="No such customer") as caught:
            await on.adapter.create(op)

    assert "parameter customer" in str(caught.value.details)


MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
BENT = {
    "an empty text": ("customers", {"name": ""}),
    "an empty list": ("customers", {"preferred_locales": ()}),
    "an empty object": ("customers", {"address": {}}),
    "a number where text belongs": ("customers", {"metadata": {"n": 1}}),
    "an object as a bare word": ("customers", {"address": "x"}),
    "a fraction of a second": ("invoices", {"due_date": MOMENT.replace(microsecond=1)}),
    "a currency in capitals": ("prices", {"currency": "EUR"}),
    "null where there is always a value": ("products", {"active": None}),
    "null in a list": ("customers", {"preferred_locales": ("de", None)}),
}


@pytest.mark.parametrize(("model", "values"), BENT.values(), ids=BENT)
async def test_a_value_that_stripe_would_bend_is_refused(opened: Open, model: str, values: dict[str, object]) -> None:
    async with opened() as on:
        with pytest.raises(BadValue):
            parameters_of(on.models[model], values, creating=True)


async def test_values_become_parameters(opened: Open) -> None:
    async with opened() as on:
        made = parameters_of(
            on.models["prices"],
            {"unit_amount_decimal": Decimal("12.5"), "active": False, "metadata": {}, "nickname": None},
            creating=True,
        )
        changed = parameters_of(on.models["customers"], {"name": None, "metadata": JSON_NULL}, creating=False)
        items = parameters_of(on.models["subscriptions"], {"new_items": [{"price": "p"}]}, creating=True)

    assert made == {"unit_amount_decimal": "12.5", "active": False, "metadata": {}}
    assert changed == {"name": "", "metadata": ""}
    assert items == {"items": [{"price": "p"}]}
