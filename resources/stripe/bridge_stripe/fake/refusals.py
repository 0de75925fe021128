"""What the stand-in refuses, in the form and the words of Stripe."""

from typing import Any


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", code: str = "", param: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"message": message, "type": kind}}
        if code:
            self.body["error"] |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code}"}
        if param:
            self.body["error"]["param"] = param


def unknown_parameter(name: str) -> Refusal:
    """Refuse a parameter that the call does not have."""
    return Refusal(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def missing_parameter(name: str) -> Refusal:
    """Refuse a call without a parameter that it needs."""
    return Refusal(f"Missing required param: {name}.", code="parameter_missing", param=name)


def no_such(noun: str, key: str, param: str, status: int = 404, elsewhere: str = "") -> Refusal:
    """Refuse an id that no object has."""
    more = ""
    if elsewhere:
        other = "test" if elsewhere == "live" else "live"
        more = f"; a similar object exists in {elsewhere} mode, but a {other} mode key was used to make this request."
    return Refusal(f"No such {noun}: '{key}'{more}", status=status, code="resource_missing", param=param)


def not_now(message: str, code: str, param: str = "") -> Refusal:
    """Refuse what an object is not in the state for."""
    return Refusal(message, code=code, param=param)


def declined() -> Refusal:
    """Refuse as the bank of a card does."""
    refusal = Refusal("Your card was declined.", status=402, kind="card_error", code="card_declined")
    refusal.body["error"]["decline_code"] = "generic_decline"
    return refusal
