"""Log in, refresh, log out: passwords and refresh tokens -> data tokens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge_core.auth.attempts import Attempts
from bridge_core.auth.authenticate import Authenticator
from bridge_core.auth.compact import MAX_TOKEN, Damaged, parsed
from bridge_core.auth.credentials import chosen, unauthenticated
from bridge_core.auth.data_tokens import ACCESS, REFRESH, DataClaims, DataTokens
from bridge_core.auth.passwords import Passwords
from bridge_core.auth.settings import AuthSettings
from bridge_core.errors import ConfigurationError, Unauthenticated
from bridge_core.store import users
from bridge_core.store.engine import Store
from bridge_core.store.revocations import announce, queued, revoked
from bridge_core.store.users import User

GRACE: Final = 10.0
"""Seconds in which the same refresh token may come twice by accident (two windows of one browser)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What a log-in gives: a data token, how long it lasts, and a token to get the next one with."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    lasts: int


class Login:
    """The only place that issues data tokens for accounts."""

    def __init__(
        self,
        settings: AuthSettings,
        store: Store,
        tokens: DataTokens,
        authenticator: Authenticator,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._tokens = tokens
        self._authenticator = authenticator
        self._clock = clock
        self._attempts = Attempts(settings.login)
        self.passwords = Passwords()

    async def by_password(self, email: str, password: str, address: str) -> Pair:
        """Return tokens for the right password; the same answer, after the same work, for every wrong one."""
        account = users.address(email)
        user = await users.by_email(self._store, account)
        known = await users.knows(self._store, user, address)
        self._attempts.count(account, address, known=known)
        right = await self.passwords.match(password, user.password if user else None)
        if user is None or not right or not user.active:
            raise wrong_password()
        rehashed = await self.passwords.hashed(password) if self.passwords.outdated(user.password) else None
        await users.logged_in(self._store, user, address, now=self._clock(), rehashed=rehashed)
        return self._pair(user, None)

    async def refreshed(self, refresh: str) -> Pair:
        """Exchange a refresh token, which works once; one that comes again later ends its whole session."""
        try:
            claims = self._tokens.verify(parsed(refresh), typ=REFRESH)
        except Damaged:
            raise unauthenticated() from None
        async with self._store.writing() as connection:
            await queued(connection)
            user = await self._first_use(connection, claims)
        if user is None:
            self._authenticator.revoke(frozenset({f"session:{claims.session}"}))
            raise unauthenticated()
        return self._pair(user, claims.session)

    async def log_out(self, authorization: str) -> None:
        """End the session of a data token, everywhere."""
        await self._authenticator.authenticate(authorization)
        try:
            claims = self._tokens.verify(parsed(chosen(authorization).value), typ=ACCESS)
        except Damaged:
            raise unauthenticated() from None
        now = self._clock()
        handles = [f"session:{claims.session}"]
        async with self._store.writing() as connection:
            await announce(connection, handles, now=now, expires=now + self._settings.refresh_ttl)
        self._authenticator.revoke(frozenset(handles))

    async def _first_use(self, connection: AsyncConnection, claims: DataClaims) -> User | None:
        """Use a refresh token up and return its user; None: it was used before, or nothing stands behind it."""
        now = self._clock()
        handle, session = f"token:{claims.token}", f"session:{claims.session}"
        used = await revoked(connection, [handle], now=now)
        if used is not None:
            if now - used > GRACE:
                await announce(connection, [session], now=now, expires=claims.expires)
            return None
        await announce(connection, [handle], now=now, expires=claims.expires)
        user = await users.by_id(connection, claims.subject)
        ended = await revoked(connection, [session], now=now)
        stands = user is not None and user.active and user.generation == claims.generation and ended is None
        return user if stands else None

    def _pair(self, user: User, session: str | None) -> Pair:
        claims = {**user.claims, "email": user.email}
        refresh = self._tokens.issue(user.id, typ=REFRESH, generation=user.generation, session=session)
        session = self._tokens.verify(parsed(refresh), typ=REFRESH).session
        access = self._tokens.issue(
            user.id, roles=user.roles, claims=claims, generation=user.generation, session=session
        )
        if len(access) > MAX_TOKEN:
            raise ConfigurationError(f"the claims of user {user.email!r} do not fit into a token")
        return Pair(access, refresh, self._settings.token_ttl)


def wrong_password() -> Unauthenticated:
    """Say that nobody can log in like this."""
    return Unauthenticated("e-mail address or password is wrong", code="PGRST301")
