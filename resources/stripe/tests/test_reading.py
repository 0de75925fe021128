"""What is asked of Stripe for a read, and that every record comes once, or an error."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from bridge_stripe.fake import LIVE_KEY, READ_ONLY_KEY, Fault, Server, standin

from bridge_core import (
    EVERYTHING,
    After,
    And,
    BadValue,
    BridgeError,
    Condition,
    ConfigurationError,
    Create,
    Filter,
    Forbidden,
    Malformed,
    Model,
    Op,
    Order,
    Page,
    Path,
    Read,
    Refused,
    Rejected,
    Slice,
    Unavailable,
    UnknownName,
    UpstreamFailed,
)
from bridge_core.planner import Limits, perform, plan
from bridge_core.planning.plan import Strategy
from tests.support.stripe import Open, Opened, opened_on

pytestmark = pytest.mark.anyio

CUSTOMERS = 2_500 if os.environ.get("BRIDGE_EXAMPLES") else 301
LIMITS = Limits(10_000)


def eq(name: str, value: object, op: Op = Op.EQ) -> Condition:
    return Condition(Path(name), op, value)


async def asked(on: Opened, op: Read) -> tuple[Page, list[str]]:
    """Return the answer as the bridge gives it, and the requests that it took."""
    log = on.server.account.log
    before = len(log)
    page = await perform(on.adapter, op, LIMITS)
    assert isinstance(page, Page)
    return page, [path for _, path in log[before:]]


def ids(records: Sequence[object]) -> list[str]:
    return [record["id"] for record in records]  # type: ignore[index]  # records are mappings


@pytest.mark.parametrize("size", [1, 99, 100, 101])
async def test_every_customer_comes_once_with_as_many_requests_as_announced(size: int) -> None:
    with standin(customers=CUSTOMERS) as server:
        there = {each["id"] for each in server.account.test.all_of("customers")}
        async with opened_on(server) as on:
            found: list[str] = []
            requests, announced = 0, 0
            cursor: str | None = None
            while True:
                op = Read(on.models["customers"], window=After(cursor, size))
                announced += plan(op, LIMITS).calls or 0
                page, made = await asked(on, op)
                requests += len(made)
                found += ids(page.records)
                cursor = page.cursor
                if cursor is None:
                    break

    assert len(found) == len(set(found)) == CUSTOMERS
    assert set(found) == there
    pages = -(-CUSTOMERS // size)
    if size <= 100:
        assert requests == announced == pages
    else:
        assert requests <= announced
        assert requests <= 2 * pages


@pytest.mark.parametrize("limit", [101, 150, 200, 202])
@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE, Fault.TRUNCATED, Fault.ERROR_BEFORE, Fault.BUSY, Fault.GARBLED])
async def test_a_failure_on_the_second_page_is_no_short_list(limit: int, fault: Fault) -> None:
    with standin(customers=202) as server:
        async with opened_on(server) as on:
            with server.faults.planned(fault, after=1), pytest.raises((Unavailable, UpstreamFailed)):
                await asked(on, Read(on.models["customers"], window=Slice(0, limit), order=()))


CREATED = datetime(2026, 1, 2, tzinfo=UTC)
PUSHED: dict[str, tuple[str, Filter]] = {
    "by email": ("customers", eq("email", "customer3@example.com")),
    "by status": ("invoices", eq("status", "draft")),
    "by a moment": ("customers", eq("created", CREATED, Op.GTE)),
    "by a span": ("customers", And((eq("created", CREATED, Op.GT), eq("created", CREATED.replace(day=3), Op.LTE)))),
    "by the very second": ("customers", eq("created", CREATED)),
    "by what it belongs to": (
        "invoices",
        And((eq("status", "draft"), eq("collection_method", "charge_automatically"))),
    ),
    "of all subscriptions": ("subscriptions", EVERYTHING),
}


@pytest.mark.parametrize(("model", "where"), PUSHED.values(), ids=PUSHED)
async def test_what_a_list_takes_is_one_request(opened: Open, model: str, where: Filter) -> None:
    async with opened() as on:
        op = Read(on.models[model], where=where, window=After(None, 100))
        page, made = await asked(on, op)
        everything, _ = await asked(on, Read(on.models[model], where=where, window=Slice()))

    assert plan(op, LIMITS).strategy is Strategy.DIRECT
    assert len(made) == 1
    assert ids(page.records) == ids(everything.records)


async def test_newest_first_is_the_order_that_stripe_has(opened: Open) -> None:
    async with opened() as on:
        newest = Read(on.models["customers"], order=(Order(Path("created"), descending=True),), window=Slice(0, 3))
        oldest = Read(on.models["customers"], order=(Order(Path("created")),), window=Slice(0, 3))
        first, made = await asked(on, newest)
        last, _ = await asked(on, oldest)
        everything, _ = await asked(on, Read(on.models["customers"]))

    assert len(made) == 1
    assert ids(first.records) == ids(everything.records)[:3]
    assert ids(last.records) == ids(everything.records)[:-4:-1]
    assert "emulated" in str(plan(oldest, LIMITS).described()["parts"])


async def test_canceled_subscriptions_are_listed_too(opened: Open, stripe_server: Server) -> None:
    account = stripe_server.account
    subscriptions = account.test.all_of("subscriptions")
    from bridge_stripe.fake.objects import KINDS

    account.test.delete(KINDS["subscriptions"], subscriptions[0]["id"], {})
    async with opened() as on:
        page, _ = await asked(on, Read(on.models["subscriptions"]))

    assert len(page.records) == len(subscriptions)


async def test_look_ups_are_a_request_each_and_absent_ones_are_left_out(opened: Open, stripe_server: Server) -> None:
    keys = [each["id"] for each in stripe_server.account.test.all_of("customers")][:20]
    async with opened() as on:
        op = Read(on.models["customers"], where=eq("id", (*keys, "cus_nobody", "search", "..", "a/b"), Op.IN))
        page, made = await asked(on, op)

    assert sorted(ids(page.records)) == sorted(keys)
    assert sorted(made) == sorted(f"customers/{key}" for key in (*keys, "cus_nobody"))


async def test_what_stripe_would_take_as_no_filter_matches_nothing(opened: Open) -> None:
    async with opened() as on:
        page, made = await asked(on, Read(on.models["customers"], where=eq("email", ""), window=After(None, 10)))

    assert (list(page.records), made) == ([], [])


@pytest.mark.parametrize(
    ("model", "name", "value"), [("events", "type", "customer.*"), ("subscriptions", "status", "all")]
)
async def test_words_that_only_lists_know_are_no_values(opened: Open, model: str, name: str, value: str) -> None:
    async with opened() as on:
        with pytest.raises(BadValue, match=name):
            await asked(on, Read(on.models[model], where=eq(name, value), window=After(None, 10)))


async def test_a_filter_by_an_object_that_is_not_there_finds_nothing(opened: Open) -> None:
    async with opened() as on:
        page, _ = await asked(on, Read(on.models["invoices"], where=eq("customer", "cus_nobody")))

    assert not page.records


async def test_what_stripe_lists_only_by_owner_says_so(opened: Open, stripe_server: Server) -> None:
    owner = stripe_server.account.test.all_of("subscriptions")[0]["id"]
    async with opened() as on:
        model = on.models["subscription_items"]
        page, _ = await asked(on, Read(model, where=eq("subscription", owner)))
        with pytest.raises(Refused, match="of one subscription alone"):
            await asked(on, Read(model))

    assert len(page.records) == 1


async def test_a_cursor_of_nobody_is_the_callers_mistake(opened: Open) -> None:
    async with opened() as on:
        with pytest.raises(Malformed, match="cursor"):
            await on.adapter.read(Read(on.models["customers"], window=After("cus_nobody", 5)))


async def test_a_wrong_key_stops_the_start_and_is_not_repeated(stripe_server: Server) -> None:
    with pytest.raises(ConfigurationError, match="does not accept") as caught:
        async with opened_on(stripe_server, api_key="sk_test_of_nobody"):
            pass

    assert "sk_test" not in f"{caught.value} {caught.value.details} {caught.value.hint}"


async def test_a_restricted_key_reads_and_is_forbidden_what_it_has_no_right_to(stripe_server: Server) -> None:
    async with opened_on(stripe_server, api_key=READ_ONLY_KEY) as on:
        page, _ = await asked(on, Read(on.models["customers"], window=After(None, 1)))
        with pytest.raises(Forbidden, match="no right") as caught:
            await on.adapter.create(Create(on.models["customers"], [{"name": "x"}], ("name",)))

    assert len(page.records) == 1
    assert "req_" in str(caught.value.details)
    assert "rk_" not in str(caught.value.details)


async def test_an_id_of_the_other_mode_is_told_apart_from_one_of_nobody(stripe_server: Server) -> None:
    key = stripe_server.account.test.all_of("customers")[0]["id"]
    async with opened_on(stripe_server, api_key=LIVE_KEY) as on:
        with pytest.raises(UnknownName, match="in test mode") as caught:
            await asked(on, Read(on.models["customers"], where=eq("id", key)))

    assert "other mode" in str(caught.value.hint)


BAD: dict[str, tuple[str, dict[str, object], type[BridgeError], str]] = {
    "a refused value": ("customers", {"email": "nobody"}, BadValue, "email_invalid, parameter email"),
    "a card that is declined": (
        "payment_intents",
        {"amount": 100, "currency": "eur", "payment_method": "pm_card_chargeDeclined", "confirm": True},
        Rejected,
        "card_declined, decline code generic_decline",
    ),
    "a parameter that is missing": ("prices", {"currency": "eur"}, BadValue, "parameter_missing, parameter product"),
    "a parameter that is not known": (
        "customers",
        {"address": {"planet": "x"}},
        BadValue,
        "parameter_unknown, parameter address[planet]",
    ),
}


@pytest.mark.parametrize(("model", "values", "error", "details"), BAD.values(), ids=BAD)
async def test_stripes_refusal_is_passed_on_with_its_code_parameter_and_request(
    opened: Open, model: str, values: dict[str, object], error: type[BridgeError], details: str
) -> None:
    async with opened() as on:
        with pytest.raises(error) as caught:
            await on.adapter.create(Create(on.models[model], [values], tuple(values)))

    assert f"Stripe code {details}, request req_" in str(caught.value.details)


async def test_what_is_asked_of_stripe_is_not_logged(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with opened() as on:
        await asked(on, Read(on.models["customers"], where=eq("email", "ada@example.com"), window=After(None, 1)))

    assert not [each.getMessage() for each in caplog.records if each.name.startswith("stripe")]


async def test_a_stripe_that_is_not_there_stops_the_start_for_now(stripe_server: Server) -> None:
    with pytest.raises(Unavailable):
        async with opened_on(stripe_server, url="http://127.0.0.1:9"):
            pass


def test_settings_that_name_an_unknown_type_are_refused() -> None:
    from bridge_stripe.plugin import StripeSettings
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="did you mean 'customers'"):
        StripeSettings.model_validate({"api_key": "sk_test_x", "writes": ["customer"]})


async def test_nothing_that_moves_money_is_written_unless_it_is_named(stripe_server: Server) -> None:
    from bridge_stripe.plugin import StripeSettings

    default = StripeSettings.model_validate({"api_key": "sk_test_x"}).writes
    async with opened_on(stripe_server, writes=default) as on:
        writable = {name for name, model in on.models.items() if able(model)}

    assert writable == {
        "customers", "products", "prices", "coupons", "promotion_codes", "tax_rates", "setup_intents",
        "payment_methods", "charges", "webhook_endpoints",
    }  # fmt: skip


def able(model: Model) -> bool:
    can = model.capabilities
    return bool(can.create_batch or can.update_batch or can.delete_batch)
