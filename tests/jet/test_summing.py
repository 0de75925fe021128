"""Aggregates and groups, and numbers that say in which order records stand."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from bridge_core.query import Unit
from bridge_core.relating.spans import begun

pytestmark = pytest.mark.anyio
MOMENT = datetime(2024, 5, 16, 13, 45, 59, 123_456)  # noqa: DTZ001 - a Thursday, without a zone


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("_y_func=count", 4),
        ("_y_func=COUNT&kind=novel", 2),
        ("_y_func=count&_y_column=price", 3),
        ("_y_func=count&_search=eng", 1),
        ("_y_func=count&_relation=author_id.authors.id|name.Ada", 2),
        ("_y_func=sum&_y_column=place", 10),
        ("_y_func=sum&_y_column=price", "117.49"),
        ("_y_func=max&_y_column=rating", 4.0),
        ("_y_func=min&_y_column=printed", "2024-01-31T23:30:00+00:00"),
        ("_y_func=min&_y_column=title", "Ends"),
        ("_y_func=sum&_y_column=price&id=9", "0"),
        ("_y_func=sum&_y_column=place&id=9", 0),
        ("_y_func=count&id=9", 0),
        ("_y_func=max&_y_column=place&id=9", None),
    ],
)
async def test_an_aggregate_is_one_number(client: httpx.AsyncClient, query: str, value: object) -> None:
    answer = await client.get(f"/models/books/aggregate/?{query}")

    assert (answer.status_code, answer.json()) == (200, {"y_func": value})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("aggregate/", {"error": "Missing argument _y_func", "error_code": "invalid"}),
        ("group/?_x_column=kind", {"error": "Missing argument _y_func", "error_code": "invalid"}),
        (
            "aggregate/?_y_func=median",
            {"non_field_errors": ["unknown function: median (count, sum, min, max, avg)"]},
        ),
        (
            "aggregate/?_y_func=sum&_y_column=nosuch",
            {"non_field_errors": ['Table "books" does not have column "nosuch"']},
        ),
        (
            "group/?_y_func=count&_x_column=title&_x_lookup=date_day",
            {"non_field_errors": ["Can't apply date functions to non-date field: title"]},
        ),
        (
            "group/?_y_func=count&_x_column=printed&_x_lookup=date_era",
            {"non_field_errors": ["unknown lookup: date_era"]},
        ),
    ],
)
async def test_what_cannot_be_computed_is_said(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.get(f"/models/books/{path}")

    assert (answer.status_code, answer.json()) == (400, body)


async def test_a_sum_of_texts_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models/books/aggregate/?_y_func=sum&_y_column=title")

    assert answer.status_code == 400
    assert list(answer.json()) == ["non_field_errors"]


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ("", [{"y_func": 4}]),
        ("_x_column=author_id", [{"group": 1, "y_func": 2}, {"group": 2, "y_func": 1}, {"group": 3, "y_func": 1}]),
        ("_x_column=kind&kind=novel", [{"group": "novel", "y_func": 2}]),
        (
            "_x_column=kind&_x_column=in_print&in_print__in=true,false",
            [
                {"group": "novel", "group_2": True, "y_func": 1},
                {"group": "essay", "group_2": False, "y_func": 1},
                {"group": "essay", "group_2": True, "y_func": 1},
            ],
        ),
        (
            "_x_column=printed&_x_lookup=date_month&printed__isnull=false",
            [
                {"group": "2024-01-01T00:00:00Z", "y_func": 1},
                {"group": "2024-02-01T00:00:00Z", "y_func": 1},
                {"group": "2024-05-01T00:00:00Z", "y_func": 1},
            ],
        ),
        (
            "_x_column=printed&_x_lookup=date_month&printed__lt=2024-03-01&tz=%2B01:00",
            [{"group": "2024-02-01T00:00:00+01:00", "y_func": 2}],
        ),
        ("_x_column=sold&_x_lookup=auto&id=1", [{"group": "2024-01-31T00:00:00", "y_func": 1}]),
        ("_x_column=author_id&_per_page=1", [{"group": 1, "y_func": 2}]),
    ],
)
async def test_groups_stand_in_their_order(client: httpx.AsyncClient, query: str, groups: Any) -> None:
    answer = await client.get(f"/models/books/group/?_y_func=count&{query}")

    assert answer.json() == groups


@pytest.mark.parametrize(
    ("unit", "beginning"),
    [
        (Unit.MICROSECOND, MOMENT),
        (Unit.MILLISECOND, MOMENT.replace(microsecond=123_000)),
        (Unit.SECOND, MOMENT.replace(microsecond=0)),
        (Unit.MINUTE, datetime(2024, 5, 16, 13, 45)),  # noqa: DTZ001
        (Unit.HOUR, datetime(2024, 5, 16, 13)),  # noqa: DTZ001
        (Unit.DAY, datetime(2024, 5, 16)),  # noqa: DTZ001
        (Unit.WEEK, datetime(2024, 5, 13)),  # noqa: DTZ001
        (Unit.MONTH, datetime(2024, 5, 1)),  # noqa: DTZ001
        (Unit.QUARTER, datetime(2024, 4, 1)),  # noqa: DTZ001
        (Unit.YEAR, datetime(2024, 1, 1)),  # noqa: DTZ001
    ],
)
def test_a_moment_stands_for_the_beginning_of_its_span(unit: Unit, beginning: datetime) -> None:
    zone = timezone(timedelta(hours=2))

    assert begun(MOMENT, unit, zone) == beginning
    assert begun(MOMENT.replace(tzinfo=zone), unit, zone) == beginning.replace(tzinfo=zone)
    assert begun(date(2024, 5, 16), Unit.QUARTER, zone) == date(2024, 4, 1)


async def order(client: httpx.AsyncClient) -> list[tuple[int, int]]:
    records = (await client.get("/models/books/?_order_by=place")).json()["results"]
    return [(record["id"], record["place"]) for record in records]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"forward": True, "segment_from": 2, "segment_to": 4, "item": 1}, [(2, 1), (3, 2), (4, 3), (1, 4)]),
        ({"forward": False, "segment_from": 1, "segment_to": 1, "item": 4}, [(4, 1), (1, 2), (2, 2), (3, 3)]),
        (
            {"forward": False, "segment_from": 1, "segment_to": 3, "item": 4, "segment_by_ordering_field": True},
            [(1, 2), (2, 3), (4, 3), (3, 4)],
        ),
    ],
)
async def test_a_record_takes_the_place_of_another(client: httpx.AsyncClient, body: Any, places: Any) -> None:
    answer = await client.post("/models/books/reorder/", json={"ordering_field": "place", **body})

    assert answer.status_code == 200, answer.text
    assert sorted(await order(client)) == sorted(places)


async def test_records_are_numbered_anew(client: httpx.AsyncClient) -> None:
    await client.post("/models/books/reset_order/", json={"ordering_field": "place", "ordering": "title"})
    by_title = await order(client)
    by_author = {"ordering_field": "place", "ordering": "-id", "value_ordering": "author_id-3,1"}
    answer = await client.post("/models/books/reset_order/", json=by_author)

    assert by_title == [(4, 1), (1, 2), (2, 3), (3, 4)]
    assert answer.json() == by_author
    assert await order(client) == [(4, 1), (2, 2), (1, 3), (3, 4)]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("reorder", {}, 400),
        ("reorder", {"ordering_field": "title", "forward": True, "segment_from": 1, "segment_to": 2, "item": 3}, 400),
        ("reorder", {"ordering_field": "place", "forward": True, "segment_from": 1, "segment_to": 2, "item": 99}, 404),
        ("reorder", {"ordering_field": "place", "forward": True, "segment_from": [], "segment_to": 2, "item": 3}, 400),
        ("reset_order", {}, 400),
        ("reset_order", {"ordering_field": "place", "ordering": "nosuch"}, 400),
        ("reset_order", {"ordering_field": "place", "value_ordering": "x"}, 400),
    ],
)
async def test_an_order_that_cannot_be_is_refused(client: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    before = await order(client)

    assert (await client.post(f"/models/books/{path}/", json=body)).status_code == status
    assert await order(client) == before
