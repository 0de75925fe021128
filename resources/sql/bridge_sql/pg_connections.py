"""The connections of one pool: lent to one user at a time, the one given back last first, opened when needed.

asyncpg's own pool does the same and wraps each connection, each loan and each wait in something; that costs as much as
the statement itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import asyncpg

_SETTLE: Final = 5.0  # seconds for a cancelled statement to end, and for a connection to close
_UNUSED: Final = 300.0  # seconds after which a connection that nobody needed is closed
_FAILURES: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Connections:
    """At most `size` connections. Whoever finds none free waits in line, for `patience` seconds at most."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], *, size: int, patience: float) -> None:
        self._connect = connect
        self._size = size
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._open: set[Any] = set()
        self._opening = 0
        self._idle: list[Any] = []
        self._fewest_idle = 0
        self._line: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._returned = asyncio.Event()
        self._overdue_timer: asyncio.TimerHandle | None = None
        self._unused_timer = self._loop.call_later(_UNUSED, self._close_unused)

    async def take(self) -> Any:
        """Return a connection that nobody else uses; raise TimeoutError when none gets free, or why none opens."""
        while self._idle:
            connection = self._idle.pop()
            self._fewest_idle = min(self._fewest_idle, len(self._idle))
            if not connection.is_closed():
                return connection
            self._open.discard(connection)
        if self._closing:
            raise asyncpg.InterfaceError("the pool is closed")
        if len(self._open) + self._opening < self._size:
            self._opening += 1
            return await self._opened()
        return await self._turn() or await self._opened()

    def give(self, connection: Any) -> None:
        """Take back a connection whose last statement went well."""
        while self._line:
            turn = self._line.popleft()[1]
            if not turn.done():
                turn.set_result(connection)
                return
        self._idle.append(connection)
        if self._closing:
            self._returned.set()

    def settle(self, connection: Any) -> None:
        """Take back a connection whose user failed, or left in the middle, once what it did has ended."""
        self._spawn(self._settled(connection))

    async def close(self) -> None:
        """Close every connection; one that is lent out and not given back within a short while is torn away."""
        self._closing = True
        self._unused_timer.cancel()
        while self._line:
            turn = self._line.popleft()[1]
            if not turn.done():
                turn.set_exception(asyncpg.InterfaceError("the pool is closed"))
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE):
                while len(self._idle) < len(self._open):
                    self._returned.clear()
                    await self._returned.wait()
        await asyncio.gather(*(_closed(connection) for connection in self._open))

    async def _opened(self) -> Any:
        """Open a connection in a place that is reserved for it."""
        try:
            connection = await self._connect()
        except BaseException:
            self._leave_place()
            raise
        self._opening -= 1
        self._open.add(connection)
        return connection

    async def _turn(self) -> Any:
        """Wait in line for a connection; None: for a reserved place to open one in."""
        turn: asyncio.Future[Any] = self._loop.create_future()
        self._line.append((self._loop.time() + self._patience, turn))
        if self._overdue_timer is None:  # one timer for the whole line: all are equally patient
            self._overdue_timer = self._loop.call_later(self._patience, self._turn_away)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())
            raise

    def _turn_away(self) -> None:
        now = self._loop.time()
        while self._line and self._line[0][0] <= now:
            turn = self._line.popleft()[1]
            if not turn.done():
                turn.set_exception(TimeoutError())
        self._overdue_timer = self._loop.call_at(self._line[0][0], self._turn_away) if self._line else None

    def _pass_on(self, given: Any) -> None:
        if given is None:
            self._leave_place()
        else:
            self.give(given)

    def _leave_place(self) -> None:
        """Hand a reserved place to the next in line, or free it."""
        while self._line:
            turn = self._line.popleft()[1]
            if not turn.done():
                turn.set_result(None)
                return
        self._opening -= 1

    def _drop(self, connection: Any) -> None:
        connection.terminate()
        self._open.discard(connection)
        self._returned.set()
        self._opening += 1
        self._leave_place()

    async def _settled(self, connection: Any) -> None:
        fit = False
        try:
            with suppress(*_FAILURES):
                async with asyncio.timeout(_SETTLE):
                    await connection.execute("SELECT")  # begins when the cancelled statement has ended
                    fit = not connection.is_in_transaction()
        finally:
            if fit:
                self.give(connection)
            else:
                self._drop(connection)

    def _close_unused(self) -> None:
        unused, self._idle = self._idle[: self._fewest_idle], self._idle[self._fewest_idle :]
        for connection in unused:
            self._open.discard(connection)
            self._spawn(_closed(connection))
        self._fewest_idle = len(self._idle)
        self._unused_timer = self._loop.call_later(_UNUSED, self._close_unused)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _closed(connection: Any) -> None:
    try:
        await connection.close(timeout=_SETTLE)
    except _FAILURES:
        connection.terminate()
