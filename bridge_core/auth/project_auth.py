"""Ask Jet Admin's service whether a token is good for a permission; remember its answers for moments."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from bridge_core.auth.breaker import Breaker
from bridge_core.auth.compact import Damaged, strict_object
from bridge_core.auth.jet_rights import Permission
from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.settings import JetSettings
from bridge_core.errors import Unavailable

MAX_ANSWERS: Final = 10_000

RESERVED: Final = frozenset({"project_token", "token", "permission_type", "permission_object", "permission_actions"})
"""What the bridge itself says to the service; no parameter of a caller's token may stand in for it."""

_Question: TypeAlias = tuple[str, Permission | None, tuple[tuple[str, str], ...]]


class ProjectAuth:
    """The one way to `project_auth/`. A yes is `{"result": true}` with status 200, and nothing else is."""

    def __init__(self, settings: JetSettings, outgoing: Outgoing, clock: Callable[[], float]) -> None:
        self._url = f"{str(settings.api_base_url).rstrip('/')}/project_auth/"
        self._settings = settings
        self._outgoing = outgoing
        self._clock = clock
        self._breaker = Breaker(clock)
        self._answers: dict[_Question, tuple[float, bool]] = {}
        self._asking: dict[_Question, asyncio.Future[bool]] = {}

    async def ask(
        self, token: str, permission: Permission | None, params: Mapping[str, str], project_token: str | None
    ) -> bool:
        """Tell whether the token is good; raise Unavailable where the service does not say."""
        if not project_token:
            return False
        digest = hashlib.sha256(f"{project_token}\0{token}".encode()).hexdigest()
        question = (digest, permission, tuple(sorted(params.items())))
        known = self._answers.get(question)
        if known is not None and self._clock() < known[0]:
            return known[1]
        under_way = self._asking.get(question)
        if under_way is None:
            under_way = asyncio.ensure_future(self._asked(question, _form(token, permission, params, project_token)))
            self._asking[question] = under_way
            under_way.add_done_callback(lambda done: self._answered(question, done))
        return await asyncio.shield(under_way)

    async def _asked(self, question: _Question, form: Mapping[str, str]) -> bool:
        wait = self._breaker.wait()
        if wait > 0:
            raise Unavailable("the service that checks tokens does not answer", retry_after=wait)
        try:
            status, body = await self._outgoing.exchange("POST", self._url, form)
        except Unavailable:
            self._breaker.failed()
            raise
        yes = _is_yes(status, body)
        if status >= 500 or status == 429:
            self._breaker.failed()
            return False  # no answer worth remembering
        self._breaker.succeeded()
        self._keep(question, yes=yes)
        return yes

    def _answered(self, question: _Question, done: asyncio.Future[bool]) -> None:
        self._asking.pop(question, None)
        if not done.cancelled():
            done.exception()  # whoever still waits gets it; if nobody does, nobody need hear of it

    def _keep(self, question: _Question, *, yes: bool) -> None:
        while len(self._answers) >= MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers.pop(question, None)
        ttl = self._settings.remember if yes else self._settings.remember_no
        self._answers[question] = (self._clock() + ttl, yes)


def _form(
    token: str, permission: Permission | None, params: Mapping[str, str], project_token: str
) -> Mapping[str, str]:
    form = {**params, "project_token": project_token, "token": token}
    if permission is not None:
        form |= zip(("permission_type", "permission_object", "permission_actions"), permission, strict=True)
    return form


def _is_yes(status: int, body: bytes) -> bool:
    try:
        answer = strict_object(body) if status == 200 else {}
    except Damaged:
        return False
    return answer.get("result") is True and answer.get("access_disabled", False) is False
