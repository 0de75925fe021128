"""Many who send one credential at the same moment."""

import asyncio

import pytest

from bridge_core.auth.authenticate import Asked, Authenticator
from bridge_core.auth.credentials import Credential, unauthenticated
from bridge_core.auth.remembered import Verified
from bridge_core.call import Principal
from bridge_core.errors import Unauthenticated

pytestmark = pytest.mark.anyio

HEADER = "Bearer abc"


class SlowKind:
    """Takes everything; verifies when it is told to go on, and counts."""

    def __init__(self) -> None:
        self.verified = 0
        self.good = True
        self.go_on = asyncio.Event()

    def takes(self, credential: Credential) -> bool:
        return True

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        self.verified += 1
        number = self.verified
        await self.go_on.wait()
        if not self.good:
            raise unauthenticated()
        return Verified(Principal(f"look {number}"), until=0.0)


async def _asking(
    authenticator: Authenticator, number: int, asked: Asked | None = None
) -> list[asyncio.Task[Principal]]:
    more = () if asked is None else (None, asked)
    tasks = [asyncio.create_task(authenticator.authenticate(HEADER, *more)) for _ in range(number)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_a_credential_that_many_send_at_once_is_verified_once() -> None:
    kind = SlowKind()
    tasks = await _asking(Authenticator([kind]), 50)

    kind.go_on.set()

    assert {each.subject for each in await asyncio.gather(*tasks)} == {"look 1"}
    assert kind.verified == 1


async def test_a_no_is_a_no_for_all_of_them_and_is_not_remembered() -> None:
    kind = SlowKind()
    authenticator = Authenticator([kind])
    kind.good = False
    tasks = await _asking(authenticator, 3)
    kind.go_on.set()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    kind.good = True

    assert [type(each) for each in outcomes] == [Unauthenticated] * 3
    assert (await authenticator.authenticate(HEADER)).subject == "look 2"


async def test_who_comes_after_a_revocation_does_not_join_those_before_it() -> None:
    kind = SlowKind()
    authenticator = Authenticator([kind])
    (before,) = await _asking(authenticator, 1)
    authenticator.revoke_all()
    (after,) = await _asking(authenticator, 1)

    kind.go_on.set()

    assert (await before).subject == "look 1"
    assert (await after).subject == "look 2"


async def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    kind = SlowKind()
    leaving, staying = await _asking(Authenticator([kind]), 2)

    leaving.cancel()
    kind.go_on.set()

    assert (await staying).subject == "look 1"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_questions_about_a_permission_are_verified_each_for_itself() -> None:
    kind = SlowKind()
    tasks = await _asking(Authenticator([kind]), 2, Asked(permission=("model", "orders", "r")))

    kind.go_on.set()

    assert {each.subject for each in await asyncio.gather(*tasks)} == {"look 1", "look 2"}
