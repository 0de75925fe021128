"""GET and HEAD: what is answered, and in which form."""

from decimal import Decimal

import httpx
import msgspec
import pytest

from bridge_core.operations import Read
from bridge_core.query import Column, Condition, Op, Path, Slice
from bridge_core.surfaces.rest import RestSettings
from tests.rest.conftest import MakeApp, client_of
from tests.rest.shelf import Shelf

pytestmark = pytest.mark.anyio


async def test_a_read_is_one_operation_with_values_as_they_were_written(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    answer = await client.get("/books?select=id,n:title,data->>pages::int&id=eq.1&order=title.desc&limit=5&offset=0")

    assert answer.json() == [{"id": 1, "n": "Stoner", "pages": 288}]
    operation = shelf.asked[-1]
    assert isinstance(operation, Read)
    assert operation.where == Condition(Path("id"), Op.EQ, "1")
    assert operation.window == Slice(0, 5)
    assert operation.select[1] == Column(Path("title"), "n")
    assert operation.encoded


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [1, 2, 3]),
        ("id=gt.1", [2, 3]),
        ("id=gt.1&id=lt.3", [2]),
        ("or=(id.eq.1,price.is.null)", [1, 2]),
        ("not.or=(id.eq.1,price.is.null)", [3]),
        ("title=ilike.%25STO*", [1]),
        ("title=like.The+*", [2]),
        ("title[0]=ilike.*t*&title[1]=ilike.*r*", [1, 2]),
        ("data->pages=eq.288", [1]),
        ("id=in.(1,3)&ignored", [1, 3]),
        ("id=eq(any).{1,2}", [1, 2]),
        ('"title"=eq.Stoner', [1]),
    ],
)
async def test_filters_choose_records(client: httpx.AsyncClient, query: str, ids: list[int]) -> None:
    answer = await client.get(f"/books?{query}&select=id&order=id" if query else "/books?select=id&order=id")

    assert [record["id"] for record in answer.json()] == ids


async def test_the_headers_of_a_read_tell_what_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/books?order=id&id=gt.1", headers={"prefer": "count=exact"})

    assert dict(answer.headers) == {
        "content-type": "application/json; charset=utf-8",
        "content-range": "0-1/2",
        "content-location": "/books?id=gt.1&order=id",
        "preference-applied": "count=exact",
        "vary": "Accept, Prefer, Range",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-store",
        "content-length": str(len(answer.content)),
    }


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    got = await client.get("/books?limit=2", headers={"prefer": "count=exact"})
    headed = await client.head("/books?limit=2", headers={"prefer": "count=exact"})

    assert headed.status_code == got.status_code == 206
    assert headed.content == b""
    got.headers.pop("content-length")
    assert headed.headers == got.headers


@pytest.mark.parametrize(
    ("query", "headers", "status", "content_range"),
    [
        ("", {}, 200, "0-2/*"),
        ("", {"prefer": "count=exact"}, 200, "0-2/3"),
        ("limit=2", {"prefer": "count=exact"}, 206, "0-1/3"),
        ("limit=2&offset=2", {"prefer": "count=exact"}, 206, "2-2/3"),
        ("offset=3", {"prefer": "count=exact"}, 206, "*/3"),
        ("offset=4", {"prefer": "count=exact"}, 416, "*/3"),
        ("offset=4", {}, 200, "*/*"),
        ("limit=0", {}, 200, "*/*"),
        ("offset=-4", {}, 200, "0-2/*"),
        ("", {"range": "0-1"}, 200, "0-1/*"),
        ("", {"range-unit": "items", "range": "1-"}, 200, "1-2/*"),
        ("limit=3", {"range": "0-1"}, 200, "0-1/*"),
        ("limit=1&offset=1", {"range": "0-9"}, 200, "1-1/*"),
        ("", {"range": "bytes=0-1"}, 200, "0-2/*"),
        ("", {"range": "1-0"}, 416, None),
        ("limit=1", {"range": "5-9"}, 416, None),
        ("limit=-1", {}, 416, None),
        ("limit=99999999999999999999999&offset=0", {}, 200, "0-2/*"),
        ("offset=99999999999999999999999", {}, 200, "*/*"),
    ],
)
async def test_a_window_is_answered_with_its_place(
    client: httpx.AsyncClient, query: str, headers: dict[str, str], status: int, content_range: str | None
) -> None:
    answer = await client.get(f"/books?{query}", headers=headers)

    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    if status == 416:
        assert answer.json()["code"] == "PGRST103"


async def test_a_range_header_counts_for_get_alone(client: httpx.AsyncClient) -> None:
    answer = await client.head("/books", headers={"range": "0-0"})

    assert answer.headers["content-range"] == "0-2/*"


async def test_the_server_caps_the_records_of_a_read(make_app: MakeApp) -> None:
    async with client_of(await make_app(RestSettings(max_rows=2))) as client:
        assert len((await client.get("/books")).json()) == 2
        assert len((await client.get("/books?limit=1")).json()) == 1


