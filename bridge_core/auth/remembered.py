"""Remember verified tokens, so that their verification is not paid for at every request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge_core.call import Principal

MAX_REMEMBERED: Final = 4_096
MAX_HEADER: Final = 8_192


@dataclass(frozen=True, slots=True)
class Verified:
    """A principal, until when (Unix time) it may be taken without a new look, and what revokes it.

    `handles` are what a revocation may name: the user, the session, the key. Without handles nothing but time ends it.
    """

    principal: Principal
    until: float
    handles: tuple[str, ...] = ()


class Remembered:
    """A bounded memory of one configuration: keys and settings never change under it, so they need not be in its key.

    Principals that can be revoked are believed only while `lease` lasts: whoever follows the revocations extends it,
    and where nobody can, every one of them is verified anew.
    """

    def __init__(self, clock: Callable[[], float], *, size: int = MAX_REMEMBERED) -> None:
        self._clock = clock
        self._size = size
        self._entries: dict[str, Verified] = {}
        self.lease = 0.0

    def find(self, header: str) -> Principal | None:
        """Return the principal of a header that was verified before and still counts."""
        entry = self._entries.get(header)
        if entry is None:
            return None
        now = self._clock()
        if now < entry.until and (now < self.lease or not entry.handles):
            return entry.principal
        return None

    def keep(self, header: str, verified: Verified) -> None:
        """Remember a verified header; the oldest makes room."""
        if len(header) > MAX_HEADER:
            return
        self._entries.pop(header, None)
        while len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[header] = verified

    def forget(self, handles: frozenset[str]) -> None:
        """Drop every principal that one of the handles names."""
        gone = [header for header, entry in self._entries.items() if not handles.isdisjoint(entry.handles)]
        for header in gone:
            del self._entries[header]

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
