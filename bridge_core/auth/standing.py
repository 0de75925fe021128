"""What became of users and sessions since a data token was issued, as the store knows it."""

from collections.abc import Callable

from bridge_core.auth.data_tokens import DataClaims
from bridge_core.store import users
from bridge_core.store.engine import Store
from bridge_core.store.revocations import revoked

NO_USER = 0
"""The generation of tokens that belong to no account: those that an operator made with `bridgectl token`."""


class StoreStanding:
    """Asks the store; see `Standing`."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def holds(self, claims: DataClaims) -> bool:
        """Tell whether neither user, session nor token were revoked since the token was issued."""
        handles = [f"session:{claims.session}", f"token:{claims.token}"]
        async with self._store.reading() as connection:
            if await revoked(connection, handles, now=self._clock()) is not None:
                return False
            if claims.generation == NO_USER:
                return True
            user = await users.by_id(connection, claims.subject)
        return user is not None and user.active and user.generation == claims.generation
