"""Liveness and readiness: `/healthz` says that the process answers, `/readyz` which resources do."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import request_response

from bridge_core.bridge import Bridge
from bridge_core.errors import BridgeError, ConfigurationError
from bridge_core.surfaces.routes import Access, Entry

FRESH_FOR: Final = 2.0  # seconds that an answer is given again
PROBE_WITHIN: Final = 2.0  # seconds

Report: TypeAlias = Mapping[str, str]


def routes(bridge: Bridge, draining: Callable[[], bool]) -> Sequence[Entry]:
    """Return the two routes; they name resources, and why one cannot be used, in the words that callers get too."""
    readiness = Readiness(bridge)

    async def healthz(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> JSONResponse:
        reasons = await readiness.report()
        failing = {name: why for name, why in reasons.items() if why}
        ready = not draining() and not failing
        status = "ready" if ready else "draining" if draining() else "not ready"
        states = {name: "unavailable" if why else "ready" for name, why in reasons.items()}
        body = {"status": status, "resources": states, **({"reasons": failing} if failing else {})}
        return JSONResponse(body, 200 if ready else 503)

    return [
        Entry("/healthz", request_response(healthz), methods=("GET", "HEAD"), access=Access.PUBLIC),
        Entry("/readyz", request_response(readyz), methods=("GET", "HEAD"), access=Access.PUBLIC),
    ]


class Readiness:
    """Asks every resource at most once in `FRESH_FOR` seconds, however many ask us."""

    def __init__(self, bridge: Bridge, clock: Callable[[], float] = time.monotonic) -> None:
        self._bridge = bridge
        self._clock = clock
        self._asked = float("-inf")
        self._answer: asyncio.Task[Report] | None = None

    async def report(self) -> Report:
        """Return for each resource by name why it cannot be used now; nothing: it can."""
        now = self._clock()
        if self._answer is None or (self._answer.done() and now - self._asked > FRESH_FOR):
            self._asked = now
            self._answer = asyncio.create_task(self._ask())
        return await asyncio.shield(self._answer)

    async def _ask(self) -> Report:
        names = tuple(self._bridge.resources())
        states = await asyncio.gather(*(self._state(name) for name in names))
        return dict(zip(names, states, strict=True))

    async def _state(self, resource: str) -> str:
        try:
            async with asyncio.timeout(PROBE_WITHIN):
                await self._bridge.probe(resource)
        except TimeoutError:
            return "the backend does not answer"
        except ConfigurationError:  # written for the operator, not for everybody who can reach this port
            return "its configuration cannot work: the log says why"
        except BridgeError as failure:
            return failure.message
        return ""
