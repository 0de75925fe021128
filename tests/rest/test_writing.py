"""POST, PATCH, PUT and DELETE: what reaches the resource, and what is answered."""

import httpx
import pytest

from bridge_core.errors import Outcome, UpstreamFailed
from bridge_core.operations import Affected, Create, Delete, Missing, Resolution, Update, Upsert
from tests.rest.conftest import MakeApp, client_of
from tests.rest.shelf import Shelf

pytestmark = pytest.mark.anyio

RECORDS = "return=representation"
OBJECT = "application/vnd.pgrst.object+json"
CSV = {"content-type": "text/csv"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_a_post_is_answered_with_nothing_unless_more_is_asked_for(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    answer = await client.post("/books", json={"id": 9, "title": "New"})

    assert answer.status_code == 201
    assert answer.content == b""
    assert answer.headers["content-length"] == "0"
    assert answer.headers["content-range"] == "*/*"
    assert "content-type" not in answer.headers
    assert "location" not in answer.headers
    assert shelf.content["books"][-1]["title"] == "New"


async def test_a_post_returns_the_new_records(client: httpx.AsyncClient) -> None:
    body = [{"title": "A"}, {"title": "B"}]
    answer = await client.post("/books?select=id,title&order=title.desc", json=body, headers={"prefer": RECORDS})

    assert answer.status_code == 201
    assert answer.json() == [{"id": 5, "title": "B"}, {"id": 4, "title": "A"}]
    assert answer.headers["preference-applied"] == RECORDS
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_post_says_where_the_one_new_record_is(client: httpx.AsyncClient) -> None:
    answer = await client.post("/books", json={"title": "A"}, headers={"prefer": "return=headers-only"})

    assert answer.status_code == 201
    assert answer.headers["location"] == "/books?id=eq.4"
    assert answer.content == b""


async def test_a_post_of_two_says_of_none_where_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/books", json=[{"title": "A"}, {"title": "B"}], headers={"prefer": "return=headers-only"}
    )

    assert "location" not in answer.headers


async def test_columns_choose_what_is_taken_of_uneven_records(client: httpx.AsyncClient, shelf: Shelf) -> None:
    body = [{"title": "A", "kind": "essay", "what": 1}, {"title": "B"}]
    headers = {"prefer": f"missing=default,{RECORDS}"}
    answer = await client.post('/books?columns="title","kind"&select=kind', json=body, headers=headers)

    assert answer.json() == [{"kind": "essay"}, {"kind": "novel"}]
    assert answer.headers["preference-applied"] == f"missing=default, {RECORDS}"
    operation = shelf.asked[-1]
    assert isinstance(operation, Create)
    assert operation.columns == ("title", "kind")
    assert operation.missing is Missing.DEFAULT


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"}{ x = 2", {}, 400),
        (b'{"title": NaN}', {}, 400),
        (b'{"title": "\\ud800"}', {}, 400),
        (b'{"title": "\xff"}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"data":' * 10_000 + b"1" + b"}" * 10_000, {}, 400),
        (b'[{"title":"a"},{"id":1}]', {}, 400),
        (b'[{"title":"a"},1]', {}, 400),
        (b"title\nx,y\n", CSV, 400),
        (b"title,title\nx,y\n", CSV, 400),
        (b'title\n"x\n', CSV, 400),
        (b"", CSV, 400),
        (b"\xff", CSV, 400),
        (b"title=a&title=b", FORM, 400),
        (b"title=%ff", FORM, 400),
        (b"{}", {"content-type": "text/plain"}, 400),
        (b"{}", {"content-type": "application/octet-stream"}, 400),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b'{"nothing": 1}', {}, 400),
        (b'{"size": 1}', {}, 400),
        (b'{"kind": "poem", "title": "a"}', {}, 400),
        (b'{"id": "x", "title": "a"}', {}, 400),
    ],
)
async def test_a_body_that_cannot_be_written_is_refused_and_nothing_is_written(
    client: httpx.AsyncClient, shelf: Shelf, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await client.post("/books", content=body, headers=headers)

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "message", "details", "hint"}
    assert answer.headers["bridge-outcome"] == "not_applied"
    assert len(shelf.content["books"]) == 3


