"""Lists, records and siblings: the grammar of the parameters, and the forms of values."""

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def ids(client: httpx.AsyncClient, query: str, model: str = "books") -> list[int]:
    answer = await client.get(f"/models/{model}/?{query}")
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()["results"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 3, 2, 1]),
        ("id=3", [3]),
        ("id=2.5", []),
        ("id__gt=1.5&id__lt=3.5", [3, 2]),
        ("id__gte=1.5&id__lte=3.5", [3, 2]),
        ("id__in=1,3&id__in=4", [4, 3, 1]),
        ("id__in=", [4, 3, 2, 1]),
        ("id=true", [1]),
        ("price=10.5", [1]),
        ("price__gte=10.5", [4, 1]),
        ("rating__lt=1.5", [3, 1]),
        ("exclude__id__gt=2", [2, 1]),
        ("exclude__rating=0.5", [4, 3]),
        ("title=Waves", [3]),
        ("title__icontains=E", [4, 3, 2, 1]),
        ("title__istartswith=e", [4, 1]),
        ("title__iendswith=S&title__icontains=_a", [3]),
        ("kind=novel", [4, 3]),
        ("kind__icontains=SAY", [2, 1]),
        ("kind__in=novel,essay", [4, 3, 2, 1]),
        ("kind=novel&kind=essay", [4, 3]),
        ("in_print=yes", [4, 1]),
        ("in_print=0", [2]),
        ("in_print__isnull=true", [3]),
        ("in_print__in=true,false", [4, 2, 1]),
        ("topics=steam", [1]),
        ("topics__in=sea,steam", [4, 1]),
        ("topics__json_icontains=STE", [1]),
        ("topics__isempty=1", [3]),
        ("facts=a", [2]),
        ("facts=1", [2]),
        ("facts__json_icontains=PAGES", [4, 1]),
        ("printed__gte=2024-02-01", [4, 2]),
        ("printed__lte=2024-02-01T00:30:00%2B01:00", [1]),
        ("printed__gte=2024-02-01&tz=-01:00", [4]),
        ("sold=2024-01-31T10:00:00", [1]),
        ("sold=2024-01-31T12:00:00%2B02:00", [1]),
        ("printed__gt=May 1, 2024", [4]),
        ("nosuch=1&title__range=1", [4, 3, 2, 1]),
        ("_search=eng", [1]),
        ("_search=3", [3, 4]),
        ("_search=100%25", []),
        ("_search=", [4, 3, 2, 1]),
        ("_order_by=title", [4, 1, 2, 3]),
        ("_order_by=kind,-price", [3, 4, 1, 2]),
        ("_order_by=-rating", [2, 4, 3, 1]),
        ("_relation=author_id.authors.id|name.Ada,Bo", [3, 2, 1]),
        ("_relation=author_id.authors.id|id.3", [4]),
    ],
)
async def test_a_list_holds_what_its_parameters_mean(client: httpx.AsyncClient, query: str, found: list[int]) -> None:
    if query == "_search=3":
        assert set(await ids(client, query)) == {3, 4}  # the number three, and a fact with 300 pages
    else:
        assert await ids(client, query) == found


@pytest.mark.parametrize(("value", "found"), [("books,1", [2, 1]), ("loans,2", [1]), ("books,9", []), ("books", [])])
async def test_m2m_finds_the_records_that_are_linked(client: httpx.AsyncClient, value: str, found: list[int]) -> None:
    assert await ids(client, f"_m2m={value}", "authors") == found


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("id=abc", "not a valid float"),
        ("price__gt=nan", "not a valid float"),
        ("id__in=1,x", "not a valid float"),
        ("printed__gt=rubbish", "date has wrong format"),
        ("printed=2024-13-01", "date has wrong format"),
        ("_order_by=nosuch", 'Table "books" does not have column "nosuch"'),
        ("_relation=nosuch.authors.id|id.1", 'Table "books" does not have column "nosuch"'),
        ("tz=rubbish", "unknown time zone"),
        ("_relation=" + "|".join(["author_id.authors.id"] * 9), "_relation takes at most 8 steps"),
    ],
)
async def test_what_cannot_be_meant_is_said(client: httpx.AsyncClient, query: str, message: str) -> None:
    answer = await client.get(f"/models/books/?{query}")

    assert (answer.status_code, answer.json()) == (400, {"non_field_errors": [message]})


