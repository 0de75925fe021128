"""API keys: made once, shown once, stored as a digest."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import RowMapping, bindparam, insert, select, update

from bridge_core.errors import UnknownName
from bridge_core.store.engine import Store
from bridge_core.store.revocations import ANNOUNCED, announce
from bridge_core.store.tables import API_KEYS

PREFIX: Final = "brk_"

_BY_ID: Final = select(API_KEYS).where(API_KEYS.c.id == bindparam("ident"))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without what makes it work."""

    id: str
    digest: str
    name: str
    roles: tuple[str, ...]
    claims: Mapping[str, Any]
    created: float
    expires: float | None
    revoked: float | None
    last_used: float | None

    def counts(self, now: float) -> bool:
        """Tell whether the key is good at this moment."""
        return self.revoked is None and (self.expires is None or now < self.expires)


async def create(
    store: Store, name: str, roles: Sequence[str], claims: Mapping[str, Any], *, now: float, expires: float | None
) -> str:
    """Make a key and return its text, which nobody can read again."""
    ident, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    row = {"id": ident, "digest": _digest(secret), "name": name, "roles": list(roles), "claims": dict(claims)}
    async with store.writing() as connection:
        await connection.execute(insert(API_KEYS).values(**row, created=now, expires=expires))
    return f"{PREFIX}{ident}_{secret}"


async def find(store: Store, text: str) -> ApiKey | None:
    """Return the key that a text is, revoked and expired ones included; None: there is none."""
    ident, _, secret = text.removeprefix(PREFIX).partition("_")
    async with store.reading() as connection:
        found = await connection.execute(_BY_ID, {"ident": ident})
        row = found.mappings().one_or_none()
    wanted = _digest(secret)  # also for unknown keys: the same work
    if row is None or not hmac.compare_digest(row["digest"], wanted):
        return None
    return _key(row)


async def every(store: Store) -> tuple[ApiKey, ...]:
    """Return all keys, the oldest first."""
    async with store.reading() as connection:
        return tuple(map(_key, (await connection.execute(select(API_KEYS).order_by(API_KEYS.c.created))).mappings()))


async def revoke(store: Store, ident: str, *, now: float) -> None:
    """End a key, on every worker."""
    async with store.writing() as connection:
        ended = update(API_KEYS).where(API_KEYS.c.id == ident, API_KEYS.c.revoked.is_(None)).values(revoked=now)
        if (await connection.execute(ended)).rowcount == 0:
            raise UnknownName(f"there is no key {ident!r} that still counts", hint="bridgectl keys list")
        await announce(connection, [f"key:{ident}"], now=now, expires=now + ANNOUNCED)


async def used(store: Store, times: Mapping[str, float]) -> None:
    """Note when keys were last used."""
    noted = update(API_KEYS).where(API_KEYS.c.id == bindparam("ident")).values(last_used=bindparam("at"))
    async with store.writing() as connection:
        await connection.execute(noted, [{"ident": ident, "at": at} for ident, at in times.items()])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: RowMapping) -> ApiKey:
    values = dict(row)
    return ApiKey(**{**values, "roles": tuple(values["roles"])})
