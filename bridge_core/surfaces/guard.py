"""Stand before every surface: a credential in a URL is refused there, before anything reads or logs it further."""

from starlette.types import Receive, Scope, Send

from bridge_core.auth.credentials import refuse_in_url
from bridge_core.errors import Malformed
from bridge_core.surfaces.http import problem_body, problem_headers, status_of
from bridge_core.surfaces.routes import Application


def guarded(app: Application, *, but: frozenset[str] = frozenset()) -> Application:
    """Let requests through whose query carries no credential; `but` are paths that take one apart for its holder."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"] and scope["path"] not in but:
            try:
                refuse_in_url(scope["query_string"])
            except Malformed as error:
                await _refuse(error, send)
                return
        await app(scope, receive, send)

    return guard


async def _refuse(error: Malformed, send: Send) -> None:
    status = status_of(error)
    headers = [*problem_headers(error, status), (b"cache-control", b"no-store"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": problem_body(error)})
