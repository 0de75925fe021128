"""The surface of the Jet Bridge protocol over a library, in memory and in PostgreSQL, and clients of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx
import pytest
from bridge_sql.plugin import PostgresSettings, connect_postgresql
from pydantic import SecretStr

from bridge_core.adapter import Adapter
from bridge_core.auth.jet_rights import JetRights, Permission
from bridge_core.bridge import Bridge, described
from bridge_core.call import ANONYMOUS, Principal
from bridge_core.errors import Unauthenticated
from bridge_core.policy import Policy
from bridge_core.router import Served
from bridge_core.surfaces.jet import JetApp, JetSettings
from tests.jet import library
from tests.support.postgres import PostgresServer

OWNER = {"authorization": "Token owner"}
READER = {"authorization": "Token reader"}
CLERK = {"authorization": "Token clerk"}
RIGHTS: Mapping[str, JetRights] = {
    "owner": JetRights(everything=True, default="library"),
    "reader": JetRights(read_only=True, default="library"),
    "clerk": JetRights(permissions=frozenset({("model", "authors", "rw")}), default="library"),
}
MakeApp = Callable[..., Awaitable[JetApp]]


async def who(authorization: str | None, apikey: str | None, permission: Permission | None) -> Principal:
    """Believe every token that is known."""
    if authorization is None:
        return ANONYMOUS
    name = authorization.removeprefix("Token ")
    if name not in RIGHTS:
        raise Unauthenticated("the credential is not valid here")
    return Principal(name, rights=RIGHTS[name])


@pytest.fixture(params=["memory", "postgresql"])
async def adapter(request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    """The library in memory, and in a database."""
    if request.param == "memory":
        yield library.memory()
        return
    server = request.getfixturevalue("postgres_17")
    assert isinstance(server, PostgresServer)
    settings = PostgresSettings(url=SecretStr(server.database(library.SQL)))
    opened = await connect_postgresql(settings, None)  # type: ignore[arg-type]  # the context is not used
    yield opened
    await opened.close()


@pytest.fixture
async def bridge(adapter: Adapter) -> Bridge:
    """The library as the default resource."""
    return Bridge([Served("library", adapter, await described("library", adapter))], Policy({}), default="library")


@pytest.fixture
def app(bridge: Bridge) -> JetApp:
    """The surface, for browsers of one origin."""
    return JetApp(bridge, who, JetSettings(origins=("https://app.example",), max_body=10_000))


def client_of(app: JetApp, headers: Mapping[str, str] = OWNER) -> httpx.AsyncClient:
    """Return a client of the application, in this process."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx names its own ASGI types
    return httpx.AsyncClient(transport=transport, base_url="http://bridge/api", headers=headers)


@pytest.fixture
async def client(app: JetApp) -> AsyncIterator[httpx.AsyncClient]:
    """The owner of the project."""
    async with client_of(app) as client:
        yield client
