"""Errors -> the bodies that clients of this protocol read."""

from collections.abc import Mapping
from typing import Final

from bridge_core.errors import (
    BridgeError,
    ConfigurationError,
    Denied,
    Outcome,
    Rejected,
    Unauthenticated,
    Unavailable,
    UnknownName,
    UpstreamFailed,
)
from bridge_core.surfaces.http import OUTCOME, problem_headers, status_of
from bridge_core.surfaces.jet.exchange import JSON, Reply, reply

GENERAL: Final = "non_field_errors"
_MODEL: Final = frozenset({"PGRST205", "PGRST125"})
_KEPT: Final = frozenset({408, 413, 414, 415, 422})
_SQLSTATE: Final = 5
SEVERAL: Final = "JET409"


class Invalid(Rejected):
    """Something is wrong with single fields of a body; each message belongs to the field of its key."""

    default_code = "JET400"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in fields.items()))
        self.fields = fields


class Missing(UnknownName):
    """There is no such record, or no such path."""

    default_code = "PGRST125"


class BadArgument(Rejected):
    """A parameter that the endpoint cannot do without is missing; said in a form of its own."""

    default_code = "JET400"

    def __init__(self, name: str) -> None:
        super().__init__(f"Missing argument {name}")


def general(message: str) -> Invalid:
    """Return an error that belongs to no single field."""
    return Invalid({GENERAL: message})


def problem(error: BridgeError, *, writing: bool) -> Reply:
    """Return the reply that tells about an error."""
    status = _status(error)
    answer = reply(_body(error, status), status)
    if isinstance(error, Unavailable):
        answer.headers = [JSON, *(each for each in problem_headers(error, status) if each[0] == b"retry-after")]
    if writing and error.outcome is not Outcome.NOT_APPLIED:
        answer.headers.append((OUTCOME, error.outcome.value.encode()))
    return answer


def body_of_problem(error: BridgeError) -> object:
    """Return what the body of a reply says about an error."""
    return _body(error, _status(error))


def _status(error: BridgeError) -> int:
    if isinstance(error, Denied):
        return 403
    if isinstance(error, UnknownName) and error.code in _MODEL:
        return 404
    if error.code == SEVERAL:
        return 409
    if isinstance(error, Rejected):
        status = status_of(error)
        return status if status in _KEPT else 400
    return status_of(error)


def _body(error: BridgeError, status: int) -> object:
    match error:
        case Invalid(fields=fields):
            return {name: [message] for name, message in fields.items()}
        case BadArgument():
            return {"error": error.message, "error_code": "invalid"}
        case Unauthenticated():
            return {GENERAL: ["You don't have permission to access this"]}
        case ConfigurationError():
            return {GENERAL: ["the resource is not available"]}
        case _:
            return {GENERAL: [_said(error, status)]}


def _said(error: BridgeError, status: int) -> str:
    message = error.message
    if error.outcome is Outcome.UNKNOWN:
        message += ". The outcome of the write is unknown: it may have been applied."
    if isinstance(error, UpstreamFailed) and isinstance(error.details, str):
        message += f" ({error.details})"
    # Clients of Jet Bridge know what a database says with the line break of its driver at the end.
    from_database = status == 400 and len(error.code) == _SQLSTATE and error.code[:2] in ("22", "23")
    return message + "\n" if from_database else message
