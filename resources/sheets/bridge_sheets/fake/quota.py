"""The quotas of the API: so many reads and so many writes in each minute of the clock."""

from collections.abc import Callable
from typing import Final

from bridge_sheets.fake.refusals import Refusal

_MINUTE: Final = 60.0


class Quota:
    """Counts requests by caller and kind; None: any number. `refused` is how many were too many."""

    def __init__(self, clock: Callable[[], float], per_minute: int | None) -> None:
        self._clock = clock
        self._most = per_minute
        self._spent: dict[tuple[str, str, int], int] = {}
        self.refused = 0

    def spend(self, email: str, kind: str) -> None:
        """Count one request, or refuse it."""
        if self._most is None:
            return
        minute = (email, kind, int(self._clock() // _MINUTE))
        if self._spent.get(minute, 0) >= self._most:
            self.refused += 1
            raise Refusal(
                429,
                f"Quota exceeded for quota metric '{kind.title()} requests' and limit '{kind.title()} requests per "
                "minute per user' of service 'sheets.googleapis.com' for consumer 'project_number:1'.",
            )
        self._spent[minute] = self._spent.get(minute, 0) + 1
