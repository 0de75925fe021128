"""Descriptions of models, relations that people declare, and what the server says about itself."""

from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.errors import ConfigurationError
from bridge_core.store.engine import open_store
from bridge_core.store.overrides import RelationOverrides
from bridge_core.surfaces.jet import JetApp, schema, service
from bridge_core.surfaces.jet.settings import Identity
from tests.jet.conftest import CLERK, OWNER, READER, client_of, who

pytestmark = pytest.mark.anyio
WAY = {"direction": "MANYTOONE", "local_field": "page", "related_model": "books", "related_field": "id"}


async def _greet(params: Any, principal: Principal, bridge: Bridge) -> object:
    return {"hello": params.get("name"), "from": principal.subject}


@pytest.fixture
async def app(bridge: Bridge, tmp_path: Path) -> AsyncIterator[JetApp]:
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    identity = Identity("shop", "prod", registered=True, web_base_url="https://web.example")
    handlers = {"greet": service.Handler(_greet)}
    routes = (*service.routes(identity, handlers), *schema.routes(RelationOverrides(store)))
    yield JetApp(bridge, who, routes=routes)
    await store.close()


async def descriptions(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/model_descriptions/{query}")
    assert answer.status_code == 200
    return {model["model"]: model for model in answer.json()}


async def test_a_model_is_described_with_its_fields_and_relations(client: httpx.AsyncClient) -> None:
    models = await descriptions(client)
    books = {field["name"]: field for field in models["books"]["fields"]}

    assert list(models) == ["authors", "books", "loans", "notes"]
    assert books["kind"]["params"] == {
        "options": [{"name": "novel", "value": "novel"}, {"name": "essay", "value": "essay"}],
        "length": 5,
        "db_internal_type": "VARCHAR(5)",
    }
    assert (books["author_id"]["field"], books["author_id"]["params"]["related_model"]) == (
        "ForeignKey",
        {"model": "authors"},
    )
    assert books["title"]["params"] == {"length": 40, "db_internal_type": "VARCHAR(40)"}
    assert [books[name]["required"] for name in ("id", "title", "price")] == [False, True, False]
    assert [relation["name"] for relation in models["books"]["relations"] if relation["direction"] == "MANYTOONE"] == [
        "author_id__to__authors__id"
    ]
    assert "books__author_id__to__id" in [relation["name"] for relation in models["authors"]["relations"]]
    assert (models["notes"]["primary_key_field"], models["notes"]["primary_key_auto"]) == ("word", True)


async def test_a_client_keeps_descriptions_until_they_change(client: httpx.AsyncClient) -> None:
    first = await client.get("/model_descriptions/?cid=1")
    tag = first.headers["etag"]

    assert (await client.get("/model_descriptions/?cid=1", headers={"if-none-match": tag})).status_code == 304
    await client.post("/model_descriptions/relationship_overrides/", json=[{"model": "notes", "relations": [WAY]}])
    changed = await client.get("/model_descriptions/?cid=1", headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_draft_and_live_relations_stand_apart(client: httpx.AsyncClient) -> None:
    path = "/model_descriptions/relationship_overrides/"
    answer = await client.post(f"{path}?draft=1", json=[{"model": "notes", "relations": [WAY]}])

    assert answer.json() == [{"model": "notes", "relations": [WAY]}]
    assert (await descriptions(client))["notes"]["relation_overrides"] == []
    assert (await descriptions(client, "?draft=1"))["notes"]["relation_overrides"] == [
        {"name": "page__to__books__id", **WAY}
    ]
    await client.post(f"{path}?draft=1", json=[{"model": "notes", "relations": []}])
    assert (await descriptions(client, "?draft=1"))["notes"]["relation_overrides"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([{"model": "nosuch", "relations": []}], "Unknown relation override model: nosuch"),
        ([{"model": "notes", "relations": [{**WAY, "direction": "UP"}]}], "Unknown relation direction: UP"),
        ([{"model": "notes", "relations": [{**WAY, "local_field": "x"}]}], "Unknown relation override field: notes.x"),
        ([{"model": "notes", "relations": [{**WAY, "related_model": "x"}]}], "Unknown relation override model: x"),
        ([{"model": "notes"}], "each model needs `model` and `relations`"),
        (
            [{"model": "notes", "relations": [7]}],
            "each relation needs direction, local_field, related_model, related_field",
        ),
        ({}, "the body must be an array of at most 1000 models"),
    ],
)
async def test_relations_that_lead_nowhere_are_refused(client: httpx.AsyncClient, body: Any, message: str) -> None:
    good = {"model": "authors", "relations": []}
    answer = await client.post(
        "/model_descriptions/relationship_overrides/", json=[good, *body] if isinstance(body, list) else body
    )

    assert (answer.status_code, answer.json()) == (400, {"non_field_errors": [message]})


@pytest.mark.parametrize(
    ("method", "path", "owner", "reader", "clerk", "nobody"),
    [
        ("GET", "/", 200, 200, 200, 200),
        ("GET", "/model_descriptions/", 200, 200, 200, 403),
        ("POST", "/model_descriptions/relationship_overrides/", 400, 403, 403, 403),
        ("POST", "/reload/", 200, 200, 403, 403),
        ("GET", "/discover/tables/", 200, 403, 403, 403),
        ("GET", "/discover/connection/", 200, 403, 403, 403),
        ("GET", "/status/", 403, 403, 403, 403),
        ("GET", "/status/?key=bearer", 403, 403, 403, 403),
        ("GET", "/trigger_exception/", 403, 403, 403, 403),
        ("GET", "/token_inspect/", 200, 200, 200, 400),
        ("POST", "/messages/", 400, 400, 400, 403),
    ],
)
async def test_every_service_asks_for_its_right(
    app: JetApp, method: str, path: str, owner: int, reader: int, clerk: int, nobody: int
) -> None:
    found = []
    for headers in (OWNER, READER, CLERK, {}):
        async with client_of(app, headers) as client:
            found.append((await client.request(method, path, json={} if method == "POST" else None)).status_code)

    assert found == [owner, reader, clerk, nobody]


async def test_messages_reach_their_handler(app: JetApp) -> None:
    async with client_of(app) as client:
        answer = await client.post("/messages/", json={"name": "greet", "params": {"name": "Ada"}})
        unknown = await client.post("/messages/", json={"name": "nosuch"})
        wrong = await client.post("/messages/", json={"name": "greet", "params": 7})
    async with client_of(app, READER) as client:
        refused = await client.post("/messages/", json={"name": "greet"})

    assert answer.json() == {"hello": "Ada", "from": "owner"}
    assert (unknown.status_code, unknown.content) == (200, b"")
    assert (wrong.status_code, refused.status_code) == (400, 403)


GREETING = service.Handler(_greet)


def test_handlers_of_messages_are_found_by_their_entry_points() -> None:
    entry = EntryPoint("greet", "tests.jet.test_schema:GREETING", service.MESSAGES)

    assert dict(service.registered([entry])) == {"greet": GREETING}


@pytest.mark.parametrize("value", ["tests.jet.test_schema:WAY", "tests.jet.test_schema:nosuch", "nosuch:x"])
def test_a_handler_that_is_none_stops_the_start(value: str) -> None:
    with pytest.raises(ConfigurationError):
        service.registered([EntryPoint("greet", value, service.MESSAGES)])


async def test_registration_leads_to_the_web_application(client: httpx.AsyncClient) -> None:
    answer = await client.get("/register/?token=a%26b")

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(
        "https://web.example/builder/shop/prod/resources/database/create/#engine=postgresql&referrer=http%3A//bridge/"
    )
    assert answer.headers["location"].endswith("&token=a%26b")


@pytest.mark.parametrize("text", ["rubbish", "JWT a.b.c", "JWT " + "x" * 100_000])
async def test_a_token_that_is_none_is_said_so(client: httpx.AsyncClient, text: str) -> None:
    answer = await client.get("/token_inspect/", headers={"authorization": text})

    assert (answer.status_code, answer.json()) == (400, {"error": "Token parse failed"})
