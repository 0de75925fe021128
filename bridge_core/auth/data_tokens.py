"""Data tokens: issue and verify the JWTs (HS256) that the bridge gives out after a log-in."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import jwt
from jwt.api_jws import PyJWS

from bridge_core.auth.compact import Compact, Damaged
from bridge_core.auth.settings import AuthSettings, signing_key
from bridge_core.errors import ConfigurationError

ACCESS: Final = "bridge-access+jwt"
REFRESH: Final = "bridge-refresh+jwt"
ALGORITHM: Final = "HS256"
SKEW: Final = 30
MAX_TIME: Final = 2**53

_HEADER: Final = frozenset({"alg", "typ", "kid"})
_CLAIMS: Final = frozenset({"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid", "gen", "roles", "claims"})


@dataclass(frozen=True, slots=True)
class DataClaims:
    """What a data token says. `generation` is that of the user's rights when it was issued; `session` its log-in."""

    subject: str
    roles: tuple[str, ...]
    claims: Mapping[str, Any]
    generation: int
    session: str
    token: str
    expires: float


@dataclass(frozen=True, slots=True)
class _Key:
    secret: bytes
    until: float


class DataTokens:
    """Issues under the present secret; verifies under it and under previous ones until their time is over."""

    def __init__(self, settings: AuthSettings, clock: Callable[[], float]) -> None:
        """Take the settings; raise ConfigurationError for a secret that is not fit."""
        if settings.secret is None:
            raise ConfigurationError("[auth] secret is missing")
        self._settings = settings
        self._clock = clock
        present = signing_key(settings.secret)
        self._keys: dict[str, _Key] = {
            _key_id(secret): _Key(secret, each.until)
            for each in settings.previous
            for secret in [signing_key(each.secret, key="[[auth.previous]] secret")]
        }
        self._kid = _key_id(present)
        self._keys[self._kid] = _Key(present, float("inf"))
        self._jws = PyJWS(algorithms=[ALGORITHM], options={"enforce_minimum_key_length": True})

    def issue(
        self,
        subject: str,
        *,
        typ: str = ACCESS,
        roles: tuple[str, ...] = (),
        claims: Mapping[str, Any] | None = None,
        generation: int = 0,
        session: str | None = None,
    ) -> str:
        """Return a token for a subject, valid from now for the configured time."""
        now = int(self._clock())
        body = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + self._lifetime(typ),
            "jti": secrets.token_urlsafe(16),
            "sid": session or secrets.token_urlsafe(16),
            "gen": generation,
            "roles": list(roles),
            "claims": dict(claims or {}),
        }
        return jwt.encode(body, self._keys[self._kid].secret, ALGORITHM, headers={"typ": typ, "kid": self._kid})

    def verify(self, token: Compact, *, typ: str = ACCESS) -> DataClaims:
        """Return what a token of this kind says, or raise Damaged. The signature is checked before any claim."""
        header = token.header
        if header.keys() != _HEADER or header["alg"] != ALGORITHM or header["typ"] != typ:
            raise Damaged
        key = self._keys.get(header["kid"]) if isinstance(header["kid"], str) else None
        if key is None or self._clock() >= key.until:
            raise Damaged
        try:
            self._jws.decode_complete(token.text, key.secret, algorithms=[ALGORITHM])
        except jwt.PyJWTError as cause:
            raise Damaged from cause
        claims = self._checked(token.payload, self._lifetime(typ))
        return replace(claims, expires=min(claims.expires, key.until))

    def _lifetime(self, typ: str) -> int:
        return self._settings.refresh_ttl if typ == REFRESH else self._settings.token_ttl

    def _checked(self, body: Mapping[str, Any], lifetime: int) -> DataClaims:
        if body.keys() != _CLAIMS or body["iss"] != self._settings.issuer or body["aud"] != self._settings.audience:
            raise Damaged
        issued, begins, expires = (whole(body[name]) for name in ("iat", "nbf", "exp"))
        now = self._clock()
        if not (issued - SKEW <= now < expires and begins - SKEW <= now and 0 < expires - issued <= lifetime):
            raise Damaged
        roles, claims = body["roles"], body["claims"]
        if not isinstance(claims, dict) or not isinstance(roles, list):
            raise Damaged
        return DataClaims(
            subject=word(body["sub"]),
            roles=tuple(word(role) for role in roles),
            claims=claims,
            generation=whole(body["gen"]),
            session=word(body["sid"]),
            token=word(body["jti"]),
            expires=expires,
        )


def whole(value: object) -> int:
    """Return a whole number of a sane size, or raise Damaged; a boolean or a float is none."""
    if type(value) is not int or not 0 <= value < MAX_TIME:
        raise Damaged
    return value


def word(value: object) -> str:
    """Return a text that names something, or raise Damaged."""
    if not isinstance(value, str) or not 0 < len(value) <= 256 or not value.isprintable():
        raise Damaged
    return value


def _key_id(secret: bytes) -> str:
    return hashlib.sha256(b"bridge key id\0" + secret).hexdigest()[:16]
