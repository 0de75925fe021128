"""Credentials of the kind OIDC token: `Bearer` JWTs of configured identity providers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import jwt
from jwt.api_jws import PyJWS

from bridge_core.auth.authenticate import Asked
from bridge_core.auth.claims import in_time, inside, words
from bridge_core.auth.compact import Compact, Damaged, parsed
from bridge_core.auth.credentials import Credential, Scheme, unauthenticated
from bridge_core.auth.data_tokens import word
from bridge_core.auth.key_sets import KeySet
from bridge_core.auth.remembered import Verified
from bridge_core.auth.settings import OidcSettings
from bridge_core.call import Principal

MAX_OIDC_TOKEN: Final = 16_384
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "id+jwt"})


class OidcKind:
    """Takes bearer JWTs by their issuer; each issuer has its own keys, algorithm, audience and roles."""

    def __init__(self, issuers: Sequence[tuple[OidcSettings, KeySet]], clock: Callable[[], float]) -> None:
        self._issuers: Mapping[str, _Issuer] = {each.issuer: _Issuer(each, keys, clock) for each, keys in issuers}

    def takes(self, credential: Credential) -> bool:
        """Take bearer JWTs that name one of the issuers."""
        if credential.scheme is not Scheme.BEARER or not credential.alone or credential.value.count(".") != 2:
            return False
        try:
            return parsed(credential.value, limit=MAX_OIDC_TOKEN).payload.get("iss") in self._issuers
        except (Damaged, TypeError):
            return False

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Verify signature and claims by the rules of the token's issuer."""
        try:
            token = parsed(credential.value, limit=MAX_OIDC_TOKEN)
            return await self._issuers[token.payload["iss"]].verify(token)
        except Damaged:
            raise unauthenticated() from None


class _Issuer:
    def __init__(self, settings: OidcSettings, keys: KeySet, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._jws = PyJWS(algorithms=[settings.algorithm], options={"enforce_minimum_key_length": True})

    async def verify(self, token: Compact) -> Verified:
        algorithm = self._settings.algorithm
        typ = token.header.get("typ", "jwt")
        if token.header.get("alg") != algorithm or not isinstance(typ, str) or typ.lower() not in _TYPES:
            raise Damaged
        key = await self._keys.find(token.header.get("kid"))
        if key is None:
            raise Damaged
        try:
            self._jws.decode_complete(token.text, key, algorithms=[algorithm])
        except jwt.PyJWTError as cause:
            raise Damaged from cause
        return self._accepted(token.payload)

    def _accepted(self, body: Mapping[str, Any]) -> Verified:
        settings, now = self._settings, self._clock()
        audiences = body.get("aud")
        meant = audiences == settings.audience or (isinstance(audiences, list) and settings.audience in audiences)
        if body.get("iss") != settings.issuer or not meant:
            raise Damaged
        expires = in_time(body, now)
        subject = word(body.get("sub"))
        named = words(inside(body, settings.role_claim))
        roles = tuple(dict.fromkeys(settings.roles[name] for name in named if name in settings.roles))
        claims = {name: body[name] for name in settings.claims if name in body}
        principal = Principal(f"{settings.issuer}#{subject}", roles, {**claims, "sub": subject, "iss": settings.issuer})
        return Verified(principal, min(expires, now + settings.remember))
