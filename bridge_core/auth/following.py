"""Follow what is revoked elsewhere: each worker hears of it within a second, or believes nobody by memory."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from bridge_core.auth.authenticate import Authenticator
from bridge_core.auth.key_use import KeyUse
from bridge_core.errors import BridgeError
from bridge_core.store.audit import forget
from bridge_core.store.engine import Store
from bridge_core.store.revocations import news, purge

_log = logging.getLogger(__name__)

INTERVAL: Final = 0.25  # seconds between two looks at the version
LEASE: Final = 0.9  # seconds that remembered principals are believed after a look
HOUSEKEEPING: Final = 600.0  # seconds
DUE: Final = 1.0  # seconds between two looks whether something else is due


class Follower:
    """Keeps an authenticator's memory in step with the store."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        key_use: KeyUse,
        *,
        clock: Callable[[], float],
        keep_audit: float = float("inf"),
    ) -> None:
        """Take what to keep in step; `keep_audit` is how many seconds records of the audit trail are kept."""
        self._store = store
        self._authenticator = authenticator
        self._key_use = key_use
        self._clock = clock
        self._keep_audit = keep_audit
        self._version: int | None = None
        self._tidied = clock()
        self._tasks: list[asyncio.Task[None]] = []

    async def look(self) -> None:
        """Look once: forget what was revoked since the last look, and extend the lease."""
        started = self._clock()
        told = await news(self._store, self._version)
        if told.version != self._version:
            if told.complete:
                self._authenticator.revoke(told.handles)
            else:
                self._authenticator.revoke_all()
            self._version = told.version
        self._authenticator.memory.lease = started + LEASE

    def start(self) -> None:
        """Look again and again in the background; needs a running loop. `close` ends it.

        Housekeeping has a task of its own: it waits for locks, and no look may wait for it.
        """
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._keep_house())]

    async def close(self) -> None:
        """Stop looking, and write down what is not written yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._key_use.flush()
        except BridgeError as error:
            _log.warning("the last use of keys is not noted: %s", error)

    async def _follow(self) -> None:
        while True:
            try:
                await self.look()
            except BridgeError as error:
                _log.warning("revocations cannot be followed now, every credential is checked anew: %s", error)
            except Exception:  # noqa: BLE001 - without this task no revocation would be heard of again
                _log.exception("following revocations failed; it is tried again")
            await asyncio.sleep(INTERVAL)

    async def _keep_house(self) -> None:
        while True:
            try:
                await self._tidy()
            except BridgeError as error:
                _log.warning("the store cannot be tidied now: %s", error)
            except Exception:  # noqa: BLE001 - it must be tried again
                _log.exception("tidying the store failed; it is tried again")
            await asyncio.sleep(DUE)

    async def _tidy(self) -> None:
        now = self._clock()
        await self._key_use.flush_when_due(now)
        if now >= self._tidied + HOUSEKEEPING:
            self._tidied = now
            await purge(self._store, now=now)
            await forget(self._store, until=now - self._keep_audit)
