"""Small writes of many tasks in one transaction: what they cost is the commit, and that they can share."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CursorResult, Row
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

from bridge_core.store.engine import Store


@dataclass(frozen=True, slots=True)
class Done:
    """What a statement did: how many rows it touched, and the first one that it returned."""

    rows: int
    first: Row[Any] | None = None


class Batches:
    """Runs statements in their order; those that come while others are committed go together with the next commit.

    A statement that fails takes nothing along: those that shared its transaction are run again, each alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[UpdateBase, asyncio.Future[Done]]] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, statement: UpdateBase) -> Done:
        """Return when the statement is committed; it is run even if nobody waits for it any more."""
        done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((statement, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                if not await self._committed(together) and len(together) > 1:
                    for each in together:
                        await self._committed([each])
        finally:
            self._task = None

    async def _committed(self, together: list[tuple[UpdateBase, asyncio.Future[Done]]]) -> bool:
        try:
            async with self._store.writing() as connection:
                results = [await _done(connection, statement) for statement, _ in together]
        except Exception as failure:  # noqa: BLE001 - it belongs to whoever waits for the statement
            if len(together) == 1:
                _tell(together[0][1], failure)
            return False
        for (_, done), result in zip(together, results, strict=True):
            _tell(done, result)
        return True


async def _done(connection: AsyncConnection, statement: UpdateBase) -> Done:
    result: CursorResult[Any] = await connection.execute(statement)
    if not result.returns_rows:
        return Done(result.rowcount)
    rows = result.all()
    return Done(len(rows), rows[0] if rows else None)


def _tell(done: asyncio.Future[Done], result: Done | Exception) -> None:
    if done.done():
        return
    if isinstance(result, Done):
        done.set_result(result)
    else:
        done.set_exception(result)
