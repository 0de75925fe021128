"""What a request carries as a credential: the header `Authorization`, or `apikey` in its absence; never a URL."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bridge_core.errors import Malformed, Unauthenticated

CHALLENGE: Final = 'Bearer realm="bridge", error="invalid_token"'
"""The value of WWW-Authenticate beside every 401 for a credential that was sent."""

MAX_HEADER: Final = 65_536

_VALUE: Final = re.compile(r"[A-Za-z0-9._~+/=:@-]+")
_PARAM: Final = re.compile(r"([A-Za-z_]+)=([A-Za-z0-9._~+/:@-]*)")
_IN_URL: Final = re.compile(
    rb"(?:^|[&;?])(?:access_token|refresh_token|id_token|apikey|api_key|authorization|jwt|bearer)=(?!(?:not\.)?[a-z]+[.(])"
    rb"|=(?:eyJ[\w-]+\.|brk_)",
    re.IGNORECASE,
)


class Scheme(StrEnum):
    """The kinds of credentials, as the header names them."""

    BEARER = "Bearer"
    TOKEN = "Token"  # noqa: S105 - the name of a scheme
    PROJECT_TOKEN = "ProjectToken"  # noqa: S105
    JWT = "JWT"


_SCHEMES: Final[Mapping[str, Scheme]] = {
    **{scheme.value: scheme for scheme in Scheme},
    "bearer": Scheme.BEARER,  # RFC 9110: the name of a scheme has no case; clients write these two
    "BEARER": Scheme.BEARER,
}


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential as it was sent. `alone`: the header carried no other. Its repr hides the value."""

    scheme: Scheme
    value: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    alone: bool = True


def unauthenticated() -> Unauthenticated:
    """Say that a credential is not accepted; the same words whatever is wrong with it."""
    return Unauthenticated(
        "the credential is not valid here",
        hint="send a valid one in the header Authorization, for instance `Bearer <data token>`; see /auth/token",
    )


def refuse_in_url(query: bytes) -> None:
    """Raise Malformed where a query string carries a credential: it would end up in logs and histories."""
    if _IN_URL.search(query):
        raise Malformed(
            "a credential in the URL is not taken", hint="send it in the header Authorization and consider it leaked"
        )


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, str | None]:
    """Return the values of `Authorization` and `apikey`; two of a kind are refused."""
    authorization: str | None = None
    apikey: str | None = None
    for name, value in headers:
        if name == b"authorization":
            if authorization is not None:
                raise unauthenticated()
            authorization = value.decode("latin-1")
        elif name == b"apikey":
            if apikey is not None:
                raise unauthenticated()
            apikey = value.decode("latin-1")
    return authorization, apikey


def chosen(authorization: str) -> Credential:
    """Parse the header: `<Type> <value>[;k=v...][,<Type> <value>...]`; a JWT wins, else the first."""
    if len(authorization) > MAX_HEADER:
        raise unauthenticated()
    parts = authorization.split(",", 8)
    if len(parts) > 8:
        raise unauthenticated()
    credentials = [_one(part, alone=len(parts) == 1) for part in parts]
    return next((each for each in credentials if each.scheme is Scheme.JWT), credentials[0])


def _one(text: str, *, alone: bool) -> Credential:
    name, _, rest = text.partition(" ")
    value, *pairs = rest.split(";")
    scheme = _SCHEMES.get(name)
    if scheme is None or not _VALUE.fullmatch(value):
        raise unauthenticated()
    params: dict[str, str] = {}
    for pair in pairs:
        match = _PARAM.fullmatch(pair)
        if match is None or match[1] in params or scheme is Scheme.BEARER:
            raise unauthenticated()
        params[match[1]] = match[2]
    return Credential(scheme, value, params, alone)
