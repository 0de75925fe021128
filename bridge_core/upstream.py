"""What stands between the core and one backend: threads of its own, so that a slow SDK holds up nobody else."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Threads:
    """Runs blocking calls of one resource, a bounded number at once.

    A call that was begun is not interrupted when its caller leaves: the thread ends in its own time.
    """

    def __init__(self, limit: int) -> None:
        self._limiter = CapacityLimiter(limit)

    async def __call__(self, call: Callable[..., T], /, *args: object) -> T:
        """Run `call(*args)` in a thread and return what it returns."""
        return await to_thread.run_sync(call, *args, limiter=self._limiter, abandon_on_cancel=True)
