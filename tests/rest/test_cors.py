"""CORS: configured origins and no others."""

import httpx
import pytest

from bridge_core.surfaces.rest import RestSettings
from tests.rest.conftest import MakeApp, client_of

pytestmark = pytest.mark.anyio

ASKED = "apikey, authorization, accept-profile, content-profile, content-type, prefer, range, range-unit, x-client-info"


async def _preflight(client: httpx.AsyncClient, origin: str) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": ASKED}
    return await client.options("/books", headers=headers)


@pytest.mark.parametrize("origins", [("*",), ("https://a.example",)])
async def test_a_preflight_needs_no_token(make_app: MakeApp, origins: tuple[str, ...]) -> None:
    async with client_of(await make_app(RestSettings(origins=origins)), {}) as client:
        answer = await _preflight(client, "https://a.example")

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origins[0]
    assert answer.headers["access-control-allow-methods"] == "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
    allowed = answer.headers["access-control-allow-headers"]
    assert allowed == f"Authorization, {ASKED}, Accept, Accept-Language, Content-Language"
    assert answer.headers["access-control-max-age"] == "86400"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://a.example.evil.example", "https://evila.example", "http://a.example",
     "https://a.example:8443", "https://A.example", "*", "https://a.example "],
)  # fmt: skip
async def test_a_strange_origin_is_told_nothing(make_app: MakeApp, origin: str) -> None:
    async with client_of(await make_app(RestSettings(origins=("https://a.example",)))) as client:
        preflight = await _preflight(client, origin)
        answer = await client.get("/books", headers={"origin": origin})

    for each in (preflight, answer):
        assert not [name for name in each.headers if name.startswith("access-control")]
        assert "Origin" in each.headers["vary"]


async def test_without_configured_origins_there_is_no_cors(client: httpx.AsyncClient) -> None:
    answer = await client.get("/books", headers={"origin": "https://a.example"})

    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_refusals_carry_the_headers_as_well(make_app: MakeApp) -> None:
    async with client_of(await make_app(RestSettings(origins=("https://a.example",)))) as client:
        answer = await client.get("/nothing", headers={"origin": "https://a.example"})

    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Content-Range", "ETag", "Idempotent-Replayed", "Bridge-Outcome"} <= set(exposed)


async def test_what_a_preflight_repeats_is_only_names_of_headers(make_app: MakeApp) -> None:
    async with client_of(await make_app(RestSettings(origins=("*",)))) as client:
        headers = {
            "origin": "x",
            "access-control-request-method": "GET",
            "access-control-request-headers": "a, b c, d:e, f",
        }
        answer = await client.options("/books", headers=headers)

    assert (
        answer.headers["access-control-allow-headers"]
        == "Authorization, a, f, Accept, Accept-Language, Content-Language"
    )
