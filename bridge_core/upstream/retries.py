"""Whether a failed call may be made again, and when."""

import random
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from bridge_core.errors import DeadlineExceeded, Outcome, Saturated, Unavailable
from bridge_core.operations import Act, Create, Operation, Read
from bridge_core.upstream.budgets import OverBudget

BASE: Final = 0.1  # seconds; doubled with each try
LONGEST: Final = 2.0
SHARE: Final = 0.2  # of the calls
FLOOR: Final = 3  # that are always allowed
WINDOW: Final = 10.0  # seconds that share and floor are counted over


def repeatable(operation: Operation, failure: BaseException) -> bool:
    """Tell whether making the call again can neither double a write nor be in vain from the start."""
    if not isinstance(failure, Unavailable) or isinstance(failure, DeadlineExceeded | Saturated | OverBudget):
        return False
    if isinstance(operation, Read) or failure.outcome is Outcome.NOT_APPLIED:
        return True
    keyed = operation.options.key is not None and operation.model.capabilities.idempotent_create
    return isinstance(operation, Create | Act) and keyed


def pause_before(attempt: int, failure: BaseException, chance: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait: what the backend asked for, else a random part of a span that doubles."""
    jitter = min(LONGEST, BASE * 2.0**attempt) * chance()
    return failure.retry_after + jitter if isinstance(failure, Unavailable) and failure.told else jitter


class RetryBudget:
    """In any `WINDOW`, no more repeats than `FLOOR` and a `SHARE` of the calls made in it.

    The first failures of a backend are smoothed over; one that is down sees little more than the calls themselves.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._granted: deque[tuple[float, int]] = deque()  # when, and the number of calls by then

    def grant(self, calls: int) -> bool:
        """Take one repeat, if there is one; `calls` is how many calls were made since the beginning."""
        now = self._clock()
        granted = self._granted
        while granted and granted[0][0] <= now - WINDOW:
            granted.popleft()
        meanwhile = calls - granted[0][1] if granted else 0
        if len(granted) + 1 > FLOOR + SHARE * meanwhile:
            return False
        granted.append((now, calls))
        return True
