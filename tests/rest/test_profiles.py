"""Profiles: a resource and a schema named by a header."""

import httpx
import pytest

from tests.rest.conftest import ADMIN, READER, MakeApp, client_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("base", "path", "profile", "status"),
    [
        ("shelf", "/books", None, 200),
        ("shelf", "/books", "shelf", 200),
        ("shelf", "/books", "public", 200),
        ("shelf", "/authors", "people", 200),
        ("shelf", "/people.authors", None, 200),
        ("shelf", "/authors", "shelf", 404),
        ("shelf", "/books", "people", 404),
        ("shelf", "/books", "unknown", 406),
        ("v1", "/books", None, 200),
        ("v1", "/books", "shelf", 200),
        ("v1", "/books", "public", 200),
        ("v1", "/authors", "people", 200),
        ("v1", "/books", "unknown", 406),
    ],
)
async def test_a_profile_names_a_resource_or_a_schema(
    make_app: MakeApp, base: str, path: str, profile: str | None, status: int
) -> None:
    headers = {**ADMIN, **({"accept-profile": profile} if profile else {})}
    async with client_of(await make_app(), headers, f"http://bridge/rest/{base}") as client:
        answer = await client.get(path)

    assert answer.status_code == status
    if status == 200:
        assert answer.headers.get("content-profile") == profile
        assert answer.headers["content-location"] == path


async def test_a_write_is_told_by_content_profile_alone(client: httpx.AsyncClient) -> None:
    headers = {"accept-profile": "unknown", "content-profile": "people"}
    written = await client.post("/authors", json={"id": 2, "name": "x"}, headers=headers)
    read = await client.get("/authors", headers={"accept-profile": "people", "content-profile": "unknown"})

    assert (written.status_code, read.status_code) == (201, 200)
    assert len(read.json()) == 2


async def test_the_hint_names_the_schemas_that_the_caller_may_know(make_app: MakeApp) -> None:
    app = await make_app()
    async with client_of(app, ADMIN) as admin, client_of(app, READER) as reader:
        seen = await admin.get("/books", headers={"accept-profile": "x"})
        hidden = await reader.get("/authors", headers={"accept-profile": "people"})

    assert seen.json()["message"] == "Invalid schema: x"
    assert seen.json()["hint"] == "Only the following schemas are exposed: shelf, people"
    assert (hidden.status_code, hidden.json()["hint"]) == (406, "Only the following schemas are exposed: shelf")
