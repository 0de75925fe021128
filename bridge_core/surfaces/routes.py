"""The table of routes: every one of them says who may come through it, or the server does not start."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from bridge_core.errors import BridgeError, ConfigurationError, NotAllowed, UnknownName
from bridge_core.surfaces.http import problem_body, problem_headers, status_of, unexpected

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""What answers requests: an ASGI callable. Everybody writes its types differently, so they are left open here."""


class Access(Enum):
    """Who may come through a route."""

    PUBLIC = "public"  # anybody: it tells nothing about any resource
    CREDENTIAL = "credential"  # the route checks the credential that it is there for
    POLICY = "policy"  # it makes operations, and policy decides about each of them


@dataclass(frozen=True, slots=True)
class Entry:
    """One route: a path, or a prefix that ends in `/`, and the ASGI application that answers there."""

    path: str
    app: Application
    methods: tuple[str, ...] = ()  # empty: the application decides
    access: Access | None = None

    @property
    def prefix(self) -> bool:
        """Tell whether the entry answers for everything below its path."""
        return self.path.endswith("/")


def checked(entries: Iterable[Entry]) -> Sequence[Entry]:
    """Return the table, or raise ConfigurationError for a route without access, and for two with one path."""
    table = tuple(entries)
    unguarded = [entry.path for entry in table if entry.access is None]
    if unguarded:
        raise ConfigurationError(f"routes without a policy: {', '.join(unguarded)}", hint="give each an Access")
    paths = [entry.path for entry in table]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise ConfigurationError(f"two routes have one path: {', '.join(twice)}")
    return table


def application(table: Iterable[Entry]) -> Application:
    """Return what answers on these routes, and with problems everywhere else."""
    app = Starlette(
        routes=[_route(entry) for entry in checked(table)],
        exception_handlers={404: partial(_answer, _no_path), 405: partial(_answer, _no_method), 500: _failed},
    )
    app.router.redirect_slashes = False
    return app


def _route(entry: Entry) -> Mount | Route:
    if entry.prefix:
        return Mount(entry.path.rstrip("/"), app=entry.app)
    return Route(entry.path, endpoint=_Endpoint(entry.app), methods=list(entry.methods) or None)


class _Endpoint:
    """An ASGI application as Starlette's `Route` takes one: anything that is no function."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _answer(problem: Callable[[Request], BridgeError], request: Request, cause: Exception) -> Response:
    error = problem(request)
    status = status_of(error)
    headers = cause.headers if isinstance(cause, HTTPException) else None  # of 405: what is allowed
    response = Response(problem_body(error), status, headers)
    response.raw_headers.extend(problem_headers(error, status))
    return response


async def _failed(request: Request, cause: Exception) -> Response:
    return await _answer(lambda _: unexpected(cause, writing=False), request, cause)


def _no_path(request: Request) -> BridgeError:
    return UnknownName("there is nothing at this path", code="PGRST125")


def _no_method(request: Request) -> BridgeError:
    return NotAllowed(f"{request.method} is not possible here")
