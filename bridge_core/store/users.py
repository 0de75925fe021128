"""The users who log in at the bridge itself."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import RowMapping, bindparam, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge_core.errors import Conflict, UnknownName
from bridge_core.store.engine import Store
from bridge_core.store.revocations import ANNOUNCED, announce
from bridge_core.store.tables import LOGIN_ADDRESSES, REVOCATIONS, USERS

_STANDING: Final = select(
    exists()
    .where(REVOCATIONS.c.handle.in_(bindparam("handles", expanding=True)), REVOCATIONS.c.expires > bindparam("now"))
    .label("ended"),
    select(USERS.c.generation)
    .where(USERS.c.id == bindparam("subject"), USERS.c.active.is_(True))
    .scalar_subquery()
    .label("generation"),
)


@dataclass(frozen=True, slots=True)
class User:
    """One account. `password` is a hash; `generation` grows with every change of what the user may do."""

    id: str
    email: str
    password: str
    roles: tuple[str, ...]
    claims: Mapping[str, Any]
    active: bool
    generation: int
    created: float
    last_login: float | None


def address(email: str) -> str:
    """Return an e-mail address in the one form by which its account is found."""
    return email.strip().casefold()


async def add(
    store: Store, email: str, password: str, roles: Sequence[str], claims: Mapping[str, Any], *, now: float
) -> User:
    """Add a user with a hashed password."""
    user = User(secrets.token_hex(8), address(email), password, tuple(roles), claims, True, 1, now, None)
    values = {"roles": list(roles), "claims": dict(claims)}
    row = {name: getattr(user, name) for name in ("id", "email", "password", "active", "generation", "created")}
    try:
        async with store.writing() as connection:
            await connection.execute(insert(USERS).values(**row, **values))
    except IntegrityError as cause:
        raise Conflict(f"there is a user {user.email!r} already") from cause
    return user


async def everybody(store: Store) -> tuple[User, ...]:
    """Return all users by e-mail."""
    async with store.reading() as connection:
        return tuple(map(_user, (await connection.execute(select(USERS).order_by(USERS.c.email))).mappings()))


async def by_email(store: Store, email: str) -> User | None:
    """Find a user by the address that they log in with."""
    async with store.reading() as connection:
        row = (await connection.execute(select(USERS).where(USERS.c.email == address(email)))).mappings().one_or_none()
    return _user(row) if row is not None else None


async def by_id(connection: AsyncConnection, subject: str) -> User | None:
    """Find a user by id."""
    row = (await connection.execute(select(USERS).where(USERS.c.id == subject))).mappings().one_or_none()
    return _user(row) if row is not None else None


@dataclass(frozen=True, slots=True)
class Stand:
    """Whether something of a token was revoked, and the generation of its user; None: there is no active user."""

    ended: bool
    generation: int | None


async def standing(connection: AsyncConnection, subject: str, handles: Sequence[str], *, now: float) -> Stand:
    """Look up all that decides whether a token still counts, in one question."""
    asked = {"handles": list(handles), "now": now, "subject": subject}
    row = (await connection.execute(_STANDING, asked)).one()
    return Stand(bool(row.ended), row.generation)


async def change(store: Store, email: str, *, now: float, **values: Any) -> User:
    """Change what a user may do, or their password: tokens that were issued before no longer count, anywhere."""
    async with store.writing() as connection:
        changed = (
            update(USERS)
            .where(USERS.c.email == address(email))
            .values(**values, generation=USERS.c.generation + 1)
            .returning(USERS)
        )
        row = (await connection.execute(changed)).mappings().one_or_none()
        if row is None:
            raise UnknownName(f"there is no user {address(email)!r}", hint="bridgectl users list")
        user = _user(row)
        await announce(connection, [f"user:{user.id}"], now=now, expires=now + ANNOUNCED)
    return user


async def remove(store: Store, email: str, *, now: float) -> None:
    """Remove a user; their tokens no longer count."""
    user = await change(store, email, now=now, active=False)
    async with store.writing() as connection:
        await connection.execute(delete(LOGIN_ADDRESSES).where(LOGIN_ADDRESSES.c.user_id == user.id))
        await connection.execute(delete(USERS).where(USERS.c.id == user.id))


async def logged_in(store: Store, user: User, at: str, *, now: float, rehashed: str | None = None) -> None:
    """Note a log-in and the address that it came from; with it, a hash made with present parameters."""
    values: dict[str, Any] = {"last_login": now} | ({"password": rehashed} if rehashed else {})
    place = (LOGIN_ADDRESSES.c.user_id == user.id, LOGIN_ADDRESSES.c.address == at)
    async with store.writing() as connection:
        await connection.execute(update(USERS).where(USERS.c.id == user.id).values(**values))
        known = await connection.execute(update(LOGIN_ADDRESSES).where(*place).values(seen=now))
        if known.rowcount == 0:
            await connection.execute(insert(LOGIN_ADDRESSES).values(user_id=user.id, address=at, seen=now))


async def knows(store: Store, user: User | None, at: str) -> bool:
    """Tell whether this user has logged in from that address before; for nobody the same question is asked."""
    ident = user.id if user is not None else ""
    place = (LOGIN_ADDRESSES.c.user_id == ident, LOGIN_ADDRESSES.c.address == at)
    async with store.reading() as connection:
        return (await connection.execute(select(LOGIN_ADDRESSES.c.seen).where(*place))).one_or_none() is not None


def _user(row: RowMapping) -> User:
    values = dict(row)
    return User(**{**values, "roles": tuple(values["roles"])})
