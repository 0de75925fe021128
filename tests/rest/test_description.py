"""OPTIONS, and the Swagger document at the root."""

import httpx
import pytest

from tests.rest.conftest import ADMIN, READER, STRANGER, MakeApp, client_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("headers", "path", "allow"),
    [
        (ADMIN, "/books", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"),
        (ADMIN, "/loans", "OPTIONS,GET,HEAD,POST,PATCH,DELETE"),
        (ADMIN, "/shelves", "OPTIONS,GET,HEAD"),
        (READER, "/books", "OPTIONS,GET,HEAD"),
        (ADMIN, "/", "OPTIONS,GET,HEAD"),
    ],
)
async def test_options_tell_what_the_model_and_the_policy_allow(
    make_app: MakeApp, headers: dict[str, str], path: str, allow: str
) -> None:
    async with client_of(await make_app(), headers) as client:
        answer = await client.options(path)

    assert (answer.status_code, answer.headers["allow"], answer.content) == (200, allow, b"")
    assert answer.headers["content-length"] == "0"


async def test_the_document_describes_every_model(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    document = answer.json()

    assert answer.headers["content-type"] == "application/openapi+json; charset=utf-8"
    assert document["swagger"] == "2.0"
    assert document["basePath"] == "/rest/shelf"
    assert set(document["definitions"]) == {"books", "loans", "shelves", "people.authors"}
    books = document["definitions"]["books"]
    assert books["required"] == ["title"]
    assert books["properties"]["id"] == {
        "format": "integer",
        "type": "integer",
        "default": "nextval('books_id_seq')",
        "description": "Note:\nThis is a Primary Key.<pk/>",
    }
    assert books["properties"]["title"]["maxLength"] == 80
    assert books["properties"]["kind"]["enum"] == ["novel", "essay"]
    assert "<fk table='people.authors' column='id'/>" in books["properties"]["author"]["description"]
    assert set(document["paths"]["/books"]) == {"get", "post", "patch", "delete"}
    assert set(document["paths"]["/shelves"]) == {"get"}


async def test_every_reference_in_the_document_leads_somewhere(client: httpx.AsyncClient) -> None:
    document = (await client.get("/")).json()

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [each for inner in value.values() for each in references(inner)]
        return [each for inner in value for each in references(inner)] if isinstance(value, list) else []

    found = references(document)
    assert found
    for reference in found:
        _, section, name = reference.split("/", 2)
        assert name in document[section]


async def test_the_document_shows_what_its_reader_may_know(make_app: MakeApp) -> None:
    app = await make_app()
    async with client_of(app, READER) as reader, client_of(app, STRANGER) as stranger, client_of(app, {}) as nobody:
        document = (await reader.get("/")).json()
        assert (await stranger.get("/")).status_code == 404
        assert (await nobody.get("/")).status_code == 401

    assert set(document["definitions"]) == {"books"}
    assert set(document["definitions"]["books"]["properties"]) == {"id", "title", "kind"}
    assert set(document["paths"]["/books"]) == {"get"}


@pytest.mark.parametrize(("base", "profile"), [("shelf", "people"), ("v1", "people")])
async def test_the_document_of_a_schema_names_its_models_as_its_paths_do(
    make_app: MakeApp, base: str, profile: str
) -> None:
    async with client_of(
        await make_app(), {**ADMIN, "accept-profile": profile}, f"http://bridge/rest/{base}"
    ) as client:
        document = (await client.get("/")).json()

    assert set(document["definitions"]) == {"authors"}
    assert document["basePath"] == f"/rest/{base}"


async def test_the_document_is_there_with_and_without_the_last_slash(make_app: MakeApp) -> None:
    async with client_of(await make_app(), base="http://bridge") as client:
        for path in ("/rest/shelf", "/rest/shelf/", "/rest/v1/"):
            assert (await client.get(path)).json()["swagger"] == "2.0"
        assert (await client.head("/rest/shelf/")).content == b""


async def test_the_document_is_no_csv(client: httpx.AsyncClient) -> None:
    assert (await client.get("/", headers={"accept": "text/csv"})).status_code == 406
