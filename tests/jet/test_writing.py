"""Records are written in the forms of the protocol, and mistakes are said at their fields."""

from typing import Any

import httpx
import pytest

from bridge_core.surfaces.jet import JetApp
from tests.jet.conftest import CLERK, READER, client_of

pytestmark = pytest.mark.anyio

NEW = {"id": None, "title": "New", "author_id": "2", "nosuch": 1}
TAKEN = "record with the same value already exists"


async def book(client: httpx.AsyncClient, key: object) -> Any:
    return (await client.get(f"/models/books/{key}/")).json()


async def test_a_new_record_comes_back_as_it_is_kept(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models/books/", json=NEW)

    assert answer.status_code == 201
    assert answer.json() == await book(client, answer.json()["id"])
    assert (answer.json()["title"], answer.json()["author_id"]) == ("New", 2)


async def test_a_form_is_a_record(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models/authors/", data={"name": "Di"})

    assert (answer.status_code, answer.json()["name"]) == (201, "Di")


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"place": "7"}, 7),
        ({"place": True}, 1),
        ({"place": 7.0}, 7),
        ({"place": None}, None),
        ({"price": "1.5"}, "1.50"),
        ({"price": 2}, "2.00"),
        ({"rating": "0.75"}, 0.75),
        ({"in_print": "no"}, False),
        ({"in_print": None}, None),
        ({"title": ["a", None, 3]}, "a,3"),
        ({"title": 5}, "5"),
        ({"topics": '["x","y,z"]'}, ["x", "y,z"]),
        ({"topics": []}, []),
        ({"facts": "12"}, 12),
        ({"facts": "plain"}, "plain"),
        ({"facts": {"a": [1, None]}}, {"a": [1, None]}),
        ({"printed": "2024-07-01T12:00:00+02:00"}, "2024-07-01T10:00:00+00:00"),
        ({"printed": "July 1, 2024"}, "2024-07-01T00:00:00+00:00"),
        ({"sold": "2024-07-01T12:00:00+02:00"}, "2024-07-01T10:00:00+00:00"),
    ],
)
async def test_values_are_taken_as_they_are_written(client: httpx.AsyncClient, values: Any, kept: object) -> None:
    answer = await client.patch("/models/books/3/", json=values)

    assert answer.status_code == 200, answer.text
    name = next(iter(values))
    expected = {"1.50": ("1.5", "1.50"), "2.00": ("2", "2.00")}.get(str(kept), (kept,))  # memory keeps no scale
    assert answer.json()[name] in expected
    assert (await book(client, 3))[name] in expected


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"place": "x"}, {"place": ["not a valid integer"]}),
        ({"place": 1.5}, {"place": ["not a valid integer"]}),
        ({"rating": "x"}, {"rating": ["not a valid float"]}),
        ({"in_print": "maybe"}, {"in_print": ["not a valid boolean"]}),
        ({"printed": "garbage"}, {"printed": ["date has wrong format"]}),
        ({"topics": "a,b"}, {"topics": ["not a valid array"]}),
        ({"title": "Engines"}, {"title": [TAKEN]}),
        ({"place": "x", "rating": "y"}, {"place": ["not a valid integer"], "rating": ["not a valid float"]}),
    ],
)
async def test_mistakes_are_said_at_their_fields(client: httpx.AsyncClient, values: Any, errors: Any) -> None:
    answer = await client.patch("/models/books/3/", json=values)

    assert (answer.status_code, answer.json()) == (400, errors)


@pytest.mark.parametrize(
    "values", [{"kind": "poem"}, {"price": "abc"}, {"place": 2**40}, {"title": None}, {"title": "x" * 50}]
)
async def test_what_the_backend_refuses_is_a_general_error(client: httpx.AsyncClient, values: Any) -> None:
    answer = await client.patch("/models/books/3/", json=values)

    assert answer.status_code in (200, 400)  # memory knows no bounds of length and range
    if answer.status_code == 400:
        assert list(answer.json()) == ["non_field_errors"]
        assert "Failing row" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/models/books/", b"{bad", 400),
        ("POST", "/models/books/", b"[1]", 400),
        ("POST", "/models/books/", b'"text"', 400),
        ("POST", "/models/books/", b'{"title": "\\ud800"}', 400),
        ("POST", "/models/books/", b"{" + b" " * 20_000 + b"}", 413),
        ("POST", "/models/books/", b"", 400),
        ("PATCH", "/models/books/9/", b'{"place": 1}', 404),
        ("PATCH", "/models/books/x/", b'{"place": 1}', 400),
        ("PATCH", "/models/loans/1/", b'{"book_id": 3}', 409),
        ("DELETE", "/models/loans/1/", b"", 409),
        ("DELETE", "/models/books/9/", b"", 404),
        ("DELETE", "/models/books/1/?kind=novel", b"", 404),
        ("DELETE", "/models/books/3/?_relation=author_id.authors.id|id.3", b"", 400),
        ("PATCH", "/models/books/1/?kind=novel", b'{"place": 1}', 404),
        ("PUT", "/models/books/", b"{}", 404),
    ],
)
async def test_bad_requests_change_nothing(
    client: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    before = (await client.get("/models/books/?_no_pagination=1")).json()

    answer = await client.request(method, path, content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status, answer.text
    assert (await client.get("/models/books/?_no_pagination=1")).json() == before


async def test_a_whole_record_names_what_is_required(client: httpx.AsyncClient) -> None:
    refused = await client.put("/models/books/3/", json={"place": 1})
    taken = await client.put("/models/books/3/", json={"title": "Other", "place": 9})

    assert (refused.status_code, refused.json()) == (400, {"title": ["this field is required"]})
    assert (taken.json()["title"], taken.json()["place"], taken.json()["author_id"]) == ("Other", 9, 2)


async def test_nothing_to_change_is_no_mistake(client: httpx.AsyncClient) -> None:
    assert (await client.patch("/models/books/3/", json={"nosuch": 1})).json() == await book(client, 3)


async def test_a_deleted_record_is_gone(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/models/books/3/")

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get("/models/books/3/")).status_code == 404


async def test_many_records_are_added_each_for_itself(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/models/books/bulk_create/", json=[{"title": "A"}, {"title": "Waves"}, {"place": 1}, 7, {"title": "B"}]
    )

    assert answer.json() == [
        {"success": True},
        {"success": False, "errors": {"title": [TAKEN]}},
        {"success": False, "errors": {"title": ["this field is required"]}},
        {"success": False, "errors": {"non_field_errors": ["the record must be an object"]}},
        {"success": True},
    ]
    assert (await client.post("/models/books/bulk_create/", json={})).json() == {
        "error": "Request body should be an array"
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", [READER, CLERK, {}])
async def test_nobody_writes_without_the_right(app: JetApp, headers: dict[str, str], method: str) -> None:
    path = "/models/books/" if method == "POST" else "/models/books/1/"
    async with client_of(app, headers) as client:
        assert (await client.request(method, path, json=NEW)).status_code == 403
        overridden = await client.post(path, json=NEW, headers={"x-http-method-override": method})
        assert overridden.status_code == 403
        assert (await client.post("/models/books/bulk_create/", json=[NEW])).status_code == 403


async def test_a_method_can_be_named_in_a_header(client: httpx.AsyncClient) -> None:
    answer = await client.post("/models/books/3/", json={"place": 5}, headers={"x-http-method-override": "patch"})

    assert answer.json()["place"] == 5
