"""A credential that brings its own rights: what it is not good for does not exist, in no answer and no description."""

import httpx
import pytest

from bridge_core.bridge import Bridge, described
from bridge_core.call import Principal
from bridge_core.operations import Verb
from bridge_core.policy import Policy
from bridge_core.router import Served
from bridge_core.surfaces.rest import RestApp
from tests.rest.conftest import client_of
from tests.rest.shelf import Shelf

pytestmark = pytest.mark.anyio


class BooksAlone:
    """Rights that are good for reading books."""

    async def allow(self, resource: str, model: str, verb: Verb) -> bool:
        return (model, verb) == ("books", Verb.READ)


@pytest.fixture
async def client(shelf: Shelf) -> httpx.AsyncClient:
    served = Served("shelf", shelf, await described("shelf", shelf))
    principal = Principal("jet:1", rights=BooksAlone())
    return client_of(RestApp(Bridge([served], Policy({}), default="shelf"), lambda *_: principal))


@pytest.mark.parametrize(
    "query", ["", "?select=nothing", "?select=loans(*)", "?book=eq.1", "?limit=1", "?order=nothing"]
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "POST", "OPTIONS"])
async def test_forbidden_and_unknown_answer_alike(client: httpx.AsyncClient, method: str, query: str) -> None:
    body = {} if method in ("GET", "DELETE", "OPTIONS") else {"json": {"book": 1}}
    forbidden = await client.request(method, f"/loans{query}", **body)  # type: ignore[arg-type]  # the body alone
    unknown = await client.request(method, f"/loanz{query}", **body)  # type: ignore[arg-type]

    assert forbidden.status_code in (400, 404)
    assert (unknown.status_code, unknown.text) == (forbidden.status_code, forbidden.text.replace("loans", "loanz"))


async def test_a_right_that_is_missing_on_a_known_model_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/books?id=eq.1")

    assert (answer.status_code, answer.json()["code"]) == (403, "42501")


async def test_the_description_holds_what_the_credential_is_good_for(client: httpx.AsyncClient) -> None:
    document = (await client.get("/")).json()

    assert list(document["definitions"]) == ["books"]
    assert "authors" not in repr(document["paths"])
