"""Who is let in, what browsers hear, and what becomes of requests that are no good."""

import httpx
import pytest

from bridge_core.surfaces.jet import JetApp, JetSettings
from tests.jet.conftest import CLERK, OWNER, READER, client_of, who

pytestmark = pytest.mark.anyio
NOBODY: dict[str, str] = {}
STRANGER = {"authorization": "Token stranger"}


@pytest.mark.parametrize(
    ("headers", "method", "path", "status"),
    [
        (OWNER, "GET", "/models/books/", 200),
        (READER, "GET", "/models/books/", 200),
        (CLERK, "GET", "/models/authors/", 200),
        (CLERK, "GET", "/models/books/", 403),
        (CLERK, "GET", "/models/nosuch/", 404),
        (NOBODY, "GET", "/models/books/", 403),
        (NOBODY, "GET", "/models/nosuch/", 403),
        (STRANGER, "GET", "/models/books/", 403),
        (NOBODY, "POST", "/sql/", 403),
        (OWNER, "POST", "/sql/", 404),
        (OWNER, "POST", "/models/books/1/", 404),
        (READER, "POST", "/models/books/1/get_siblings/", 403),
        (NOBODY, "POST", "/nothing/", 405),
        (NOBODY, "OPTIONS", "/models/books/", 204),
    ],
)
async def test_every_path_asks_for_its_right(
    app: JetApp, headers: dict[str, str], method: str, path: str, status: int
) -> None:
    async with client_of(app, headers) as client:
        answer = await client.request(method, path)

    assert answer.status_code == status


async def test_another_database_is_never_answered_from_ours(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models/books/", headers={"x-bridge-settings": "rubbish"})

    assert answer.status_code == 404
    assert "X-Bridge-Settings" in answer.text


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://app.example", None),
        (("https://app.example",), "https://app.example", "https://app.example"),
        (("https://app.example",), "https://evil.example", None),
        (("*",), "https://any.example", "*"),
    ],
)
async def test_browsers_may_call_from_configured_origins(
    app: JetApp, origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    app = JetApp(app._bridge, who, JetSettings(origins=origins))
    async with client_of(app) as client:
        for path in ("/models/books/", "/models/books/9/"):
            answer = await client.get(path, headers={"origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed
            assert ("access-control-allow-credentials" in answer.headers) == (allowed == origin)


@pytest.mark.parametrize("query", ["&".join(f"a{n}=1" for n in range(1_001)).encode(), b"%ff=1"])
async def test_a_query_that_is_none_is_refused(client: httpx.AsyncClient, query: bytes) -> None:
    url = httpx.URL("http://bridge/api/models/books/", query=query)

    assert (await client.get(url)).status_code == 400


async def test_a_url_has_bounds(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/models/books/?title={'x' * 20_000}")).status_code == 414


async def test_head_answers_without_a_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/models/books/1/")

    assert (answer.status_code, answer.content) == (200, b"")
