"""The key set (JWKS) of an identity provider: fetched once, kept, and fetched anew when keys rotate."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.settings import OidcSettings
from bridge_core.errors import Unavailable

FRESH: Final = 300.0  # seconds after which the set is fetched anew
STALE: Final = 3_600.0  # seconds after which an old set no longer counts, even if no new one can be had
MAX_KEYS: Final = 64


@dataclass(frozen=True, slots=True)
class _Keys:
    by_id: Mapping[str, jwt.PyJWK]
    nameless: tuple[jwt.PyJWK, ...]
    fetched: float

    def find(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of that name; one without a name only where the set leaves no choice."""
        if kid is not None and kid in self.by_id:
            return self.by_id[kid]
        every = (*self.by_id.values(), *self.nameless)
        if len(every) == 1 and (kid is None or self.nameless):
            return every[0]
        return None


class KeySet:
    """Keys of one issuer, of its one algorithm. An unknown name makes it look again, but not often."""

    def __init__(self, settings: OidcSettings, outgoing: Outgoing, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._outgoing = outgoing
        self._clock = clock
        self._keys: _Keys | None = None
        self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, kid: object) -> jwt.PyJWK | None:
        """Return the key of that name, None if there is none, or raise Unavailable where no key set can be had."""
        if kid is not None and not isinstance(kid, str):
            return None
        keys = await self._present()
        found = keys.find(kid)
        if found is None and self._may_try():
            keys = await self._renewed(keys)
            found = keys.find(kid)
        return found

    async def _present(self) -> _Keys:
        keys = self._keys
        if keys is not None and self._clock() < keys.fetched + FRESH:
            return keys
        try:
            return await self._renewed(keys)
        except Unavailable:
            if keys is not None and self._clock() < keys.fetched + STALE:
                return keys
            raise

    def _may_try(self) -> bool:
        return self._clock() >= self._tried + self._settings.refetch

    async def _renewed(self, seen: _Keys | None) -> _Keys:
        """Fetch the set, unless somebody else did so meanwhile."""
        async with self._fetching:
            if self._keys is not None and self._keys is not seen:
                return self._keys
            if not self._may_try():
                raise Unavailable("the keys of the identity provider cannot be had now", retry_after=5)
            self._tried = self._clock()
            self._keys = await self._fetched()
            return self._keys

    async def _fetched(self) -> _Keys:
        document = await self._outgoing.document(await self._url())
        listed = document.get("keys")
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise Unavailable("the identity provider answers no key set")
        by_id: dict[str, jwt.PyJWK] = {}
        nameless: list[jwt.PyJWK] = []
        for each in listed:
            key = self._usable(each)
            if key is not None and isinstance(key.key_id, str):
                by_id[key.key_id] = key
            elif key is not None:
                nameless.append(key)
        return _Keys(by_id, tuple(nameless), self._clock())

    def _usable(self, entry: Any) -> jwt.PyJWK | None:
        algorithm = self._settings.algorithm
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
            return None
        if entry.get("kty") == "oct":  # a shared secret is no public key
            return None
        try:
            return jwt.PyJWK(entry, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            return None

    async def _url(self) -> str:
        if self._settings.jwks_url is not None:
            return str(self._settings.jwks_url)
        issuer = self._settings.issuer
        found = await self._outgoing.document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        url = found.get("jwks_uri")
        if found.get("issuer") != issuer or not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise Unavailable("the discovery document of the identity provider is not its own")
        return url
