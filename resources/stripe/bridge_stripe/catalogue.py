"""Which object types of Stripe are models, and what its API does with each: a table.

Read a line so: "customers live at /v1/customers; people look first for name and email; a list takes the parameter
email; objects can be created, updated and deleted; search knows these fields". What is written in capitals is only
there for types that move money or make somebody pay: those are not written unless the settings name them.

Everything else (fields, their types, comments, what can be written, how objects refer to each other) comes from the
SDK: see `models`. What can be listed is named here nevertheless, since a parameter of the same name does not always
compare for equality: `code` of promotion codes knows no case, and `type` of products is a thing of the past.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object type: its model, its path below `/v1/`, its name in the SDK, and what lists and writes take.

    `filters` and `ranges` are list parameters that mean exactly equality, or bounds, of the field of that name.
    `required` is the filter without which Stripe lists nothing. `searched` are the fields of its search, if any.
    `money`: a write can make somebody pay, or pay somebody.
    """

    name: str
    path: str
    sdk: str
    first: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ("created",)
    writes: tuple[str, ...] = ()
    money: bool = False
    required: str = ""
    always: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    searched: tuple[str, ...] = ()
    note: str = ""


_CUD: Final = "create update delete"
_CU: Final = "create update"
_NO_DELETE: Final = "Stripe keeps these for ever: instead of deleting one, set `active` to false."


def _type(  # noqa: PLR0913 - one for each column of the table
    name: str,
    sdk: str,
    first: str = "",
    *,
    path: str = "",
    filters: str = "",
    ranges: str = "created",
    writes: str = "",
    MONEY: bool = False,  # noqa: N803 - it shall be seen in the table
    required: str = "",
    always: Mapping[str, str] = MappingProxyType({}),
    searched: str = "",
    note: str = "",
) -> ObjectType:
    return ObjectType(
        name,
        path or name,
        sdk,
        tuple(first.split()),
        tuple(filters.split()),
        tuple(ranges.split()),
        tuple(writes.split()),
        MONEY,
        required,
        always,
        tuple(searched.split()),
        note,
    )


CATALOGUE: Final[tuple[ObjectType, ...]] = (
    # whom the business knows, and what it sells
    _type("customers", "Customer", "name email description phone", filters="email", writes=_CUD,
          searched="created email name phone"),
    _type("products", "Product", "name description active", filters="active url", writes=_CUD,
          searched="active description name url",
          note="Stripe deletes a product only while it has no price; else set `active` to false."),
    _type("prices", "Price", "nickname currency unit_amount active product", filters="active currency product type",
          writes=_CU, searched="active currency lookup_key product type", note=_NO_DELETE),
    _type("coupons", "Coupon", "name percent_off amount_off currency valid", writes=_CUD),
    _type("promotion_codes", "PromotionCode", "code active", filters="active customer", writes=_CU, note=_NO_DELETE),
    _type("tax_rates", "TaxRate", "display_name percentage inclusive active", filters="active inclusive", writes=_CU,
          note=_NO_DELETE),
    # what customers are bound to
    _type("subscriptions", "Subscription", "description status customer", writes=_CU, MONEY=True,
          filters="status customer collection_method", always={"status": "all"}, searched="created status",
          note="Subscriptions are not deleted: the action `cancel` ends one."),
    _type("subscription_items", "SubscriptionItem", "subscription price quantity", filters="subscription", ranges="",
          writes=_CUD, MONEY=True, required="subscription"),
    _type("subscription_schedules", "SubscriptionSchedule", "status customer subscription", filters="customer",
          ranges="created canceled_at completed_at released_at", writes=_CU, MONEY=True),
    _type("quotes", "Quote", "description status customer amount_total", filters="customer status", ranges="",
          writes=_CU, MONEY=True),
    # what they are billed
    _type("invoices", "Invoice", "description footer number status customer amount_due currency",
          filters="customer status collection_method", ranges="created due_date", writes=_CUD, MONEY=True,
          searched="created currency customer number status total",
          note="Stripe deletes drafts alone; the action `void` ends others."),
    _type("invoice_items", "InvoiceItem", "description amount currency customer invoice", path="invoiceitems",
          filters="customer invoice", writes=_CUD, MONEY=True),
    _type("credit_notes", "CreditNote", "memo number status amount invoice", filters="customer invoice", writes=_CU,
          MONEY=True),
    # how they pay
    _type("payment_intents", "PaymentIntent", "description amount currency status customer", filters="customer",
          writes=_CU, MONEY=True, searched="amount created currency customer status"),
    _type("setup_intents", "SetupIntent", "description status customer", filters="customer payment_method", writes=_CU),
    _type("payment_methods", "PaymentMethod", "type customer", filters="customer type", ranges="", writes="update"),
    _type("charges", "Charge", "description amount currency status customer",
          filters="customer payment_intent transfer_group", writes="update",
          searched="amount created currency customer status"),
    _type("refunds", "Refund", "amount currency status reason charge", filters="charge payment_intent", writes=_CU,
          MONEY=True),
    _type("disputes", "Dispute", "amount currency status reason charge", filters="charge payment_intent",
          writes="update", MONEY=True),
    _type("checkout_sessions", "checkout.Session", "mode status payment_status amount_total currency customer",
          path="checkout/sessions", filters="customer payment_intent payment_link status subscription", writes=_CU,
          MONEY=True),
    _type("payment_links", "PaymentLink", "url active currency", filters="active", ranges="", writes=_CU, MONEY=True),
    # the business's own money
    _type("balance_transactions", "BalanceTransaction", "type amount fee net currency status",
          filters="currency payout source type"),
    _type("payouts", "Payout", "description amount currency status arrival_date", filters="destination status",
          ranges="created arrival_date", writes=_CU, MONEY=True),
    _type("transfers", "Transfer", "description amount currency destination", filters="destination transfer_group",
          writes=_CU, MONEY=True),
    # the account itself
    _type("events", "Event", "type", filters="type", note="Stripe lists the events of the last 30 days."),
    _type("files", "File", "title filename purpose size", filters="purpose", note="Contents are not served."),
    _type("webhook_endpoints", "WebhookEndpoint", "url description status", ranges="", writes=_CUD),
    _type("accounts", "Account", "email country type", writes=_CUD, MONEY=True,
          note="Accounts that are connected to this one, where it is a platform."),
)  # fmt: skip
