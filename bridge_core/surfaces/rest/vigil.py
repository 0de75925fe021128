"""Notice that a client went away, and stop working for it."""

import asyncio
from types import TracebackType
from typing import Final, Self

from bridge_core.deadlines import Deadlines
from bridge_core.surfaces.rest.bodies import Receive

_AFTER: Final = 0.05  # seconds: most requests are answered sooner, and then nobody has watched


class Vigil:
    """Cancels the task that entered it once the client is gone; `gone` tells that it did.

    For reads only: a write that has begun is carried to its end.
    """

    __slots__ = ("_deadlines", "_receive", "_task", "_watcher", "deadline", "gone")

    def __init__(self, receive: Receive, deadlines: Deadlines) -> None:
        """Take what watches over the moment until the listening begins."""
        self._receive = receive
        self._deadlines = deadlines
        self.deadline = deadlines.clock() + _AFTER
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False

    def __enter__(self) -> Self:
        """Begin, after a moment, to listen to the client."""
        self._task = asyncio.current_task()
        self._deadlines.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Stop listening; a cancellation of our own ends here."""
        self._deadlines.leave(self)
        if self._watcher is not None:
            self._watcher.cancel()
        if self.gone and self._task is not None and isinstance(error, asyncio.CancelledError):
            return self._task.uncancel() == 0
        return False

    def expire(self) -> None:
        """Begin to listen: the moment is over."""
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()
