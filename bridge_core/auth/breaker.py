"""Stop asking a service that does not answer, for a while."""

import random
from collections.abc import Callable
from typing import Final

FAILURES: Final = 5
PAUSE: Final = (5.0, 10.0)  # seconds, drawn at random so that workers do not come back all at once


class Breaker:
    """Open after some failures in a row; then one caller at a time may try whether the service is back."""

    def __init__(self, clock: Callable[[], float], draw: Callable[[float, float], float] = random.uniform) -> None:
        self._clock = clock
        self._draw = draw
        self._failures = 0
        self._closed_from = 0.0

    def wait(self) -> float:
        """Return the seconds until the next try is due; 0: ask now. Of many who get 0, the first delays the others."""
        if self._failures < FAILURES:
            return 0.0
        now = self._clock()
        if now < self._closed_from:
            return self._closed_from - now
        self._closed_from = now + self._draw(*PAUSE)
        return 0.0

    def succeeded(self) -> None:
        """Note an answer, whatever it says."""
        self._failures = 0

    def failed(self) -> None:
        """Note that there was none."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._closed_from = self._clock() + self._draw(*PAUSE)
