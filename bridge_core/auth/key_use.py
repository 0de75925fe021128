"""Note when API keys were last used, without a write per request."""

from typing import Final

from bridge_core.store import keys
from bridge_core.store.engine import Store

EVERY: Final = 30.0  # seconds


class KeyUse:
    """Collects the uses of keys and writes them down now and then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._times: dict[str, float] = {}
        self._written = 0.0

    def note(self, ident: str, now: float) -> None:
        """Remember that a key was used."""
        self._times[ident] = now

    async def flush_when_due(self, now: float) -> None:
        """Write down what was collected, if the last time is long enough ago."""
        if now >= self._written + EVERY:
            self._written = now
            await self.flush()

    async def flush(self) -> None:
        """Write down what was collected."""
        if self._times:
            times, self._times = self._times, {}
            await keys.used(self._store, times)
