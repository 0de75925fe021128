"""Credentials of the kind data token: `Bearer` and a JWT that the bridge itself issued."""

from typing import Protocol

from bridge_core.auth.authenticate import Asked
from bridge_core.auth.compact import Damaged, parsed
from bridge_core.auth.credentials import Credential, Scheme, unauthenticated
from bridge_core.auth.data_tokens import ACCESS, DataClaims, DataTokens
from bridge_core.auth.remembered import Verified
from bridge_core.call import Principal


class Standing(Protocol):
    """Knows what became of users and sessions since their tokens were issued."""

    async def holds(self, claims: DataClaims) -> bool:
        """Tell whether the user, the session and the token all still count."""
        ...


class DataTokenKind:
    """Takes every bearer JWT whose header names our own type of token."""

    def __init__(self, tokens: DataTokens, standing: Standing | None = None) -> None:
        self._tokens = tokens
        self._standing = standing

    def takes(self, credential: Credential) -> bool:
        """Take bearer JWTs that call themselves ours."""
        if credential.scheme is not Scheme.BEARER or not credential.alone or credential.value.count(".") != 2:
            return False
        try:
            return parsed(credential.value).header.get("typ") == ACCESS
        except Damaged:
            return False

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Verify the token itself, then whether it still stands."""
        try:
            claims = self._tokens.verify(parsed(credential.value))
        except Damaged:
            raise unauthenticated() from None
        if self._standing is not None and await self._standing.holds(claims) is not True:
            raise unauthenticated()
        principal = Principal(claims.subject, claims.roles, {**claims.claims, "sub": claims.subject})
        handles = (f"user:{claims.subject}", f"session:{claims.session}", f"token:{claims.token}")
        return Verified(principal, claims.expires, handles if self._standing is not None else ())
