"""What became of users and sessions since a data token was issued, as the store knows it."""

from collections.abc import Callable

from bridge_core.auth.data_tokens import DataClaims
from bridge_core.store import users
from bridge_core.store.engine import Store

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
            stand = await users.standing(connection, claims.subject, handles, now=self._clock())
        if stand.ended:
            return False
        return claims.generation in (NO_USER, stand.generation)