@pytest.mark.parametrize(("body", "rows"), [("[]", 0), ("1", 0), ('"x"', 0), ("null", 0)])
async def test_a_post_without_records_writes_nothing(
    client: httpx.AsyncClient, shelf: Shelf, body: str, rows: int
) -> None:
    answer = await client.post("/books", content=body, headers={"prefer": RECORDS})

    assert answer.status_code == 201
    assert len(answer.json()) == rows
    assert not shelf.operations


async def test_an_empty_object_is_a_record_of_defaults(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.post("/loans", content="[{},{}]")

    operation = shelf.asked[-1]
    assert isinstance(operation, Create)
    assert (len(operation.records), operation.columns) == (2, ())


async def test_csv_and_forms_are_records_of_text(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.post("/books", content=b'\xef\xbb\xbfid,title,price\r\n7,"a,b",NULL\r\n8,c,1.5\r\n', headers=CSV)
    await client.post("/books", content=b"id=9&title=a+%C3%BC&", headers=FORM)

    assert [(each["id"], each["title"], each["price"]) for each in shelf.content["books"][3:]] == [
        (7, "a,b", None),
        (8, "c", pytest.approx(1.5)),
        (9, "a ü", None),
    ]


@pytest.mark.parametrize(
    ("query", "prefer", "body", "status", "ids"),
    [
        ("", "merge-duplicates", [{"id": 1, "title": "X"}, {"id": 7, "title": "Y"}], 201, [1, 7]),
        ("", "merge-duplicates", [{"id": 1, "title": "X"}], 200, [1]),
        ("", "ignore-duplicates", [{"id": 1, "title": "X"}, {"id": 7, "title": "Y"}], 201, [7]),
        ("on_conflict=title&", "ignore-duplicates", [{"id": 7, "title": "Stoner"}], 201, []),
    ],
)
async def test_an_upsert_says_by_its_status_whether_anything_is_new(
    client: httpx.AsyncClient, query: str, prefer: str, body: list[dict[str, object]], status: int, ids: list[int]
) -> None:
    headers = {"prefer": f"resolution={prefer},{RECORDS}"}
    answer = await client.post(f"/books?{query}select=id", json=body, headers=headers)

    assert answer.status_code == status
    assert [record["id"] for record in answer.json()] == ids
    assert answer.headers["preference-applied"] == f"resolution={prefer}, {RECORDS}"


async def test_a_model_without_a_key_has_no_duplicates(client: httpx.AsyncClient, shelf: Shelf) -> None:
    answer = await client.post("/loans", json={"book": 1}, headers={"prefer": "resolution=merge-duplicates"})

    assert answer.status_code == 201
    assert "preference-applied" not in answer.headers
    operation = shelf.asked[-1]
    assert isinstance(operation, Create)
    assert operation.upsert is None


async def test_a_conflict_names_the_constraint(client: httpx.AsyncClient) -> None:
    answer = await client.post("/books", json={"id": 1, "title": "X"})

    assert answer.status_code == 409
    assert answer.json()["code"] == "23505"
    assert "books_id_key" in answer.json()["message"]


@pytest.mark.parametrize(
    ("prefer", "status", "content_range"), [("", 204, "0-1/*"), (f"{RECORDS},count=exact", 200, "0-1/2")]
)
async def test_a_patch_changes_what_matches(
    client: httpx.AsyncClient, shelf: Shelf, prefer: str, status: int, content_range: str
) -> None:
    answer = await client.patch(
        "/books?kind=eq.novel&select=id,author&order=id", json={"author": 8}, headers={"prefer": prefer}
    )

    assert answer.status_code == status
    assert answer.headers["content-range"] == content_range
    assert [each["author"] for each in shelf.content["books"]] == [8, None, 8]
    if status == 204:
        assert "content-length" not in answer.headers
        assert "content-type" not in answer.headers
    else:
        assert answer.json() == [{"id": 1, "author": 8}, {"id": 3, "author": 8}]


async def test_a_patch_takes_the_first_object_alone(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.patch("/books?id=eq.1", json=[{"author": 8}, {"title": "no"}])

    operation = shelf.asked[-1]
    assert isinstance(operation, Update)
    assert dict(operation.values) == {"author": 8}


async def test_a_patch_can_set_defaults_and_nulls_by_columns(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.patch("/books?id=eq.1&columns=kind,author", json={"title": "x"}, headers={"prefer": "missing=default"})
    await client.patch("/books?id=eq.1&columns=author", json={"title": "x"})

    first, second = shelf.asked
    assert isinstance(first, Update)
    assert isinstance(second, Update)
    assert (dict(first.values), first.defaults) == ({}, ("kind", "author"))
    assert (dict(second.values), second.defaults) == ({"author": None}, ())


@pytest.mark.parametrize("body", ["{}", "[]", "[{}]"])
async def test_a_patch_without_values_changes_nothing(client: httpx.AsyncClient, shelf: Shelf, body: str) -> None:
    plain = await client.patch("/books", content=body)
    returned = await client.patch("/books", content=body, headers={"prefer": RECORDS})

    assert (plain.status_code, plain.headers["content-range"]) == (204, "*/*")
    assert (returned.status_code, returned.content) == (200, b"[]")
    assert not shelf.operations


async def test_a_delete_removes_what_matches(client: httpx.AsyncClient, shelf: Shelf) -> None:
    answer = await client.request("DELETE", "/books?id=lt.3", json={}, headers={"prefer": "count=exact"})

    assert (answer.status_code, answer.headers["content-range"]) == (204, "*/2")
    assert [each["id"] for each in shelf.content["books"]] == [3]


async def test_a_delete_returns_what_it_removed(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/books?id=eq.2&select=id", headers={"prefer": RECORDS, "accept": OBJECT})

    assert (answer.status_code, answer.json(), answer.headers["content-range"]) == (200, {"id": 2}, "*/*")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_window_does_not_pretend_to_restrict_a_write(
    client: httpx.AsyncClient, shelf: Shelf, method: str
) -> None:
    answer = await client.request(method, "/books?limit=1", json={"author": 1})

    assert answer.status_code == 400
    assert not shelf.operations


@pytest.mark.parametrize(("query", "rows"), [("id=gt.1", 2), ("id=eq.0", 0)])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_write_for_one_object_touches_one_or_none(
    client: httpx.AsyncClient, shelf: Shelf, method: str, query: str, rows: int
) -> None:
    before = list(shelf.content["books"])
    answer = await client.request(method, f"/books?{query}", json={"author": 5}, headers={"accept": OBJECT})

    assert answer.status_code == 406
    assert (answer.json()["code"], answer.json()["details"]) == ("PGRST116", f"The result contains {rows} rows")
    assert shelf.content["books"] == before


async def test_a_post_for_one_object_wants_one_record(client: httpx.AsyncClient, shelf: Shelf) -> None:
    headers = {"accept": OBJECT, "prefer": RECORDS}
    one = await client.post("/books?select=title", json=[{"title": "A"}], headers=headers)
    two = await client.post("/books", json=[{"title": "B"}, {"title": "C"}], headers=headers)
    none = await client.post("/books", json=[], headers=headers)

    assert (one.status_code, one.json()) == (201, {"title": "A"})
    assert (two.status_code, none.status_code) == (406, 406)
    assert len(shelf.content["books"]) == 4


@pytest.mark.parametrize(
    ("prefer", "status", "applied"),
    [
        ("handling=strict, max-affected=1", 400, None),
        ("handling=strict, max-affected=2", 204, "handling=strict, max-affected=2"),
        ("handling=lenient, max-affected=1", 204, "handling=lenient"),
        ("max-affected=1", 204, None),
    ],
)
async def test_a_write_may_touch_so_many_records_where_the_caller_is_strict(
    client: httpx.AsyncClient, shelf: Shelf, prefer: str, status: int, applied: str | None
) -> None:
    answer = await client.delete("/books?id=gt.1", headers={"prefer": prefer})

    assert answer.status_code == status
    assert answer.headers.get("preference-applied") == applied
    assert len(shelf.content["books"]) == (3 if status == 400 else 1)
    if status == 400:
        assert answer.json()["code"] == "PGRST124"


@pytest.mark.parametrize(
    ("query", "body", "prefer", "status"),
    [
        ("id=eq.1", {"id": 1, "title": "X"}, "", 204),
        ("id=eq.1", [{"id": 1, "title": "X"}, {"id": 5, "title": "Y"}], RECORDS, 200),
        ("id=eq.7", {"id": 7, "title": "X"}, RECORDS, 201),
        ("id=eq.7", {"id": 7, "title": "X"}, "", 204),
    ],
)
async def test_a_put_is_an_upsert_by_key(
    client: httpx.AsyncClient, shelf: Shelf, query: str, body: object, prefer: str, status: int
) -> None:
    answer = await client.put(f"/books?{query}", json=body, headers={"prefer": prefer})

    assert answer.status_code == status
    operation = shelf.asked[-1]
    assert isinstance(operation, Create)
    assert operation.upsert == Upsert(Resolution.MERGE, ("id",))
    assert len(operation.records) == 1


@pytest.mark.parametrize(
    ("model", "query", "body", "status", "code"),
    [
        ("books", "id=eq.1&limit=1", {"id": 1}, 400, "PGRST114"),
        ("books", "id=eq.1&offset=1", {"id": 1}, 400, "PGRST114"),
        ("books", "", {"id": 1}, 405, "PGRST105"),
        ("books", "title=eq.x", {"id": 1}, 405, "PGRST105"),
        ("books", "id=eq.1&title=eq.x", {"id": 1}, 405, "PGRST105"),
        ("books", "id=gt.1", {"id": 1}, 405, "PGRST105"),
        ("books", "id=not.eq.1", {"id": 1}, 405, "PGRST105"),
        ("books", "id=in.(1)", {"id": 1}, 405, "PGRST105"),
        ("books", "and=(id.eq.1)", {"id": 1}, 405, "PGRST105"),
        ("books", "id=eq.1&id=eq.1", {"id": 1}, 405, "PGRST105"),
        ("loans", "book=eq.1", {"book": 1}, 405, "PGRST105"),
        ("books", "id=eq.1", {"id": 2, "title": "x"}, 400, "PGRST115"),
        ("books", "id=eq.1", {"title": "x"}, 400, "PGRST115"),
        ("books", "id=eq.1", [], 400, "PGRST115"),
        ("books", "id=eq.x", {"id": True}, 400, "PGRST115"),
    ],
)
async def test_a_put_that_is_not_one_whole_record_is_refused(
    client: httpx.AsyncClient, shelf: Shelf, model: str, query: str, body: object, status: int, code: str
) -> None:
    answer = await client.put(f"/{model}?{query}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not shelf.operations


async def test_a_dry_run_is_undone_where_the_server_allows_it(
    make_app: MakeApp, client: httpx.AsyncClient, shelf: Shelf
) -> None:
    undone = await client.delete("/books", headers={"prefer": "tx=rollback"})
    assert undone.headers["preference-applied"] == "tx=rollback"
    assert len(shelf.content["books"]) == 3

    async with client_of(await make_app()) as other:
        done = await other.delete("/books", headers={"prefer": "tx=rollback"})
    assert "preference-applied" not in done.headers
    assert not shelf.content["books"]


async def test_an_idempotency_key_reaches_the_operation(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.post("/books", json={"title": "A"}, headers={"idempotency-key": "k-1"})

    operation = shelf.asked[-1]
    assert isinstance(operation, Create)
    assert operation.options.key == "k-1"


@pytest.mark.parametrize("key", ["", "x" * 256, "ü"])
async def test_an_idempotency_key_is_short_and_plain(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/books", json={"title": "A"}, headers=[(b"idempotency-key", key.encode())])

    assert answer.status_code == 400


async def test_a_version_is_not_ignored_where_records_have_none(client: httpx.AsyncClient, shelf: Shelf) -> None:
    answer = await client.patch("/books?id=eq.1", json={"author": 2}, headers={"if-match": '"abc"'})

    assert answer.status_code == 422
    assert not shelf.operations


async def test_a_write_whose_end_nobody_knows_says_so(client: httpx.AsyncClient, shelf: Shelf) -> None:
    shelf.failure = UpstreamFailed("the connection was lost", outcome=Outcome.UNKNOWN)
    answer = await client.post("/books", json={"title": "A"})

    assert answer.status_code == 502
    assert answer.headers["bridge-outcome"] == "unknown"
    assert "unknown" in answer.json()["details"]


async def test_what_a_write_asks_for_is_in_the_operation(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.delete("/books?id=eq.1", headers={"accept": OBJECT, "prefer": "timezone=Asia/Tokyo,max-scan=3"})

    operation = shelf.asked[-1]
    assert isinstance(operation, Delete)
    assert operation.options.affected == Affected(1, 1, singular=True)
    assert (operation.options.timezone, operation.options.max_scan) == ("Asia/Tokyo", 3)
