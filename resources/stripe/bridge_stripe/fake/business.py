"""What Stripe does by itself when something happens to an object: a table of rules, by type and verb."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from bridge_stripe.fake.objects import KINDS, Object, new, sublist
from bridge_stripe.fake.refusals import Refusal, declined, missing_parameter, not_now

Params: TypeAlias = Mapping[str, Any]

MONTH: Final = 30 * 86_400
DECLINED: Final = "pm_card_chargeDeclined"


class World(Protocol):
    """The other objects, as far as a rule needs them."""

    live: bool

    @property
    def now(self) -> int: ...  # noqa: D102 - see Lives
    def known(self, path: str, key: Any, param: str) -> Object: ...  # noqa: D102
    def all_of(self, path: str) -> list[Object]: ...  # noqa: D102
    def keep(self, path: str, found: Object) -> None: ...  # noqa: D102
    def minted(self, path: str) -> str: ...  # noqa: D102
    def number(self) -> int: ...  # noqa: D102


Rule: TypeAlias = Callable[[World, Object, Params], None]


def _customer(world: World, found: Object, params: Params) -> None:
    if "@" not in (found["email"] or "@"):
        raise Refusal(f"Invalid email address: {found['email']}", code="email_invalid", param="email")
    found["invoice_prefix"] = found["invoice_prefix"] or f"P{world.number():07d}"


def _price(world: World, found: Object, params: Params) -> None:
    if "product_data" in params:
        product = new(KINDS["products"], world.minted("products"), world.now, live=world.live)
        world.keep("products", product | {"name": params["product_data"]["name"]})
        found["product"] = product["id"]
    elif "product" not in params:
        raise missing_parameter("product")
    else:
        world.known("products", params["product"], "product")
    if "unit_amount" in params and "unit_amount_decimal" in params:
        raise Refusal("You may only specify one of these parameters: unit_amount, unit_amount_decimal.")
    _amounts(found, params)
    found["type"] = "recurring" if found.get("recurring") else "one_time"
    found["currency"] = str(found["currency"]).lower()  # as the real one does
    taken = found["lookup_key"] and any(each["lookup_key"] == found["lookup_key"] for each in world.all_of("prices"))
    if taken:
        raise Refusal("A price already uses that lookup key.", param="lookup_key")


def _amounts(found: Object, params: Params) -> None:
    if "unit_amount" in params:
        found["unit_amount_decimal"] = str(params["unit_amount"])
    elif "unit_amount_decimal" in params:
        text = str(params["unit_amount_decimal"])
        whole = text.partition(".")[2].strip("0") == ""
        found["unit_amount"] = int(text.partition(".")[0]) if whole else None


def _no_price_left(world: World, found: Object, params: Params) -> None:
    if any(each["product"] == found["id"] for each in world.all_of("prices")):
        raise Refusal("This product cannot be deleted because it has one or more user-created prices.")


def _subscription(world: World, found: Object, params: Params) -> None:
    if "customer" not in params:
        raise missing_parameter("customer")
    world.known("customers", params["customer"], "customer")
    if not params.get("items"):
        raise missing_parameter("items")
    items = [_item(world, found, each, at) for at, each in enumerate(params["items"])]
    found["items"] = sublist(f"/v1/subscription_items?subscription={found['id']}", items)
    found["currency"] = items[0]["price"]["currency"]
    found["status"] = "trialing" if params.get("trial_period_days") or params.get("trial_end") else "active"
    found["start_date"] = world.now
    found["billing_cycle_anchor"] = params.get("billing_cycle_anchor", world.now)
    invoice = new(KINDS["invoices"], world.minted("invoices"), world.now, live=world.live)
    total = sum(each["price"]["unit_amount"] or 0 for each in items)
    invoice |= {"customer": found["customer"], "currency": found["currency"], "status": "paid", "total": total,
                "amount_due": total, "amount_paid": total, "number": f"S-{world.number():04d}"}  # fmt: skip
    world.keep("invoices", invoice)
    found["latest_invoice"] = invoice["id"]


def _item(world: World, subscription: Object, sent: Params, at: int) -> Object:
    if "price" not in sent:
        raise missing_parameter(f"items[{at}][price]")
    price = world.known("prices", sent["price"], f"items[{at}][price]")
    if price["type"] != "recurring":
        raise Refusal("The price specified is set to `type=one_time`.", param=f"items[{at}][price]")
    item = new(KINDS["subscription_items"], world.minted("subscription_items"), world.now, live=world.live)
    item |= {"price": price, "quantity": sent.get("quantity", 1), "subscription": subscription["id"],
             "current_period_start": world.now, "current_period_end": world.now + MONTH}  # fmt: skip
    world.keep("subscription_items", item)
    return item


def _ended(world: World, found: Object, params: Params) -> None:
    if found["status"] == "canceled":
        raise not_now("No such subscription: it is canceled.", "resource_missing", "id")
    found |= {"status": "canceled", "canceled_at": world.now, "ended_at": world.now}


def _resumed(world: World, found: Object, params: Params) -> None:
    if found["status"] != "paused":
        raise not_now("Only paused subscriptions can be resumed.", "subscription_not_paused")
    found["status"] = "active"


def _subscription_changed(world: World, found: Object, params: Params) -> None:
    if found["status"] == "canceled" and set(params) - {"metadata", "cancellation_details"}:
        raise Refusal("A canceled subscription can only update its cancellation_details and metadata.")
    if params.get("cancel_at_period_end"):
        found["cancel_at"] = world.now + MONTH


def _invoice(world: World, found: Object, params: Params) -> None:
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = world.known("customers", params["customer"], "customer")
    pending = [each for each in world.all_of("invoiceitems")
               if each["customer"] == customer["id"] and each["invoice"] is None]  # fmt: skip
    found |= {"status": "draft", "currency": found["currency"] or "eur", "customer_email": customer["email"],
              "customer_name": customer["name"], "period_start": world.now, "period_end": world.now}  # fmt: skip
    for each in pending if params.get("pending_invoice_items_behavior") == "include" else ():
        world.keep("invoiceitems", each | {"invoice": found["id"]})
        found["total"] += each["amount"]
    _due(found)


def _due(found: Object) -> None:
    found["subtotal"] = found["total"]
    found["amount_due"] = found["amount_remaining"] = found["total"] - found["amount_paid"]


def _invoice_item(world: World, found: Object, params: Params) -> None:
    if "customer" not in params:
        raise missing_parameter("customer")
    world.known("customers", params["customer"], "customer")
    found["date"] = world.now
    found["currency"] = found["currency"] or "eur"
    if found["invoice"]:
        invoice = dict(world.known("invoices", found["invoice"], "invoice"))
        _must_be(invoice, "draft")
        invoice["total"] += found["amount"]
        _due(invoice)
        world.keep("invoices", invoice)


def _must_be(found: Object, *states: str) -> None:
    if found["status"] not in states:
        raise not_now(
            f"This {found['object']} is {found['status']}; it has to be {' or '.join(states)}.",
            f"{found['object']}_not_editable" if "draft" in states else f"{found['object']}_unexpected_state",
        )


def _draft_alone(world: World, found: Object, params: Params) -> None:
    _must_be(found, "draft")


def _finalized(world: World, found: Object, params: Params) -> None:
    _must_be(found, "draft")
    found |= {"status": "open", "number": f"N-{world.number():04d}"}
    found["status_transitions"] = {**found["status_transitions"], "finalized_at": world.now}


def _paid(world: World, found: Object, params: Params) -> None:
    if found["status"] == "draft":
        _finalized(world, found, params)
    _must_be(found, "open", "uncollectible")
    if params.get("payment_method") == DECLINED:
        raise declined()
    found |= {"status": "paid", "amount_paid": found["total"], "amount_remaining": 0}


def _becomes(after: str, *before: str) -> Rule:
    def rule(world: World, found: Object, params: Params) -> None:
        _must_be(found, *before)
        found["status"] = after

    return rule


def _sent(world: World, found: Object, params: Params) -> None:
    if found["status"] == "draft":
        _finalized(world, found, params)
    _must_be(found, "open")


def _intent(world: World, found: Object, params: Params) -> None:
    if params["amount"] < 1:
        raise Refusal(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    if params.get("customer"):
        world.known("customers", params["customer"], "customer")
    found["status"] = "requires_confirmation" if params.get("payment_method") else "requires_payment_method"
    found["client_secret"] = f"{found['id']}_secret_standin"
    if params.get("confirm"):
        _confirmed(world, found, params)


def _confirmed(world: World, found: Object, params: Params) -> None:
    _must_be(found, "requires_confirmation", "requires_payment_method")
    method = params.get("payment_method") or found["payment_method"]
    if not method:
        raise missing_parameter("payment_method")
    if method == DECLINED:
        raise declined()
    charge = new(KINDS["charges"], world.minted("charges"), world.now, live=world.live)
    held = found["capture_method"] == "manual"
    charge |= {"amount": found["amount"], "currency": found["currency"], "customer": found["customer"],
               "payment_intent": found["id"], "status": "succeeded", "paid": True, "captured": not held,
               "amount_captured": 0 if held else found["amount"], "payment_method": method}  # fmt: skip
    world.keep("charges", charge)
    found |= {"latest_charge": charge["id"], "payment_method": method,
              "status": "requires_capture" if held else "succeeded",
              "amount_capturable": found["amount"] if held else 0,
              "amount_received": 0 if held else found["amount"]}  # fmt: skip


def _captured(world: World, found: Object, params: Params) -> None:
    _must_be(found, "requires_capture")
    amount = params.get("amount_to_capture", found["amount_capturable"])
    charge = world.known("charges", found["latest_charge"], "charge")
    world.keep("charges", charge | {"captured": True, "amount_captured": amount})
    found |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}


def _refund(world: World, found: Object, params: Params) -> None:
    charge = _charge_of(world, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if left == 0:
        raise not_now(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if amount > left:
        raise Refusal(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
    after = charge["amount_refunded"] + amount
    world.keep("charges", charge | {"amount_refunded": after, "refunded": after == charge["amount"]})
    found |= {"amount": amount, "currency": charge["currency"], "charge": charge["id"], "status": "succeeded",
              "payment_intent": charge["payment_intent"]}  # fmt: skip


def _charge_of(world: World, params: Params) -> Object:
    if "charge" in params:
        return world.known("charges", params["charge"], "charge")
    if "payment_intent" not in params:
        raise Refusal("One of the following params should be provided for this request: payment_intent or charge.")
    intent = world.known("payment_intents", params["payment_intent"], "payment_intent")
    if not intent["latest_charge"]:
        raise Refusal("This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
    return world.known("charges", intent["latest_charge"], "charge")


def _without_subscriptions(world: World, found: Object, params: Params) -> None:
    for each in world.all_of("subscriptions"):
        if each["customer"] == found["id"] and each["status"] != "canceled":
            world.keep("subscriptions", each | {"status": "canceled", "canceled_at": world.now, "ended_at": world.now})


def _coupon(world: World, found: Object, params: Params) -> None:
    if ("percent_off" in params) is ("amount_off" in params):
        raise Refusal("You must pass either `percent_off` or `amount_off`.", param="percent_off")


CREATED: Final[Mapping[str, Rule]] = {
    "coupons": _coupon,
    "customers": _customer,
    "invoice_items": _invoice_item,
    "invoices": _invoice,
    "payment_intents": _intent,
    "prices": _price,
    "refunds": _refund,
    "subscriptions": _subscription,
}
UPDATED: Final[Mapping[str, Rule]] = {
    "customers": _customer,
    "prices": lambda world, found, params: _amounts(found, params),
    "subscriptions": _subscription_changed,
}
DELETED: Final[Mapping[str, Rule]] = {
    "customers": _without_subscriptions,
    "invoices": _draft_alone,
    "products": _no_price_left,
}
ACTED: Final[Mapping[tuple[str, str], tuple[str, Rule]]] = {
    ("subscriptions", "cancel"): ("Cancel", _ended),
    ("subscriptions", "resume"): ("Resume", _resumed),
    ("invoices", "finalize"): ("FinalizeInvoice", _finalized),
    ("invoices", "pay"): ("Pay", _paid),
    ("invoices", "send"): ("SendInvoice", _sent),
    ("invoices", "void"): ("VoidInvoice", _becomes("void", "open", "uncollectible")),
    ("invoices", "mark_uncollectible"): ("MarkUncollectible", _becomes("uncollectible", "open")),
    ("payment_intents", "confirm"): ("Confirm", _confirmed),
    ("payment_intents", "capture"): ("Capture", _captured),
    ("payment_intents", "cancel"): (
        "Cancel",
        _becomes("canceled", "requires_payment_method", "requires_confirmation", "requires_capture"),
    ),
    ("refunds", "cancel"): ("Cancel", _becomes("canceled", "pending", "requires_action")),
    ("payouts", "cancel"): ("Cancel", _becomes("canceled", "pending")),
    ("quotes", "finalize"): ("FinalizeQuote", _becomes("open", "draft")),
    ("quotes", "accept"): ("Accept", _becomes("accepted", "open")),
    ("quotes", "cancel"): ("Cancel", _becomes("canceled", "draft", "open")),
    ("checkout_sessions", "expire"): ("Expire", _becomes("expired", "open")),
}
