"""Leave a backend alone that keeps failing, and find out soon when it is well again."""

import random
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, TypeAlias

from bridge_core.errors import BridgeError, Unavailable

Probe: TypeAlias = Callable[[], Awaitable[None]]

WINDOW: Final = 20  # calls that are looked at
TOO_MANY: Final = 10  # failures among them
FORGOTTEN_AFTER: Final = 60.0  # seconds without a failure
SHORTEST: Final = 5.0  # seconds that it stays open
LONGEST: Final = 30.0
PROBE_EVERY: Final = 0.25  # seconds

_MASK: Final = (1 << WINDOW) - 1


class State(Enum):
    """What the breaker believes of its backend."""

    CLOSED = "closed"  # it is well
    SUSPECT = "suspect"  # too many calls failed; a cheap question shall say whether it is the backend or the calls
    OPEN = "open"  # it is left alone
    TRIAL = "trial"  # one call is on its way to find out


class Breaker:
    """Opens when half of the last calls failed, for some seconds, longer each time; one call then decides.

    A backend that can be probed is asked before the breaker opens, so that nobody's failing calls close the way for
    others, and while it is open, so that the way is free again soon after the backend is well.
    """

    def __init__(
        self,
        name: str,
        probe: Probe | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Begin closed. `probe` returns when the backend answers, or raises."""
        self.state = State.CLOSED
        self._name = name
        self._probe = probe
        self._clock = clock
        self._chance = chance
        self._history = 0  # a bit per call, the latest one lowest; set: it failed
        self._calls = 0
        self._last_failure = float("-inf")
        self._openings = 0  # in a row
        self._until = 0.0
        self._next_probe = 0.0

    async def admit(self) -> None:
        """Return if a call may be made now, else raise Unavailable. Need not be asked while closed."""
        match self.state:
            case State.CLOSED:
                return
            case State.SUSPECT:
                self.state = State.CLOSED  # for all others, until the answer is there
                self._forget()
                if not await self._answers():
                    self._open()
                    raise self._refusal()
            case State.OPEN if self._clock() >= self._until or await self._is_well_again():
                self.state = State.TRIAL
            case _:
                raise self._refusal()

    def succeeded(self) -> None:
        """Note that the backend answered."""
        self._calls += 1
        if self._history:
            self._history = (self._history << 1) & _MASK
        if self.state is State.TRIAL:
            self.state = State.CLOSED
            self._openings = 0
            self._forget()

    def failed(self) -> None:
        """Note that the backend failed, or did not answer."""
        now = self._clock()
        if now - self._last_failure > FORGOTTEN_AFTER:
            self._history = 0
        self._last_failure = now
        self._calls += 1
        self._history = (self._history << 1 | 1) & _MASK
        if self.state is State.TRIAL:
            self._open()
        elif self.state is State.CLOSED and self._calls >= WINDOW and self._history.bit_count() >= TOO_MANY:
            if self._probe is None:
                self._open()
            else:
                self.state = State.SUSPECT

    def abandoned(self) -> None:
        """Note that a call ended without telling anything of the backend."""
        if self.state is State.TRIAL:
            self.state = State.OPEN  # the next one tries

    def _open(self) -> None:
        longest = min(LONGEST, SHORTEST * 2 ** (self._openings + 1))
        self._openings += 1
        now = self._clock()
        self._until = now + SHORTEST + (longest - SHORTEST) * self._chance()
        self._next_probe = now + PROBE_EVERY
        self.state = State.OPEN
        self._forget()

    def _forget(self) -> None:
        self._history = 0
        self._calls = 0

    async def _is_well_again(self) -> bool:
        now = self._clock()
        if self._probe is None or now < self._next_probe or self._openings > 1:
            return False  # an answer to a probe that was no good before is not believed again
        self._next_probe = now + PROBE_EVERY
        return await self._answers() and self.state is State.OPEN

    async def _answers(self) -> bool:
        assert self._probe is not None
        try:
            await self._probe()
        except (BridgeError, TimeoutError):
            return False
        return True

    def _refusal(self) -> Unavailable:
        wait = max(0.0, self._until - self._clock())
        return Unavailable(
            f"the backend of {self._name!r} kept failing and is left alone for a moment",
            code="BRG503",
            retry_after=wait if self.state is State.OPEN else 1.0,
        )
