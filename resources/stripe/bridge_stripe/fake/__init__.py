"""A stand-in for Stripe: for tests and demos, not for anything that costs money.

    with standin() as stripe:
        ...  # the real SDK, with base_addresses={"api": stripe.url} and the key KEY

It keeps its objects, lists the newest first, pages by `starting_after` and `ending_before`, filters, searches (with
the lag of the real one), expands, replays writes under their idempotency keys for a day, refuses what the SDK does not
declare, limits rates by its own clock, and fails where it is told to. What it is held to: every parameter and every
field of an answer is declared by Stripe in the SDK, and a test compares the two. What it does not claim: amounts of
taxes, prorations, discounts; these need a sandbox of the real service.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge_stripe.fake.account import KEY, LIVE_KEY, READ_ONLY_KEY, Account
from bridge_stripe.fake.faults import Fault
from bridge_stripe.fake.seed import seed
from bridge_stripe.fake.server import Server

__all__ = ["KEY", "LIVE_KEY", "READ_ONLY_KEY", "Account", "Fault", "Server", "seed", "standin"]


@contextmanager
def standin(
    *,
    customers: int | None = 40,
    port: int = 0,
    clock: Callable[[], float] = time.time,
    per_second: float | None = None,
) -> Iterator[Server]:
    """Serve an account with some objects (None: with no object at all) as long as the block lasts."""
    account = Account(clock, per_second=per_second)
    if customers is not None:
        seed(account, customers)
    with Server(account, port).running() as server:
        yield server
