"""The adapter keeps what its models declare: with a column that tells rows apart, with two, and without any."""

from collections.abc import Iterator
from datetime import date, datetime, time

import pytest
from bridge_sheets.fake import ID, Server, book, standin
from bridge_sheets.plugin import google_sheets

from bridge_core.testing.conformance import Subject, suite

WORDS = ["ada", "Bob", "çedilla", "50%_off", "日本", "bob", "it's", "=1+1", "007"]
KINDS: list[list[object]] = [
    ["id", "flag", "n", "x", "price", "name", "mood", "day", "hour", "seen", "twice"],
    *(
        list[object]((
            number, number % 3 == 0, number * 7 % 11, number / 8, number / 4,
            WORDS[number % 9] if number % 8 else None, ("sad", "ok", None)[number % 3],
            date(2024, 1, number % 28 + 1), time(10, number % 60),
            datetime.fromisoformat(f"2024-05-01T{number % 24:02}:30"), f"=A{number + 1}*2",
        ))
        for number in range(1, 25)
    ),
    [25],
]  # fmt: skip
PLACES: list[list[object]] = [["country", "city", "people"], ["a", "x", 1], ["a", "Y", 2], ["é", "z", None]]
NOTES: list[list[object]] = [["text", "stars"], ["good", 5], ["good", 5], ["bad", 1], [None, 3], ["007", None]]
MOOD = {"condition": {"type": "ONE_OF_LIST", "values": [{"userEnteredValue": word} for word in ("sad", "ok")]}}
RENAMED = (
    "L4-an-update-changes-these-alone",
    "L4-written-records-are-given-back",
    "L4-a-version-changes-with-its-record",
)
CHANGES_NAME = "a row without a key is named by what stands in it: an update gives it another name"


@pytest.fixture(scope="module")
def google() -> Iterator[Server]:
    with standin({}) as server:
        server.service.books[ID] = kinds = book({"kinds": KINDS, "places": PLACES, "notes": NOTES})
        for row in kinds.sheets[0].rows[1:]:
            row.rules[6] = MOOD
            row.formats[4] = {"type": "NUMBER", "pattern": "0.00"}
            for at, value in enumerate(row.cells):
                if value in ("=1+1", "007"):
                    row.put(at, value)
        yield server
        assert server.service.complaints == []


@pytest.fixture(scope="module", params=["keyed", "keyless"])
def subject(request: pytest.FixtureRequest, google: Server) -> Subject:
    settings = {
        "credentials": google.credentials,
        "spreadsheets": {"team": ID},
        "worksheets": {"kinds": {"key": ["id"]}, "places": {"key": ["country", "city"]}},
        "url": google.url,
        "freshness": 0,
    }
    keyed = request.param == "keyed"
    known = {} if keyed else dict.fromkeys(RENAMED, CHANGES_NAME)
    models = ("kinds", "places") if keyed else ("notes",)
    return Subject(google_sheets, settings, models=models, failing=google.faults.failing, known=known)


test_conformance = suite()
