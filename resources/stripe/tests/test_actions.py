"""What is done to an object of Stripe beside changing it: only what is named, once, within scope."""

from typing import Any

import pytest
from bridge_stripe.actions import ACTIONS, declared
from bridge_stripe.catalogue import CATALOGUE
from bridge_stripe.fake import Fault, Server
from bridge_stripe.plugin import StripeSettings
from pydantic import ValidationError

from bridge_core import Act, BridgeError, Rejected, UnknownName, WriteOptions, Written
from bridge_core.planner import Limits, perform
from bridge_core.query import Condition, Filter, Op, Path
from tests.support.stripe import Open, Opened

pytestmark = pytest.mark.anyio

EVERY = tuple(each.whole for each in ACTIONS)


async def done(
    on: Opened, whole: str, key: str, *, scope: Filter | None = None, idempotency: str | None = None, **values: Any
) -> Written:
    name, _, verb = whole.partition(".")
    model = on.models[name]
    action = next(each for each in model.actions if each.name == verb)
    more = {} if scope is None else {"scope": scope}
    op = Act(model, action, (key,), values, options=WriteOptions(returning=(), key=idempotency), **more)
    written = await perform(on.adapter, op, Limits(100))
    assert isinstance(written, Written)
    return written


def first(server: Server, path: str, **wanted: object) -> dict[str, Any]:
    everything = server.account.test.all_of(path)
    return next(each for each in everything if all(each[name] == value for name, value in wanted.items()))


def record(written: Written) -> Any:
    assert written.page is not None
    return written.page.records[0]


async def test_an_invoice_is_finalized_and_paid(opened: Open, stripe_server: Server) -> None:
    draft = first(stripe_server, "invoices", status="draft")["id"]
    async with opened(actions=EVERY) as on:
        opened_one = record(await done(on, "invoices.finalize", draft))
        paid = record(await done(on, "invoices.pay", draft))
        with pytest.raises(Rejected, match="it has to be open"):
            await done(on, "invoices.void", draft)

    assert (opened_one["status"], paid["status"]) == ("open", "paid")


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.ERROR_AFTER, Fault.TRUNCATED])
async def test_a_refund_whose_answer_is_lost_is_made_once(opened: Open, stripe_server: Server, fault: Fault) -> None:
    charge = first(stripe_server, "charges")["id"]
    async with opened(actions=EVERY) as on:
        with stripe_server.faults.planned(fault, times=1, method="POST"):
            after = record(await done(on, "charges.refund", charge, amount=100))

    assert after["amount_refunded"] == 100
    assert len(stripe_server.account.test.all_of("refunds")) == 1


async def test_a_refund_with_a_key_is_made_once(opened: Open, stripe_server: Server) -> None:
    charge = first(stripe_server, "charges")["id"]
    async with opened(actions=EVERY) as on:
        for _ in range(3):
            await done(on, "charges.refund", charge, idempotency="k", amount=100)

    assert len(stripe_server.account.test.all_of("refunds")) == 1


@pytest.mark.parametrize("fault", [None, Fault.RESET_AFTER, Fault.ERROR_AFTER])
async def test_a_subscription_is_ended(opened: Open, stripe_server: Server, fault: Fault | None) -> None:
    key = first(stripe_server, "subscriptions")["id"]
    async with opened(actions=EVERY) as on:
        if fault is None:
            ended = record(await done(on, "subscriptions.cancel", key))
        else:
            with stripe_server.faults.planned(fault, times=1, method="DELETE"):
                ended = record(await done(on, "subscriptions.cancel", key))

    assert ended["status"] == "canceled"


async def test_a_record_out_of_scope_is_not_acted_upon(opened: Open, stripe_server: Server) -> None:
    charge = first(stripe_server, "charges")["id"]
    nobody = Condition(Path("customer"), Op.EQ, "cus_nobody")
    async with opened(actions=EVERY) as on:
        with pytest.raises(UnknownName, match="no record"):
            await done(on, "charges.refund", charge, scope=nobody)

    assert not stripe_server.account.test.all_of("refunds")


async def test_a_refusal_says_why(opened: Open, stripe_server: Server) -> None:
    charge = first(stripe_server, "charges")
    async with opened(actions=EVERY) as on:
        with pytest.raises(BridgeError, match="greater than unrefunded") as caught:
            await done(on, "charges.refund", charge["id"], amount=charge["amount"] + 1)

    assert "parameter amount, request req_" in str(caught.value.details)


async def test_no_action_is_there_unless_it_is_named(opened: Open) -> None:
    async with opened() as on:
        assert not [each.actions for each in on.models.values() if each.actions]
    async with opened(actions=("charges.refund",)) as on:
        assert [(each.name, each.actions[0].name) for each in on.models.values() if each.actions] == [
            ("charges", "refund")
        ]


def test_an_action_that_stripe_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"did you mean 'charges\.refund'"):
        StripeSettings.model_validate({"api_key": "sk_test_x", "actions": ["charge.refund"]})


@pytest.mark.parametrize("verb", ACTIONS, ids=lambda verb: verb.whole)
def test_every_action_is_one_of_the_sdk_and_of_a_model(verb: Any) -> None:
    (action,) = declared(verb.model, [verb])

    assert verb.model in {each.name for each in CATALOGUE}
    assert verb.by not in action.by_name
    assert verb.name == "detach" or verb.sdk.endswith("MarkUncollectible") or action.fields or verb.final
