"""SQLSTATE -> an error that speaks to the caller, without the text of the driver or of another record.

The classes follow the PostgREST dialect, so that its clients see the codes and states that they know.
"""

from collections.abc import Callable
from typing import Final

from bridge_core.errors import (
    BadValue,
    BridgeError,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    NotAllowed,
    Outcome,
    Rejected,
    TooLarge,
    Unavailable,
    UnknownName,
    UpstreamFailed,
)


def from_sqlstate(state: str, message: str, *, constraint: str | None = None, hint: str | None = None) -> BridgeError:
    """Return the error for what a database said.

    `message` is its primary message; its detail is left out, since it can hold the content of other records.
    """
    named = message if constraint is None or constraint in message else f"{message} ({constraint})"
    exact = _STATES.get(state)
    if exact is not None:
        return exact(named, state, hint)
    for prefix, make in _CLASSES:
        if state.startswith(prefix):
            return make(named, state, hint)
    return Rejected(named, code=state, hint=hint)


_Make = Callable[[str, str, str | None], BridgeError]


def _conflict(message: str, state: str, hint: str | None) -> BridgeError:
    return Conflict(message, code=state)


def _bad_value(message: str, state: str, hint: str | None) -> BridgeError:
    return BadValue(message, code=state, hint=hint)


def _rejected(message: str, state: str, hint: str | None) -> BridgeError:
    return Rejected(message, code=state, hint=hint)


def _unknown_name(message: str, state: str, hint: str | None) -> BridgeError:
    return UnknownName(message, code=state, hint=hint if state == "42883" else None)  # others name what may be hidden


def _forbidden(message: str, state: str, hint: str | None) -> BridgeError:
    return Forbidden(message, code=state, hint="the database role of the bridge lacks this right")


def _not_allowed(message: str, state: str, hint: str | None) -> BridgeError:
    return NotAllowed(message, code=state)


def _busy(message: str, state: str, hint: str | None) -> BridgeError:
    return Unavailable("the database cannot serve this now", code=state)


def _timed_out(message: str, state: str, hint: str | None) -> BridgeError:
    return DeadlineExceeded("the statement took longer than its time limit", code=state)


def _repeat(message: str, state: str, hint: str | None) -> BridgeError:
    return Unavailable("the database undid this because of another transaction: send it again", code=state)


def _too_large(message: str, state: str, hint: str | None) -> BridgeError:
    return TooLarge(message, code=state)


def _broken(message: str, state: str, hint: str | None) -> BridgeError:
    return UpstreamFailed("the database could not carry out the statement", code=state)


def lost(*, sent: bool) -> BridgeError:
    """Return the error for a connection that broke; `sent`: a write was on its way, so its outcome is not known."""
    outcome = Outcome.UNKNOWN if sent else Outcome.NOT_APPLIED
    return Unavailable("the connection to the database was lost", code="08006", outcome=outcome)


_STATES: Final[dict[str, _Make]] = {
    "23503": _conflict,
    "23505": _conflict,
    "23P01": _conflict,
    "42501": _forbidden,
    "42P01": _unknown_name,
    "42883": _unknown_name,
    "42703": _unknown_name,
    "42P17": _broken,
    "25006": _not_allowed,
    "57014": _timed_out,
    "57P01": _busy,
    "57P02": _busy,
    "57P03": _busy,
    "40001": _repeat,
    "40P01": _repeat,
    "55P03": _busy,
    "53400": _broken,
    "P0001": _rejected,
    "21000": _broken,
}
_CLASSES: Final[tuple[tuple[str, _Make], ...]] = (
    ("08", _busy),
    ("53", _busy),
    ("22", _bad_value),
    ("23", _bad_value),
    ("54", _too_large),
    ("28", _forbidden),
    ("0L", _forbidden),
    ("0P", _forbidden),
    *((prefix, _broken) for prefix in ("09", "25", "2D", "38", "39", "3B", "40", "55", "57", "58", "F0")),
    *((prefix, _broken) for prefix in ("HV", "P0", "XX")),
)
