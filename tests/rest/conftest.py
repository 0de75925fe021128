"""The REST surface over a shelf of books, and a client of it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from bridge_core.bridge import Bridge, described
from bridge_core.call import ANONYMOUS, Call, Handler, Layer, Principal
from bridge_core.errors import Unauthenticated
from bridge_core.operations import Answer, Verb
from bridge_core.policy import Policy, Rule
from bridge_core.router import Served
from bridge_core.surfaces.rest import RestApp, RestSettings
from tests.rest.shelf import Shelf

ALL = dict.fromkeys(Verb)
ADMIN = {"authorization": "Bearer admin"}
READER = {"authorization": "Bearer reader"}
STRANGER = {"authorization": "Bearer stranger"}
RULES = {
    ("admin", "*", "*"): Rule(ALL),
    ("reader", "shelf", "books"): Rule({Verb.READ: frozenset({"id", "title", "kind"})}),
    ("writer", "shelf", "books"): Rule({Verb.CREATE: frozenset({"id", "title"})}),
    ("public", "shelf", "people.authors"): Rule({Verb.READ: None}),
    ("nobody", "elsewhere", "x"): Rule({Verb.READ: None}),
}

PLAIN = RestSettings()
MakeApp = Callable[..., Awaitable[RestApp]]


def authenticate(authorization: str | None, apikey: str | None) -> Principal:
    """Believe every token that names a role."""
    token = apikey if authorization is None else authorization.removeprefix("Bearer ")
    if token is None:
        return ANONYMOUS
    if token not in ("admin", "reader", "writer", "stranger"):
        raise Unauthenticated("JWT cryptographic operation failed")
    return Principal(token, (token,))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def make_app(shelf: Shelf) -> MakeApp:
    async def make(settings: RestSettings = PLAIN, anonymous: tuple[str, ...] = ()) -> RestApp:
        served = Served("shelf", shelf, await described("shelf", shelf))
        bridge = Bridge([served], Policy(RULES, anonymous), default="shelf", layers=[_noting(shelf)])
        return RestApp(bridge, authenticate, settings)

    return make


def _noting(shelf: Shelf) -> Layer:
    def layer(inner: Handler) -> Handler:
        async def handle(call: Call) -> Answer:
            shelf.asked.append(call.operation)
            return await inner(call)

        return handle

    return layer


def client_of(
    app: RestApp, headers: dict[str, str] = ADMIN, base: str = "http://bridge/rest/shelf"
) -> httpx.AsyncClient:
    """Return a client of the application, in this process."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx names its own ASGI types
    return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator, at the resource's own base path."""
    async with client_of(await make_app(RestSettings(rollback=True))) as client:
        yield client
