"""What every surface on HTTP has in common: error -> status, headers and body; who asks."""

import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from bridge_core.call import Principal
from bridge_core.errors import (
    BridgeError,
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotAllowed,
    Outcome,
    OutOfRange,
    PreconditionFailed,
    RateLimited,
    Refused,
    Rejected,
    TooLarge,
    Unacceptable,
    Unauthenticated,
    Unavailable,
    UnknownName,
    UpstreamFailed,
)

_log = logging.getLogger(__name__)

Header: TypeAlias = tuple[bytes, bytes]
Authenticate: TypeAlias = Callable[[str | None, str | None], Awaitable[Principal] | Principal]
"""Authorization header and apikey header -> principal, at once where it is remembered."""

JSON: Final = b"application/json; charset=utf-8"
OUTCOME: Final = b"bridge-outcome"

_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "PGRST000": 503, "PGRST001": 503, "PGRST002": 503, "PGRST003": 504,
    "PGRST100": 400, "PGRST101": 405, "PGRST102": 400, "PGRST103": 416, "PGRST105": 405, "PGRST106": 406,
    "PGRST107": 406, "PGRST108": 400, "PGRST111": 500, "PGRST112": 500, "PGRST114": 400, "PGRST115": 400,
    "PGRST116": 406, "PGRST117": 405, "PGRST118": 400, "PGRST120": 400, "PGRST121": 500, "PGRST122": 400,
    "PGRST123": 400, "PGRST124": 400, "PGRST125": 404, "PGRST126": 404, "PGRST127": 400, "PGRST128": 400,
    "PGRST200": 400, "PGRST201": 300, "PGRST202": 404, "PGRST203": 300, "PGRST204": 400, "PGRST205": 404,
    "PGRST300": 500, "PGRST301": 401, "PGRST302": 401, "PGRST303": 401,
    "23503": 409, "23505": 409, "23P01": 409, "25006": 405, "21000": 500, "42883": 404, "42P01": 404, "42P17": 500,
    "53400": 500, "57014": 504, "57P01": 503, "P0001": 400,
    "BRG500": 500, "BRG408": 408, "BRG413": 413, "BRG414": 414, "BRG415": 415,
}  # fmt: skip
_STATUS_OF_PREFIX: Final[Mapping[str, int]] = {
    "08": 503, "53": 503, "0L": 403, "0P": 403, "28": 403,
    "09": 500, "25": 500, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500, "55": 500, "57": 500,
    "58": 500, "F0": 500, "HV": 500, "P0": 500, "XX": 500,
}  # fmt: skip
_STATUS_OF_CLASS: Final[Mapping[type[BridgeError], int]] = {
    UnknownName: 404,
    Refused: 422,
    Unacceptable: 406,
    NotAllowed: 405,
    OutOfRange: 416,
    TooLarge: 413,
    Conflict: 409,
    PreconditionFailed: 412,
    Rejected: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    RateLimited: 429,
    DeadlineExceeded: 504,
    Unavailable: 503,
    UpstreamFailed: 502,
    ConfigurationError: 503,
}
_PERMISSION: Final = "42501"
_SQLSTATE: Final = 5
_encoder = msgspec.json.Encoder()


def status_of(error: BridgeError, *, anonymous: bool = False) -> int:
    """Return the HTTP status of an error. What the caller can change is never answered as a failure of the server."""
    if error.code == _PERMISSION:
        return 401 if anonymous else 403
    by_code = _status_of_code(error.code)
    if by_code is not None and not (by_code >= 500 and isinstance(error, Rejected)):
        return by_code
    return next((_STATUS_OF_CLASS[kind] for kind in type(error).__mro__ if kind in _STATUS_OF_CLASS), 500)


def _status_of_code(code: str) -> int | None:
    known = _STATUS_OF_CODE.get(code)
    if known is not None or len(code) != _SQLSTATE:
        return known
    if code.startswith("PT") and code[2:].isascii() and code[2:].isdigit():
        chosen = int(code[2:])  # a function of the database may choose a status
        return chosen if 400 <= chosen <= 599 else 500
    return _STATUS_OF_PREFIX.get(code[:2], 400 if code[:2].isalnum() and code[0].isdigit() else None)


def problem_body(error: BridgeError) -> bytes:
    """Return the body of an error: `code`, `message`, `details`, `hint`, always all four."""
    if isinstance(error, ConfigurationError):  # written for the operator, not for callers
        error = Unavailable("the resource is not available", code=error.code)
    details = error.details
    if error.outcome is Outcome.UNKNOWN:
        said = "The outcome of the write is unknown: it may have been applied."
        details = f"{said} {details}" if isinstance(details, str) else said
    return _encoder.encode(
        {"code": error.code, "message": _clean(error.message), "details": _clean(details), "hint": _clean(error.hint)}
    )


def problem_headers(error: BridgeError, status: int, *, writing: bool = False) -> list[Header]:
    """Return the headers that tell about an error beside its body."""
    headers = [(b"content-type", JSON), (b"proxy-status", b"PostgREST; error=" + _token(error.code))]
    if status == 401:
        headers.append((b"www-authenticate", _challenge(error)))
    if isinstance(error, Unavailable) and status in (429, 503, 504):
        headers.append((b"retry-after", str(max(1, math.ceil(min(error.retry_after, 86_400.0)))).encode()))
    if writing:
        headers.append((OUTCOME, error.outcome.value.encode()))
    return headers


def unexpected(cause: Exception, *, writing: bool) -> BridgeError:
    """Log an exception that nobody translated, and return an error that says nothing but its number."""
    number = uuid.uuid4().hex
    _log.error("request %s failed", number, exc_info=cause)
    return UpstreamFailed(
        "internal error",
        code="BRG500",
        details=f"request id {number}",
        hint="the server's log says more under this id",
        outcome=Outcome.UNKNOWN if writing else Outcome.NOT_APPLIED,
    )


async def principal_of(authenticate: Authenticate, headers: Mapping[bytes, bytes]) -> Principal:
    """Return who asks, by the Authorization header, or by apikey where that is absent."""
    authorization, key = headers.get(b"authorization"), headers.get(b"apikey")
    answer = authenticate(
        authorization.decode("latin-1") if authorization is not None else None,
        key.decode("latin-1") if key is not None else None,
    )
    return answer if isinstance(answer, Principal) else await answer


def malformed_header(name: str, reason: str) -> Malformed:
    """Say that a header of the request cannot be read."""
    return Malformed(f"the header {name} {reason}")


def _challenge(error: BridgeError) -> bytes:
    if error.code not in ("PGRST301", "PGRST303"):
        return b"Bearer"
    description = "".join(each for each in error.message if each.isascii() and each.isprintable() and each not in '"\\')
    return f'Bearer error="invalid_token", error_description="{description}"'.encode()


def _token(code: str) -> bytes:
    return "".join(each for each in code if each.isascii() and each.isalnum()).encode()


def _clean(value: object) -> object:
    """Make text encodable: a lone surrogate that came in with the request cannot go out again."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