async def test_records_and_encoded_pages_look_the_same(client: httpx.AsyncClient, shelf: Shelf) -> None:
    encoded = await client.get("/books?order=id")
    shelf.as_records = True
    records = await client.get("/books?order=id")

    assert encoded.content == records.content
    assert b"1100.000000" in records.content


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/vnd.pgrst.object+json", "application/vnd.pgrst.object+json; charset=utf-8"),
        ("application/vnd.pgrst.object", "application/vnd.pgrst.object+json; charset=utf-8"),
        (
            "application/vnd.pgrst.object+json;nulls=stripped",
            "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8",
        ),
    ],
)
async def test_one_object_is_answered_where_one_is_asked_for(
    client: httpx.AsyncClient, accept: str, content_type: str
) -> None:
    answer = await client.get("/books?id=eq.2", headers={"accept": accept})

    assert answer.headers["content-type"] == content_type
    assert answer.json()["id"] == 2
    assert ("price" in answer.json()) is ("stripped" not in accept)


@pytest.mark.parametrize(("query", "rows"), [("id=eq.0", 0), ("id=gt.1", 2), ("", 3)])
async def test_not_exactly_one_record_is_no_object(client: httpx.AsyncClient, query: str, rows: int) -> None:
    answer = await client.get(f"/books?{query}", headers={"accept": "application/vnd.pgrst.object+json"})

    assert answer.status_code == 406
    assert answer.json() == {
        "code": "PGRST116",
        "message": "Cannot coerce the result to a single JSON object",
        "details": f"The result contains {rows} rows",
        "hint": None,
    }


async def test_stripped_nulls_leave_numbers_their_scale(client: httpx.AsyncClient) -> None:
    answer = await client.get("/books?order=id", headers={"accept": "application/vnd.pgrst.array+json;nulls=stripped"})

    assert msgspec.json.Decoder(float_hook=Decimal).decode(answer.content) == [
        {"id": 1, "title": "Stoner", "price": Decimal("9.90"), "kind": "novel", "data": {"pages": 288}, "author": 1},
        {"id": 2, "title": 'The "Ü", or', "kind": "essay", "data": {}},
        {"id": 3, "title": "", "price": Decimal("1100.000000"), "kind": "novel", "author": 1},
    ]
    assert b"1100.000000" in answer.content


async def test_csv_quotes_what_needs_it_and_tells_null_from_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/books?select=id,title,price,data&order=id", headers={"accept": "text/csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text == (
        'id,title,price,data\n1,Stoner,9.90,"{""pages"":288}"\n2,"The ""Ü"", or",,"{""pages"":null}"\n3,"",1100.000000,'
    )


async def test_csv_without_records_still_names_its_columns(client: httpx.AsyncClient) -> None:
    answer = await client.get("/books?id=eq.0&select=id,t:title", headers={"accept": "text/csv"})

    assert answer.text == "id,t"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json; charset=utf-8"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json; charset=utf-8"),
        ("text/csv;q=0.1, application/json", "application/json; charset=utf-8"),
        ("text/csv; version=1", "text/csv; charset=utf-8"),
        ("application/vnd.pgrst.array+json", "application/json; charset=utf-8"),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
        ),
    ],
)
async def test_the_form_is_negotiated(client: httpx.AsyncClient, accept: str, content_type: str) -> None:
    answer = await client.get("/books", headers={"accept": accept})

    assert answer.headers["content-type"] == content_type


@pytest.mark.parametrize("accept", ["text/unknowntype", "application/json;q=0", "application/geo+json", "", "a/b;q=x"])
async def test_a_form_that_is_not_there_is_not_acceptable(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.get("/books", headers={"accept": accept})

    assert answer.status_code == 406
    assert answer.json()["code"] == "PGRST107"


async def test_a_star_among_other_columns_is_every_readable_field(client: httpx.AsyncClient) -> None:
    answer = await client.get("/loans?select=b:book,*")

    assert answer.json() == [{"b": 1, "book": 1, "Week Day": "Monday", "token": "abc"}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select=id,authors(*)", "PGRST200"),
        ("select=id,...authors!inner(name)", "PGRST200"),
        ("select=count()", "PGRST123"),
        ("select=kind,price.sum()", "PGRST123"),
        ("authors.name=eq.x", "PGRST108"),
        ("authors.limit=1", "PGRST108"),
        ("order=authors(name)", "PGRST108"),
    ],
)
async def test_what_comes_in_a_later_version_is_refused_by_its_own_code(
    client: httpx.AsyncClient, query: str, code: str
) -> None:
    answer = await client.get(f"/books?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == code


async def test_preferences_are_repeated_in_a_fixed_order_where_they_were_honoured(client: httpx.AsyncClient) -> None:
    prefer = "timezone=UTC,return=representation, handling=lenient, max-scan=5, count=exact, what"
    answer = await client.get("/books", headers={"prefer": prefer})

    assert answer.headers["preference-applied"] == "count=exact, handling=lenient, timezone=UTC, max-scan=5"


async def test_strict_handling_lists_what_nobody_knows(client: httpx.AsyncClient) -> None:
    headers = [("prefer", "handling=strict"), ("prefer", "something, else,count=none")]
    answer = await client.get("/books", headers=headers)

    assert answer.status_code == 400
    assert answer.json()["code"] == "PGRST122"
    assert answer.json()["details"] == "Invalid preferences: something, else, count=none"


async def test_how_far_the_core_may_scan_reaches_the_operation(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await client.get("/books", headers={"prefer": "max-scan=77"})

    operation = shelf.asked[-1]
    assert isinstance(operation, Read)
    assert operation.max_scan == 77
