"""The surface /auth: log in for a data token, refresh it, log out, and ask who one is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bridge_core.auth.assembly import Auth
from bridge_core.auth.compact import Damaged, strict_object
from bridge_core.auth.credentials import from_headers, unauthenticated
from bridge_core.auth.login import Login, Pair
from bridge_core.errors import BridgeError, Malformed, NotAllowed, TooLarge
from bridge_core.surfaces.http import problem_body, problem_headers, status_of, unexpected
from bridge_core.surfaces.routes import Access, Application, Entry

MAX_BODY: Final = 16_384  # bytes
_PRIVATE: Final = {"cache-control": "no-store"}

_Answering = Callable[[Auth, Request], Awaitable[Response]]


def routes(auth: Auth) -> tuple[Entry, ...]:
    """Return the routes of this surface; each of them checks the credential that it is there for."""
    table: Mapping[str, tuple[str, _Answering]] = {
        "/auth/token": ("POST", _token),
        "/auth/refresh": ("POST", _refresh),
        "/auth/logout": ("POST", _log_out),
        "/auth/me": ("GET", _me),
    }
    return tuple(
        Entry(path, _application(auth, answer), methods=(method,), access=Access.CREDENTIAL)
        for path, (method, answer) in table.items()
    )


def _application(auth: Auth, answer: _Answering) -> Application:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await _answered(auth, answer, Request(scope, receive))
        await response(scope, receive, send)

    return app


async def _answered(auth: Auth, answer: _Answering, request: Request) -> Response:
    try:
        if request.scope["query_string"]:
            raise Malformed("this path takes no query", hint="credentials go into the body or the header Authorization")
        return await answer(auth, request)
    except BridgeError as error:
        return _problem(error)
    except ClientDisconnect:
        return Response(status_code=400)
    except Exception as cause:  # noqa: BLE001 - whatever breaks here must not answer as if somebody had logged in
        return _problem(unexpected(cause, writing=False))


async def _token(auth: Auth, request: Request) -> Response:
    login, form = _login(auth), await _form(request)
    if form.get("grant_type") == "refresh_token":
        return _pair(await login.refreshed(_text(form, "refresh_token")))
    if form.get("grant_type", "password") != "password":
        raise Malformed("this grant_type is not possible", hint="password, or refresh_token")
    email = _text(form, "email" if "email" in form else "username")
    peer = request.client.host if request.client else ""
    address = auth.addresses.client(peer, request.headers.getlist("x-forwarded-for"))
    return _pair(await login.by_password(email, _text(form, "password"), address))


async def _refresh(auth: Auth, request: Request) -> Response:
    return _pair(await _login(auth).refreshed(_text(await _form(request), "refresh_token")))


async def _log_out(auth: Auth, request: Request) -> Response:
    authorization, _ = from_headers(request.scope["headers"])
    if authorization is None:
        raise unauthenticated()
    await _login(auth).log_out(authorization)
    return Response(status_code=204, headers=_PRIVATE)


async def _me(auth: Auth, request: Request) -> Response:
    principal = await auth.authenticator.authenticate(*from_headers(request.scope["headers"]))
    if principal.anonymous:
        raise unauthenticated()
    body = {"subject": principal.subject, "roles": list(principal.roles), "claims": dict(principal.claims)}
    return JSONResponse(body, headers=_PRIVATE)


def _login(auth: Auth) -> Login:
    if auth.login is None:
        raise NotAllowed("nobody can log in here", hint="the operator sets [auth] secret to switch it on")
    return auth.login


async def _form(request: Request) -> Mapping[str, Any]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLarge(f"the body is larger than {MAX_BODY:,} bytes")
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    try:
        if media == "application/json":
            return strict_object(bytes(body))
        if media == "application/x-www-form-urlencoded":
            return _unique(
                parse_qsl(body.decode("utf-8"), keep_blank_values=True, strict_parsing=True, max_num_fields=16)
            )
    except (Damaged, ValueError):
        raise Malformed("the body cannot be read", hint='{"email": "...", "password": "..."}') from None
    raise Malformed("the body is neither JSON nor a form", hint="Content-Type: application/json")


def _unique(pairs: list[tuple[str, str]]) -> Mapping[str, str]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Damaged
    return made


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value or len(value) > 8_192:
        raise Malformed(f"{name} is missing", hint='{"email": "...", "password": "..."}')
    return value


def _pair(pair: Pair) -> Response:
    body = {
        "access_token": pair.access,
        "token_type": "bearer",
        "expires_in": pair.lasts,
        "refresh_token": pair.refresh,
    }
    return JSONResponse(body, headers=_PRIVATE)


def _problem(error: BridgeError) -> Response:
    status = status_of(error)
    response = Response(problem_body(error), status, headers=_PRIVATE)
    response.raw_headers.extend(problem_headers(error, status))
    return response
