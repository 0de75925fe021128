"""Take a token apart for whoever holds it: what kind it is, and what a JWT with a good signature says."""

import time
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from bridge_core.auth.compact import Damaged
from bridge_core.auth.credentials import Credential, Scheme, chosen
from bridge_core.auth.jet_rights import listed
from bridge_core.errors import Unauthenticated
from bridge_core.surfaces.jet.exchange import Reply, Request, reply
from bridge_core.surfaces.jet.settings import Identity

_ALGORITHM: Final = "RS256"


def inspected(request: Request, identity: Identity) -> Reply:
    """Return what stands in the token of a request."""
    text = request.first("authorization") or request.header(b"authorization")
    if not text:
        return reply({"error": "Token not specified"}, 400)
    try:
        credential = chosen(text)
        said: dict[str, Any] = {
            "token_type": credential.scheme.value,
            "token_value": credential.value,
            "token_params": dict(credential.params),
        }
        if credential.scheme is Scheme.JWT:
            said["jwt_data"] = _claims(credential, identity.jwt_verify_key)
    except (Unauthenticated, Damaged, jwt.PyJWTError):
        return reply({"error": "Token parse failed"}, 400)
    return reply(said)


def _claims(credential: Credential, key: str | None) -> dict[str, Any]:
    if key is None:
        raise Damaged
    options: Any = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}
    pem = key.replace("\\n", "\n")
    claims: dict[str, Any] = jwt.decode(credential.value, pem, algorithms=[_ALGORITHM], options=options)
    expires = claims.get("exp")
    if isinstance(expires, int) and not isinstance(expires, bool):
        claims["exp_raw"] = expires
        claims["exp"] = _written(expires)
        claims["expired"] = expires < time.time()
    projects = claims.get("projects")
    for member in projects.values() if isinstance(projects, dict) else ():
        if isinstance(member, dict) and isinstance(member.get("permissions"), str):
            member["permissions_raw"] = member["permissions"]
            member["permissions"] = listed(member["permissions"])
    return claims


def _written(moment: int) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat()
    except (OverflowError, ValueError, OSError):
        raise Damaged from None
