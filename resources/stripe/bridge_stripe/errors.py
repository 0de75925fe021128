"""Failures of the SDK -> errors of the contract, with Stripe's code, parameter and request id, and never a key."""

import re
from typing import Final

import stripe

from bridge_core import (
    BadValue,
    BridgeError,
    Conflict,
    Forbidden,
    Outcome,
    RateLimited,
    Rejected,
    Unavailable,
    UnknownName,
    UpstreamFailed,
)

ACCOUNT: Final = "account"
LOCK: Final = "lock"
LOCKED_FOR: Final = 0.5  # seconds after which an object that was locked is tried again
_NOT_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_KEY: Final = re.compile(r"\b(?:sk|rk|pk|whsec)_\S+")
_MISSING: Final = "resource_missing"


def translated(error: stripe.StripeError, *, writing: bool, scope: str) -> BridgeError:
    """Return the error that a failed request means; `scope` is the quota of the endpoint."""
    outcome = Outcome.UNKNOWN if writing else Outcome.NOT_APPLIED
    match error:
        case stripe.APIConnectionError():
            sent = type(error.__cause__).__name__ not in _NOT_SENT
            return Unavailable("Stripe cannot be reached", outcome=outcome if sent else Outcome.NOT_APPLIED)
        case stripe.RateLimitError():
            return _limited(error, scope)
        case stripe.AuthenticationError():
            return UpstreamFailed(
                "Stripe does not accept the key of this resource",
                details=details(error),
                hint="the operator has to change `api_key` of the resource",
            )
        case stripe.PermissionError():
            return Forbidden(
                "the key of this resource has no right to this at Stripe",
                details=details(error),
                hint="the operator has to add the right to the restricted key",
            )
        case stripe.IdempotencyError():
            return Conflict("the idempotency key was used for another write", code="BRG409", details=details(error))
        case stripe.CardError():
            return Rejected(said(error), code="BRG402", details=details(error))
        case stripe.InvalidRequestError():
            return _invalid(error)
        case _:
            return _failed(error, outcome)


def is_missing(error: BaseException) -> bool:
    """Tell whether Stripe knows no object of an id that it was given; one of the other mode is no such case."""
    if not isinstance(error, stripe.InvalidRequestError) or code_of(error) != _MISSING:
        return False
    return "a similar object exists in" not in said(error)


def parameter_of(error: BaseException) -> str:
    """Return the parameter that Stripe does not like, without what stands inside of it."""
    return (getattr(error, "param", None) or "").partition("[")[0]


def said(error: stripe.StripeError) -> str:
    """Return Stripe's own words, without any key."""
    return _KEY.sub("***", error.user_message or "Stripe refuses this")


def details(error: stripe.StripeError) -> str:
    """Return what helps to find a failure in Stripe's dashboard."""
    parameter = getattr(error, "param", None)
    parts = {
        "Stripe code": code_of(error),
        "decline code": getattr(error.error, "decline_code", None) if error.error is not None else None,
        "parameter": parameter,
        "request": error.request_id,
    }
    return ", ".join(f"{name} {_KEY.sub('***', str(value))}" for name, value in parts.items() if value)


def code_of(error: stripe.StripeError) -> str | None:
    """Return Stripe's code of a failure; the SDK keeps it in one place or another."""
    return error.code or (getattr(error.error, "code", None) if error.error is not None else None)


def _limited(error: stripe.StripeError, scope: str) -> RateLimited:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    text = headers.get("retry-after", "")
    seconds = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else None
    if code_of(error) == "lock_timeout":
        return RateLimited(
            "Stripe is at work on this object for somebody else", scope=LOCK, retry_after=seconds or LOCKED_FOR
        )
    of_endpoint = headers.get("stripe-rate-limited-reason", "").startswith(("endpoint", "resource"))
    return RateLimited(
        "Stripe takes no more requests for a moment", scope=scope if of_endpoint else ACCOUNT, retry_after=seconds
    )


def _invalid(error: stripe.InvalidRequestError) -> BridgeError:
    if code_of(error) == _MISSING:
        elsewhere = "a similar object exists in" in said(error)
        hint = "the key of this resource is for the other mode (test, live)" if elsewhere else None
        return UnknownName(said(error), code="BRG404", details=details(error), hint=hint)
    if code_of(error) == "idempotency_key_in_use":
        return _in_use()
    if error.param:
        return BadValue(said(error), details=details(error))
    return Rejected(said(error), code="BRG400", details=details(error))


def _failed(error: stripe.StripeError, outcome: Outcome) -> BridgeError:
    status = error.http_status or 0
    if code_of(error) == "idempotency_key_in_use":
        return _in_use()
    if status == 409:
        return Conflict(said(error), code="BRG409", details=details(error))
    if 400 <= status < 500:
        return UpstreamFailed("Stripe refuses the request", details=details(error))
    replayed = {name.lower(): value for name, value in (error.headers or {}).items()}.get("idempotent-replayed")
    if replayed == "true":  # what Stripe has kept as its answer does not change any more
        return UpstreamFailed(
            "Stripe failed at this write, and cannot tell what became of it", details=details(error), outcome=outcome
        )
    return Unavailable("Stripe failed at this request", outcome=outcome)


def _in_use() -> Unavailable:
    return Unavailable(
        "an earlier try of this write is still under way", retry_after=LOCKED_FOR, outcome=Outcome.UNKNOWN
    )
