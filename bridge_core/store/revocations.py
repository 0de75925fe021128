"""Say that something no longer counts, so that every worker and every server hears of it, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge_core.store.engine import Store
from bridge_core.store.statements import Query
from bridge_core.store.tables import REVOCATIONS, STATE

_VERSION: Final = Query(select(STATE.c.version))
_SINCE: Final = Query(select(REVOCATIONS.c.id, REVOCATIONS.c.handle).where(REVOCATIONS.c.id > bindparam("since")))
ANNOUNCED: Final = 3_600.0  # seconds that a change of a user or key is kept, where their own row says it for good


@dataclass(frozen=True, slots=True)
class News:
    """What was revoked since some version. `complete` is false where part of it is no longer known."""

    version: int
    handles: frozenset[str]
    complete: bool


async def announce(connection: AsyncConnection, handles: Sequence[str], *, now: float, expires: float) -> None:
    """Revoke handles within a transaction.

    The one row of the version is locked until the transaction ends, so versions become visible in their order.
    """
    grown = update(STATE).values(version=STATE.c.version + len(handles)).returning(STATE.c.version)
    last = (await connection.execute(grown)).scalar_one()
    first = last - len(handles) + 1
    rows = [{"id": first + n, "handle": handle, "at": now, "expires": expires} for n, handle in enumerate(handles)]
    await connection.execute(insert(REVOCATIONS), rows)


async def queued(connection: AsyncConnection) -> None:
    """Wait, within a transaction, until nobody else is about to announce anything, and keep them waiting in turn."""
    await connection.execute(update(STATE).values(version=STATE.c.version))


async def news(store: Store, since: int | None) -> News:
    """Return what was revoked after a version; cheap where nothing was."""
    ((version,),) = await store.look(_VERSION)
    if version == since:
        return News(version, frozenset(), complete=True)
    if since is None:
        return News(version, frozenset(), complete=False)
    found = await store.look(_SINCE, since=since)
    newest = max((number for number, _ in found), default=version)
    handles = frozenset(handle for _, handle in found)
    return News(max(version, newest), handles, complete=len(found) == max(version, newest) - since)


async def revoked(connection: AsyncConnection, handles: Sequence[str], *, now: float) -> float | None:
    """Return when the first of these handles was revoked; None: none of them was."""
    question = (
        select(REVOCATIONS.c.at)
        .where(REVOCATIONS.c.handle.in_(handles), REVOCATIONS.c.expires > now)
        .order_by(REVOCATIONS.c.id)
        .limit(1)
    )
    return (await connection.execute(question)).scalar_one_or_none()


async def purge(store: Store, *, now: float) -> None:
    """Drop what no longer revokes anything."""
    async with store.writing() as connection:
        await connection.execute(delete(REVOCATIONS).where(REVOCATIONS.c.expires < now))
