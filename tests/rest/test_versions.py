"""ETag, If-Match, If-None-Match and Idempotency-Key over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.policy import EVERY_RIGHT, Policy
from bridge_core.router import Served
from bridge_core.schema import Field, FieldType, Model, Precondition
from bridge_core.store.engine import open_store
from bridge_core.store.idempotency import StoreMemory
from bridge_core.surfaces.rest import RestApp, RestSettings
from bridge_core.testing.memory import MemoryAdapter, able
from tests.rest.conftest import client_of

pytestmark = pytest.mark.anyio

FIELDS = (Field("id", FieldType.INTEGER, nullable=False), Field("title", FieldType.TEXT))
PLAIN = able(Model("books", FIELDS, key=("id",), resource="shelf"))
VERSIONED = replace(PLAIN, capabilities=replace(PLAIN.capabilities, precondition=Precondition.ETAG))
ONE = {"accept": "application/vnd.pgrst.object+json"}
BACK = {"prefer": "return=representation"}
PATH = "/books?id=eq.1"


@pytest.fixture(params=[VERSIONED])
def model(request: pytest.FixtureRequest) -> Model:
    chosen: Model = request.param
    return chosen


@pytest.fixture
def adapter(model: Model) -> MemoryAdapter:
    return MemoryAdapter([model], {"books": [{"id": 1, "title": "A"}, {"id": 2, "title": "B"}]})


@pytest.fixture
async def client(model: Model, adapter: MemoryAdapter, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}")
    served = Served("shelf", adapter, {"books": model})
    policy = Policy({("all", "*", "*"): EVERY_RIGHT})
    bridge = Bridge([served], policy, default="shelf", memory=StoreMemory(store))

    def who(authorization: str | None, apikey: str | None) -> Principal:
        return Principal("ada", ("all",))

    async with client_of(RestApp(bridge, who, RestSettings())) as opened:
        yield opened
    await store.close()


async def seen(client: httpx.AsyncClient) -> str:
    return str((await client.get(PATH, headers=ONE)).headers["etag"])


async def test_one_record_comes_with_its_version_and_a_list_without(client: httpx.AsyncClient) -> None:
    one = await client.get(PATH, headers=ONE)
    many = await client.get("/books")
    listed = await client.get(PATH)

    assert one.status_code == 200
    assert one.headers["etag"].startswith('"')
    assert "etag" not in many.headers
    assert "etag" not in listed.headers


async def test_what_the_caller_has_already_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = await seen(client)

    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = await client.get(PATH, headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert "content-length" not in answer.headers
        assert answer.headers["cache-control"] == "private, no-store"
    other = await client.get(PATH, headers={"if-none-match": '"x"'})
    assert (other.status_code, other.headers["etag"], other.json()) == (200, etag, [{"id": 1, "title": "A"}])


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_a_stale_version_is_refused(client: httpx.AsyncClient, adapter: MemoryAdapter, method: str) -> None:
    etag = await seen(client)
    body: dict[str, Any] = {"json": {"id": 1, "title": "C"}} if method != "DELETE" else {}
    await client.patch(PATH, json={"title": "changed"})

    stale = await client.request(method, PATH, headers={"if-match": etag}, **body)
    assert (stale.status_code, stale.json()["code"], stale.headers["bridge-outcome"]) == (412, "BRG412", "not_applied")
    assert adapter.rows("books")[0]["title"] == "changed"

    fresh = await client.request(method, PATH, headers={"if-match": await seen(client)}, **body)
    assert fresh.status_code in (200, 204)


async def test_a_put_with_a_version_never_creates(client: httpx.AsyncClient, adapter: MemoryAdapter) -> None:
    for etag in ("*", '"x"'):
        answer = await client.put("/books?id=eq.9", json={"id": 9, "title": "N"}, headers={"if-match": etag})
        assert answer.status_code == 412

    assert len(adapter.rows("books")) == 2


async def test_a_put_can_be_made_to_create_only(client: httpx.AsyncClient, adapter: MemoryAdapter) -> None:
    there = await client.put(PATH, json={"id": 1, "title": "N"}, headers={"if-none-match": "*"})
    new = await client.put("/books?id=eq.9", json={"id": 9, "title": "N"}, headers={"if-none-match": "*", **BACK})

    assert there.status_code == 412
    assert (new.status_code, new.json()) == (201, [{"id": 9, "title": "N"}])
    assert adapter.rows("books")[0]["title"] == "A"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("PATCH", "/books?title=eq.A", {"if-match": '"x"'}, 422),
        ("PATCH", PATH, {"if-none-match": "*"}, 422),
        ("PUT", PATH, {"if-none-match": '"x"'}, 422),
        ("PATCH", PATH, {"if-match": "x"}, 400),
        ("PUT", PATH, {"if-none-match": "x"}, 400),
        ("POST", "/books", {"if-none-match": "*", "prefer": "resolution=merge-duplicates"}, 422),
    ],
)
async def test_what_cannot_be_held_to_a_version_says_so(
    client: httpx.AsyncClient, adapter: MemoryAdapter, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    before = adapter.rows("books")
    answer = await client.request(method, path, json={"id": 1, "title": "C"}, headers=headers)

    assert answer.status_code == status
    assert adapter.rows("books") == before


@pytest.mark.parametrize("model", [PLAIN], indirect=True)
async def test_without_versions_reads_have_none_and_conditional_writes_are_refused(client: httpx.AsyncClient) -> None:
    read = await client.get(PATH, headers={**ONE, "if-none-match": '"x"'})
    write = await client.patch(PATH, json={"title": "C"}, headers={"if-match": "*"})

    assert (read.status_code, "etag" in read.headers) == (200, False)
    assert (write.status_code, write.json()["code"]) == (422, "BRG422")


async def test_a_write_is_replayed_with_status_and_body(client: httpx.AsyncClient, adapter: MemoryAdapter) -> None:
    headers = {"idempotency-key": "k", **BACK}
    first = await client.post("/books", json={"id": 7, "title": "N"}, headers=headers)
    again = await client.post("/books", json={"id": 7, "title": "N"}, headers=headers)

    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, b'[{"id":7,"title":"N"}]')
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert len(adapter.rows("books")) == 3


async def test_a_key_for_another_write_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k"}
    await client.post("/books", json={"id": 7}, headers=headers)
    answers = [
        await client.post("/books", json={"id": 8}, headers=headers),
        await client.delete(PATH, headers=headers),
        await client.post("/books?columns=id", json={"id": 7}, headers={**headers, **BACK}),
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(422, "BRG422K")] * 3


async def test_a_version_and_a_key_go_together(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k", "if-match": await seen(client)}
    answers = [await client.patch(PATH, json={"title": "C"}, headers=headers) for _ in range(2)]

    assert [each.status_code for each in answers] == [204, 204]  # the second one is no stale version: it is the first
    assert answers[1].headers["idempotent-replayed"] == "true"
