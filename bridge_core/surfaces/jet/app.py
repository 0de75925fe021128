"""The ASGI application: a path finds its endpoint, the caller is judged, the endpoint answers."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge_core.bridge import Bridge
from bridge_core.call import ANONYMOUS, Principal
from bridge_core.errors import BridgeError, TooLarge
from bridge_core.operations import Verb
from bridge_core.schema import Model
from bridge_core.surfaces.http import unexpected
from bridge_core.surfaces.jet.access import Anyone, Who, must_fit, permission_of
from bridge_core.surfaces.jet.cors import Cors
from bridge_core.surfaces.jet.endpoints import MODEL, OTHER_HALF, RECORDS, Endpoint, Route
from bridge_core.surfaces.jet.exchange import Gone, Receive, Reply, Request, Send, body_of, deliver, request_of
from bridge_core.surfaces.jet.naming import granted
from bridge_core.surfaces.jet.problems import Missing, problem
from bridge_core.surfaces.jet.reading import Sizes
from bridge_core.surfaces.jet.settings import DEFAULTS, JetSettings
from bridge_core.surfaces.jet.visit import Visit

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ROOT: Final = "api"


class JetApp:
    """The surface over one bridge, for every path below `/api/`."""

    def __init__(
        self,
        bridge: Bridge,
        who: Who,
        settings: JetSettings = DEFAULTS,
        *,
        routes: tuple[Route, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what stands behind the surface, and endpoints beside those for records; `clock` is that of deadlines."""
        self._bridge = bridge
        self._who = who
        self._settings = settings
        self._clock = clock
        self._cors = Cors(settings.origins)
        self._sizes = Sizes()
        self._routes = (*routes, *RECORDS, *OTHER_HALF)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = request_of(scope)
        try:
            answer = await self._answer(request, receive)
        except Gone:
            return
        answer.headers.extend(self._cors.headers(request.headers.get(b"origin")))
        await deliver(answer, send, head=scope["method"] == "HEAD", patience=self._settings.write_timeout)

    async def _answer(self, request: Request, receive: Receive) -> Reply:
        writing = request.method not in _READS
        try:
            return await self._respond(request, receive)
        except BridgeError as error:
            return problem(error, writing=writing)
        except Gone:
            raise
        except Exception as cause:  # noqa: BLE001  # the last line: whatever it is, the caller gets a problem
            return problem(unexpected(cause, writing=writing), writing=writing)

    async def _respond(self, request: Request, receive: Receive) -> Reply:
        if len(request.path) + len(request.raw_query) > self._settings.max_url:
            raise TooLarge(f"the URL has more than {self._settings.max_url} bytes", code="BRG414")
        route = self._route(request)
        if route is None:
            return problem(Missing("there is nothing at this path"), writing=False) if _safe(request) else Reply(405)
        if request.method == "OPTIONS":
            return Reply(204)
        method = "GET" if request.method == "HEAD" else request.method
        endpoint = route.methods.get(method) or Endpoint(_need_of_others(route), _no_such_method)
        named = request.segments[2] if route.parts[:2] == MODEL else ""
        principal = await self._principal(request, endpoint, named)
        await must_fit(endpoint.need, principal)
        found = await self._model(endpoint, principal, named)
        self._must_be_ours(request, endpoint)

        async def body() -> object:
            settings = self._settings
            return await body_of(request, receive, most=settings.max_body, patience=settings.body_timeout)

        deadline = self._clock() + self._settings.deadline
        return await endpoint.answer(Visit(self._bridge, request, principal, found, self._sizes, deadline, body))

    def _route(self, request: Request) -> Route | None:
        if not request.slashed or request.segments[0] != _ROOT:
            return None
        parts = request.segments[1:]
        return next((route for route in self._routes if route.takes(parts)), None)

    async def _principal(self, request: Request, endpoint: Endpoint, named: str) -> Principal:
        if endpoint.need is Anyone.PUBLIC:
            return ANONYMOUS
        headers = request.headers
        authorization, key = headers.get(b"authorization"), headers.get(b"apikey")
        return await self._who(
            None if authorization is None else authorization.decode("latin-1"),
            None if key is None else key.decode("latin-1"),
            permission_of(endpoint.need, self._bridge, named),
        )

    async def _model(self, endpoint: Endpoint, principal: Principal, named: str) -> Model | None:
        if not isinstance(endpoint.need, Verb):
            return None
        return await granted(self._bridge, principal, named, endpoint.need)

    def _must_be_ours(self, request: Request, endpoint: Endpoint) -> None:
        """Never answer from a database of ours where the request names another one."""
        if b"x-bridge-settings" in request.headers and endpoint.need is not Anyone.PUBLIC:
            raise Missing("other databases, named by X-Bridge-Settings, are not served by this server yet")


def _need_of_others(route: Route) -> Verb | Anyone:
    return Verb.UPDATE if route.parts[:2] == MODEL else Anyone.MEMBER


async def _no_such_method(visit: Visit) -> Reply:
    raise Missing(f"{visit.request.method[:20]} is not possible here")


def _safe(request: Request) -> bool:
    return request.method in _READS
