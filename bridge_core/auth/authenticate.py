"""Credentials -> principal: remembered ones at once, others through the authenticator that knows their kind."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge_core.auth.credentials import Credential, Scheme, chosen, unauthenticated
from bridge_core.auth.remembered import Remembered, Verified
from bridge_core.call import ANONYMOUS, Principal
from bridge_core.errors import BridgeError, Unauthenticated, Unavailable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tenant:
    """The project in whose name a credential of Jet Admin is checked, where that is not the configured one."""

    project: str
    token: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Beside the credential: the tenant, and the permission that the request needs, where the surface knows it.

    A permission is (type, object, actions), as Jet's protocol names them.
    """

    tenant: Tenant | None = None
    permission: tuple[str, str, str] | None = None


NOTHING_ASKED = Asked()


class Kind(Protocol):
    """One kind of credential."""

    def takes(self, credential: Credential) -> bool:
        """Tell by its shape whether a credential is of this kind; costs no cryptography and no call."""
        ...

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Return whose it is, or raise Unauthenticated; Unavailable where that cannot be found out now."""
        ...


class Authenticator:
    """Who asks: the ordered list of kinds, the first that takes a credential decides alone."""

    def __init__(self, kinds: Sequence[Kind], *, clock: Callable[[], float] = time.time) -> None:
        """Take the kinds of one configuration; a changed configuration gets an authenticator of its own."""
        self._kinds = tuple(kinds)
        self.memory = Remembered(clock)
        self.epoch = 0
        self._under_way: dict[tuple[str, int], asyncio.Task[Principal]] = {}

    def remembered(self, authorization: str | None) -> Principal | None:
        """Return the principal of a header verified before, without waiting; None: `authenticate` must decide."""
        return self.memory.find(authorization) if authorization is not None else None

    async def authenticate(
        self, authorization: str | None, apikey: str | None = None, asked: Asked = NOTHING_ASKED
    ) -> Principal:
        """Return the principal of a credential, ANONYMOUS where none was sent, or raise Unauthenticated."""
        if authorization is None and apikey is not None:
            authorization = f"{Scheme.BEARER} {apikey}"
        if authorization is None:
            return ANONYMOUS
        if asked != NOTHING_ASKED:
            return (await self._verify(chosen(authorization), asked)).principal
        known = self.memory.find(authorization)
        return known if known is not None else await self._together(authorization)

    def revoke(self, handles: frozenset[str]) -> None:
        """Stop to believe what was revoked, at once; verifications under way are not remembered either."""
        self.epoch += 1
        self.memory.forget(handles)

    def revoke_all(self) -> None:
        """Verify everybody anew."""
        self.epoch += 1
        self.memory.clear()

    async def _together(self, authorization: str) -> Principal:
        """Verify a credential once for all who send it at this moment, as all do when the memory's lease ran out.

        Whoever comes after a revocation does not join those before it.
        """
        slot = (authorization, self.epoch)
        under_way = self._under_way.get(slot)
        if under_way is None:
            under_way = self._under_way[slot] = asyncio.create_task(self._verified_now(authorization))
            under_way.add_done_callback(lambda done: self._ended(slot, done))
        return await asyncio.shield(under_way)

    async def _verified_now(self, authorization: str) -> Principal:
        epoch = self.epoch
        verified = await self._verify(chosen(authorization), NOTHING_ASKED)
        if epoch == self.epoch:
            self.memory.keep(authorization, verified)
        return verified.principal

    def _ended(self, slot: tuple[str, int], done: asyncio.Task[Principal]) -> None:
        del self._under_way[slot]
        if not done.cancelled():
            done.exception()  # it is told to those who wait; nobody may be left

    async def _verify(self, credential: Credential, asked: Asked) -> Verified:
        kind = next((each for each in self._kinds if each.takes(credential)), None)
        if kind is None:
            raise unauthenticated()
        try:
            verified: object = await kind.verify(credential, asked)
        except Unauthenticated:
            raise unauthenticated() from None
        except BridgeError:
            raise
        except Exception as cause:  # whatever breaks inside of a check must neither admit anybody nor show itself
            _log.error("a credential could not be checked: %s", type(cause).__name__)
            raise Unavailable("credentials cannot be checked now") from cause
        if not isinstance(verified, Verified) or verified.principal.anonymous:
            raise unauthenticated()
        return verified
