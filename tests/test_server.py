"""The application as it is composed: dispatch, readiness, generations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bridge_core import generation
from bridge_core.config import load
from bridge_core.errors import ConfigurationError
from bridge_core.server import Site
from bridge_core.surfaces import health
from bridge_core.surfaces.routes import Access, Entry, application, checked
from tests.support import fakes

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("cities")]

SECRET = "n3Xq-7_vbR2kd84mZ0ptWcYyLh5sGaJf"
WORLD = f"""
[auth]
secret = "{SECRET}"
anonymous_roles = ["visitor"]
[resources.world]
adapter = "city"
[roles.visitor.world.cities]
read = true
"""


@asynccontextmanager
async def site(folder: Path, text: str) -> AsyncIterator[tuple[Site, httpx.AsyncClient]]:
    path = folder / "plugins.toml"
    path.write_text(text, encoding="utf-8")
    app = Site(path, {}, [fakes.entry()])
    await app.open(load(path, {}))
    transport = httpx.ASGITransport(app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            yield app, client
    finally:
        await app.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0)


async def test_data_requests_reach_the_rest_surface(tmp_path: Path) -> None:
    async with site(tmp_path, WORLD) as (_, client):
        answer = await client.get("/rest/world/cities")

    assert answer.status_code == 200
    assert [city["name"] for city in answer.json()] == ["Bonn", "Lyon", "Turin"]


async def test_the_resources_are_closed_at_the_end(tmp_path: Path) -> None:
    async with site(tmp_path, WORLD):
        assert not fakes.history.opened[0].closed

    assert fakes.history.opened[0].closed


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "PGRST125"),
        ("GET", "/nothing", 404, "PGRST125"),
        ("GET", "/healthz/", 404, "PGRST125"),
        ("GET", "/rest", 404, "PGRST125"),
        ("POST", "/healthz", 405, "PGRST117"),
        ("OPTIONS", "/readyz", 405, "PGRST117"),
    ],
)
async def test_what_is_not_there_is_a_problem(tmp_path: Path, method: str, path: str, status: int, code: str) -> None:
    async with site(tmp_path, WORLD) as (_, client):
        answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json().keys() == {"code", "message", "details", "hint"}
    assert ("allow" in answer.headers) == (status == 405)


async def test_readiness_follows_the_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH_FOR", 0.0)
    async with site(tmp_path, WORLD) as (_, client):
        first = await client.get("/readyz")
        fakes.history.opened[0].reachable = False
        second = await client.get("/readyz")
        alive = await client.get("/healthz")

    assert (first.status_code, first.json()["resources"]) == (200, {"world": "ready"})
    assert (second.status_code, second.json()["resources"]) == (503, {"world": "unavailable"})
    assert second.json()["reasons"] == {"world": "nobody answers"}
    assert "reasons" not in first.json()
    assert alive.status_code == 200


async def test_readiness_is_asked_for_once_in_a_while(tmp_path: Path) -> None:
    async with site(tmp_path, WORLD) as (_, client):
        await client.get("/readyz")
        fakes.history.opened[0].reachable = False
        answer = await client.get("/readyz")

    assert answer.status_code == 200


async def test_a_server_that_stops_is_not_ready(tmp_path: Path) -> None:
    async with site(tmp_path, WORLD) as (app, client):
        app.draining = True
        answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "draining")


async def nothing(*_: object) -> None:
    """Stand for an application."""


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ([Entry("/a", nothing)], "routes without a policy: /a"),
        ([Entry("/a", nothing, access=Access.PUBLIC), Entry("/b/", nothing)], "routes without a policy: /b/"),
        ([Entry("/a", nothing, access=Access.PUBLIC)] * 2, "two routes have one path: /a"),
    ],
)
def test_a_table_of_routes_with_a_gap_stops_the_start(table: list[Entry], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        checked(table)
    with pytest.raises(ConfigurationError, match=complaint):
        application(table)


RULES = {
    "a model": ("[roles.a.world.citties]\nread = true", "the resource 'world' has no model 'citties' (did you mean"),
    "a field": ('[roles.a.world.cities]\nread = ["nam"]', "world.cities has no field 'nam' (did you mean 'name'?)"),
    "a field of the row rule": ('[roles.a.world.cities]\nread = true\nrows = "nam=eq.x"', "rows: world.cities has no"),
    "a relation": ('[[relations]]\nname = "a"\nfrom = "world.cities.x"\nto = "world.cities.id"', "no field 'x'"),
    "a row rule": ('[roles.a.world.cities]\nread = true\nrows = "name=equals.x"', "[roles.a.world.cities] rows: "),
}


@pytest.mark.parametrize(("text", "complaint"), RULES.values(), ids=RULES)
async def test_a_rule_about_what_is_not_there_stops_the_start(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with site(tmp_path, WORLD + text):
            pass

    assert complaint in caught.value.message
    assert all(adapter.closed for adapter in fakes.history.opened)


async def test_a_reload_swaps_generations_and_lets_requests_end_on_theirs(tmp_path: Path) -> None:
    async with site(tmp_path, WORLD) as (app, client):
        old = fakes.history.opened[0]
        waiting = asyncio.create_task(client.get("/rest/world/cities?id=eq.0"))
        await until(lambda: app.running == 1)
        changed = WORLD.replace("cities]", "towns]").replace('"city"', '"city"\nmodel = "towns"')
        (tmp_path / "plugins.toml").write_text(changed)
        reloading = asyncio.create_task(app.reload())
        await until(lambda: app.running == 0)  # of the new generation
        now = await client.get("/rest/world/towns")
        closed_early = old.closed
        old.let_go.set()
        before = await waiting
        await reloading

        assert now.status_code == 200
        assert before.status_code == 200
        assert not closed_early
        assert old.closed
        assert not fakes.history.opened[1].closed


@pytest.mark.parametrize(
    "text",
    ["[server", WORLD.replace("world", "w/o"), WORLD.replace('"city"', '"cty"'), WORLD + 'fault = "unavailable"'],
    ids=["no TOML", "a bad name", "an unknown adapter", "an unknown key"],
)
async def test_a_reload_that_fails_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with site(tmp_path, WORLD) as (app, client):
        (tmp_path / "plugins.toml").write_text(text)
        await app.reload()
        answer = await client.get("/rest/world/cities")

        assert answer.status_code == 200
        assert not fakes.history.opened[0].closed
        assert "the configuration stays as it was" in caplog.text


async def test_an_optional_resource_that_failed_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "RETRIES", (0.0,))
    fakes.history.refusals = 2
    async with site(tmp_path, WORLD.replace('"city"', '"city"\nrequired = false')) as (_, client):
        first = await client.get("/rest/world/cities")
        ready = await client.get("/readyz")
        await until(lambda: bool(fakes.history.opened))
        await asyncio.sleep(0)
        second = await client.get("/rest/world/cities")

    assert first.status_code == 503
    assert ready.status_code == 503
    assert second.status_code == 200


async def test_the_protocol_of_jet_bridge_is_served_where_jet_admin_is_configured(tmp_path: Path) -> None:
    jet = '[auth.jet]\nproject = "p"\nbearer_key = "Zk3-static-bearer-key"\n'
    async with site(tmp_path, WORLD + jet) as (_, client):
        bearer = {"authorization": "Bearer Zk3-static-bearer-key"}
        listed = await client.get("/api/models/cities/", headers=bearer)
        stranger = await client.get("/api/models/cities/")
        told = await client.get("/api/token_inspect/?authorization=Token%20x")
        leaked = await client.get("/api/models/cities/?authorization=Token%20x", headers=bearer)
    async with site(tmp_path, WORLD) as (_, client):
        elsewhere = await client.get("/api/models/cities/")

    assert [city["name"] for city in listed.json()["results"]] == ["Turin", "Lyon", "Bonn"]
    assert (stranger.status_code, told.status_code, leaked.status_code) == (200, 200, 400)  # visitors may read here
    assert elsewhere.status_code == 404
