"""Credentials of the kind API key: `Bearer brk_...`, made by `bridgectl keys create`."""

from collections.abc import Callable
from typing import Final

from bridge_core.auth.authenticate import Asked
from bridge_core.auth.credentials import Credential, Scheme, unauthenticated
from bridge_core.auth.key_use import KeyUse
from bridge_core.auth.remembered import Verified
from bridge_core.call import Principal
from bridge_core.store import keys
from bridge_core.store.engine import Store

REMEMBER: Final = 60.0  # seconds; so the last use of a key is known to the minute
MAX_KEY: Final = 200


class ApiKeyKind:
    """Takes what begins as our keys do, and asks the store."""

    def __init__(self, store: Store, use: KeyUse, clock: Callable[[], float]) -> None:
        self._store = store
        self._use = use
        self._clock = clock

    def takes(self, credential: Credential) -> bool:
        """Take bearer credentials with the prefix of our keys."""
        value = credential.value
        return (
            credential.scheme is Scheme.BEARER
            and credential.alone
            and value.startswith(keys.PREFIX)
            and len(value) <= MAX_KEY
        )

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Find the key; it must be neither revoked nor expired."""
        key = await keys.find(self._store, credential.value)
        now = self._clock()
        if key is None or not key.counts(now):
            raise unauthenticated()
        self._use.note(key.id, now)
        until = now + REMEMBER if key.expires is None else min(key.expires, now + REMEMBER)
        principal = Principal(f"key:{key.id}", key.roles, {**key.claims, "sub": f"key:{key.id}"})
        return Verified(principal, until, (f"key:{key.id}",))
