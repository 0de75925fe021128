"""What can be done to an object of Stripe beside changing it: a table.

Read a line so: "an open invoice is paid by `pay`; Stripe calls it `Pay`; it cannot be undone". None of them is possible
unless the settings name it. The inputs, their types and comments come from the SDK.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bridge_core import Action
from bridge_stripe.models import inputs


@dataclass(frozen=True, slots=True)
class Verb:
    """An action on objects of one model: its name in Stripe's paths, and that of its parameters in the SDK.

    With `path`, it makes an object there that refers to the one acted on by the parameter `by`.
    """

    model: str
    name: str
    sdk: str
    comment: str
    final: bool = True  # cannot be undone
    path: str = ""
    by: str = ""

    @property
    def whole(self) -> str:
        """The name by which the settings know it."""
        return f"{self.model}.{self.name}"


ACTIONS: Final[tuple[Verb, ...]] = (
    Verb("invoices", "finalize", "InvoiceFinalizeInvoice", "Make a draft an open invoice, with a number."),
    Verb("invoices", "pay", "InvoicePay", "Collect an open invoice now."),
    Verb("invoices", "send", "InvoiceSendInvoice", "Send an invoice to its customer by mail."),
    Verb("invoices", "void", "InvoiceVoidInvoice", "Declare an open invoice void."),
    Verb("invoices", "mark_uncollectible", "InvoiceMarkUncollectible", "Give an open invoice up.", final=False),
    Verb("subscriptions", "cancel", "SubscriptionCancel", "End a subscription now."),
    Verb("subscriptions", "resume", "SubscriptionResume", "Go on with a paused subscription.", final=False),
    Verb("subscription_schedules", "cancel", "SubscriptionScheduleCancel", "End a schedule and its subscription."),
    Verb("subscription_schedules", "release", "SubscriptionScheduleRelease", "End a schedule, keep its subscription."),
    Verb("payment_intents", "confirm", "PaymentIntentConfirm", "Pay."),
    Verb("payment_intents", "capture", "PaymentIntentCapture", "Take what was authorised before."),
    Verb("payment_intents", "cancel", "PaymentIntentCancel", "Give a payment up, and let go of what was authorised."),
    Verb("payment_intents", "refund", "RefundCreate", "Pay back what was paid, or a part of it.",
         path="refunds", by="payment_intent"),
    Verb("setup_intents", "cancel", "SetupIntentCancel", "Give up to set a payment method up."),
    Verb("charges", "capture", "ChargeCapture", "Take what was authorised before."),
    Verb("charges", "refund", "RefundCreate", "Pay back what was paid, or a part of it.", path="refunds", by="charge"),
    Verb("refunds", "cancel", "RefundCancel", "Give a refund up that waits for something."),
    Verb("credit_notes", "void", "CreditNoteVoidCreditNote", "Declare a credit note void."),
    Verb("quotes", "finalize", "QuoteFinalizeQuote", "Make a draft an open quote."),
    Verb("quotes", "accept", "QuoteAccept", "Accept a quote: what it offers begins."),
    Verb("quotes", "cancel", "QuoteCancel", "Give a quote up."),
    Verb("disputes", "close", "DisputeClose", "Give a dispute up: it is lost."),
    Verb("checkout_sessions", "expire", "checkout.SessionExpire", "Let nobody check out any more."),
    Verb("payment_methods", "attach", "PaymentMethodAttach", "Give a payment method to a customer.", final=False),
    Verb("payment_methods", "detach", "PaymentMethodDetach", "Take a payment method from its customer."),
    Verb("payouts", "cancel", "PayoutCancel", "Call a pending payout back."),
    Verb("payouts", "reverse", "PayoutReverse", "Turn a paid payout round."),
)  # fmt: skip


def chosen(names: Iterable[str]) -> Mapping[tuple[str, str], Verb]:
    """Return the actions that are switched on, by model and name."""
    known = {each.whole: each for each in ACTIONS}
    return {(verb.model, verb.name): verb for name in names if (verb := known.get(name)) is not None}


def declared(model: str, verbs: Iterable[Verb]) -> tuple[Action, ...]:
    """Return what a model declares of the actions that are switched on."""
    return tuple(
        Action(each.name, inputs(each.sdk, without=each.by), each.comment, each.final)
        for each in verbs
        if each.model == model
    )