async def test_values_have_the_forms_of_the_protocol(client: httpx.AsyncClient) -> None:
    record = (await client.get("/models/books/2/?tz=%2B05:30")).json()

    assert record == {
        "id": 2, "author_id": 1, "title": "Notes", "kind": "essay", "price": "7.00", "rating": None,
        "in_print": False, "topics": [], "facts": ["a", 1], "printed": "2024-02-01T06:00:00.250000+05:30",
        "sold": None, "place": 2,
    }  # fmt: skip
    record = (await client.get("/models/books/1/")).json()
    assert (record["sold"], record["printed"]) == ("2024-01-31T10:00:00+00:00", "2024-01-31T23:30:00+00:00")


async def test_pages_are_linked_and_counted(client: httpx.AsyncClient) -> None:
    page = (await client.get("/models/books/?_per_page=1&page=3&kind__in=novel,essay")).json()

    spent = {page.pop("data_query_time"), page.pop("count_query_time")}
    assert all(seconds >= 0 for seconds in spent)
    assert page.pop("results")[0]["id"] == 2
    assert page == {
        "count": 4,
        "next": "http://bridge/api/models/books/?_per_page=1&kind__in=novel%2Cessay&page=4",
        "previous": "http://bridge/api/models/books/?_per_page=1&kind__in=novel%2Cessay&page=2",
        "num_pages": 4,
        "per_page": 1,
        "has_more": True,
    }


@pytest.mark.parametrize(
    ("query", "more", "previous"),
    [
        ("_per_page=2&page=2", False, "http://bridge/api/models/books/?_per_page=2"),
        ("_per_page=3&page=9", False, "http://bridge/api/models/books/?_per_page=3&page=8"),
        ("_per_page=0&page=-1", True, None),
        ("_per_page=x&page=y", False, None),
    ],
)
async def test_a_full_last_page_is_the_last(
    client: httpx.AsyncClient, query: str, more: bool, previous: str | None
) -> None:
    page = (await client.get(f"/models/books/?{query}")).json()

    assert (page["has_more"], page["next"] is not None, page["previous"]) == (more, more, previous)


async def test_without_pagination_there_are_only_records(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models/authors/?_no_pagination=1&id__lt=3")

    assert answer.json() == [{"id": 2, "name": "Bo", "born": None}, {"id": 1, "name": "Ada", "born": "1815-12-10"}]


async def test_the_first_field_stands_in_for_a_missing_key(client: httpx.AsyncClient) -> None:
    page = (await client.get("/models/notes/")).json()

    assert [record["word"] for record in page["results"]] == ["b", "a"]
    assert (await client.get("/models/notes/a/")).json() == {"word": "a", "page": 1}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/books/9/", 404),
        ("/models/books/1/?kind=novel", 404),
        ("/models/books/x/", 400),
        ("/models/nosuch/", 404),
        ("/models/library.books/1/", 200),
        ("/models/other.books/1/", 404),
        ("/models/loans/1,2/", 200),
        ("/models/loans/1/", 409),
        ("/models/loans/2/", 200),
        ("/models/books/1", 404),
        ("/models/books/1/nosuch/", 404),
        ("/nothing/", 404),
        ("/sql/", 404),
    ],
)
async def test_a_key_means_one_record(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)

    assert answer.status_code == status
    assert status == 200 or "non_field_errors" in answer.json()


@pytest.mark.parametrize(
    ("path", "siblings"),
    [
        ("2", ({"id": 3}, {"id": 1})),
        ("4", (None, {"id": 3})),
        ("1", ({"id": 2}, None)),
        ("4/?kind=novel", (None, {"id": 3})),
        ("2/?_order_by=-rating", (None, {"id": 4})),
        ("3/?_order_by=rating", ({"id": 1}, {"id": 4})),
        ("2/?_order_by=rating", ({"id": 4}, None)),
        ("1/?_order_by=kind,price", ({"id": 2}, None)),
        ("3/?_order_by=kind,price", ({"id": 4}, {"id": 2})),
    ],
)
async def test_siblings_stand_next_in_the_order(
    client: httpx.AsyncClient, path: str, siblings: tuple[object, object]
) -> None:
    key, _, query = path.partition("/")
    answer = await client.get(f"/models/books/{key}/get_siblings/{query}")

    assert answer.json() == {"prev": siblings[0], "next": siblings[1]}


async def test_a_record_outside_of_the_filter_has_no_siblings(client: httpx.AsyncClient) -> None:
    assert (await client.get("/models/books/1/get_siblings/?kind=novel")).status_code == 404
