"""The way to one backend: what keeps it from overload, from doubled writes, and from holding up anybody else.

Every resource has its own of everything here. Nothing of it comes from a library, after a look at those there are:
tenacity and backoff repeat calls, but know neither outcomes nor a budget of repeats; aiolimiter and limits count, but
cannot say when it will be one's turn, which an honest Retry-After needs; pybreaker and its kin lock threads, or are no
longer kept. The primitives below them (semaphores, thread limiters) are those of asyncio and anyio.
"""

from bridge_core.upstream.bounds import Bounds
from bridge_core.upstream.budgets import CALL, Budgets
from bridge_core.upstream.room import Upstream
from bridge_core.upstream.threads import Threads

__all__ = ["CALL", "Bounds", "Budgets", "Threads", "Upstream"]
