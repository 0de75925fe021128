"""Small changes of many tasks in one transaction: what they cost is the commit, and that they can share."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from bridge_core.errors import Unavailable
from bridge_core.store.statements import Change, Done, Statement

_log = logging.getLogger(__name__)

SOON: Final = 0.1  # seconds within which a change that nobody waits for is made, where no other takes it along
LATER: Final = 1.0  # seconds until it is tried again when the store failed
MAX_WAITING: Final = 10_000

_Waiting = tuple[Change, asyncio.Future[Done]]


class Writer(Protocol):
    """Who makes changes in one transaction: all of them, or none."""

    async def commit(self, changes: Sequence[Change], *, synced: bool) -> Sequence[Done]:
        """Make them, in their order. Raise Unavailable where the store failed, other errors where a change did.

        When this returns they survive a crash; if not `synced`, they may do so only with the next that are.
        """
        ...


class Batches:
    """Makes changes in their order; those that come while others are committed go together with the next commit.

    A change that fails takes nothing along: those that shared its transaction are made again, each alone.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[_Waiting] = []
        self._late: list[Change] = []
        self._due = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self, statement: Statement, values: Mapping[str, Any]) -> Done:
        """Return when the change is committed; it is made even if nobody waits for it any more."""
        if len(self._waiting) >= MAX_WAITING or len(self._late) >= MAX_WAITING:
            raise Unavailable("the bridge's own store cannot keep up, so nothing is written now")
        done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((Change(statement, values), done))
        self._start()
        return await done

    def later(self, statement: Statement, values: Mapping[str, Any]) -> None:
        """Make a change with the next commit, or soon. A crash before that forgets it."""
        self._late.append(Change(statement, values))
        self._wake(SOON)

    async def flush(self) -> None:
        """Make what is to be made later now."""
        self._due = True
        self._start()
        while self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Make what is left, and wait for nothing more."""
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def _wake(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._woken)

    def _woken(self) -> None:
        self._timer = None
        if self._late:
            self._due = True
            self._start()

    async def _run(self) -> None:
        try:
            while self._waiting or self._due:
                self._due = False
                together, self._waiting = self._waiting, []
                along, self._late = self._late, []
                if together or along:
                    await self._commit(together, along)
        finally:
            self._task = None

    async def _commit(self, together: Sequence[_Waiting], along: Sequence[Change]) -> None:
        try:
            changes = [*(change for change, _ in together), *along]
            results = await self._writer.commit(changes, synced=bool(together))
        except Unavailable as failure:
            self._late[:0] = along
            self._wake(LATER)
            _tell(together, [failure] * len(together))
        except Exception as failure:  # noqa: BLE001 - it belongs to whoever waits for the change
            if len(together) + len(along) > 1:
                await self._each_alone(together, along)
            elif together:
                _tell(together, [failure])
            else:
                _log.error("a change that nobody waits for cannot be made: %s", failure)
        else:
            _tell(together, results)

    async def _each_alone(self, together: Sequence[_Waiting], along: Sequence[Change]) -> None:
        for waiting in together:
            await self._commit([waiting], [])
        for change in along:
            await self._commit([], [change])


def _tell(together: Sequence[_Waiting], results: Sequence[Done | Exception]) -> None:
    for (_, done), result in zip(together, results, strict=False):  # those that nobody waits for come last
        if done.done():
            continue
        if isinstance(result, Done):
            done.set_result(result)
        else:
            done.set_exception(result)
