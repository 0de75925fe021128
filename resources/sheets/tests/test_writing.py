"""Writes: what stands in the sheet afterwards, what is refused, and what becomes of a write whose answer is lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bridge_sheets.fake import ID, Fault, Server, standin

from bridge_core import (
    BadValue,
    BridgeError,
    Condition,
    Conflict,
    Create,
    Delete,
    Filter,
    Forbidden,
    Model,
    Op,
    Outcome,
    Path,
    PreconditionFailed,
    Read,
    Rejected,
    Resolution,
    TooLarge,
    Update,
    Upsert,
    UpstreamFailed,
    WriteOptions,
)
from tests.support.sheets import Opened, opened_on

pytestmark = pytest.mark.anyio

PEOPLE: list[list[object]] = [["id", "name", "n"], [1, "Ada", 10], [2, "Bob", 20], [3, "Cleo", 30]]
KEYED = {"People": {"key": ["id"]}}


@pytest.fixture
def google() -> Iterator[Server]:
    with standin({"People": PEOPLE}) as server:
        yield server
        assert server.service.complaints == []


def by_id(number: int) -> Filter:
    return Condition(Path("id"), Op.EQ, number)


def new(model: Model, *rows: tuple[object, ...], **more: Any) -> Create:
    names = ("id", "name", "n")
    return Create(model, [dict(zip(names, row, strict=True)) for row in rows], names, **more)


def rows(on: Opened) -> list[list[object]]:
    return on.person("People").values()[1:]


@pytest.mark.parametrize(
    "text", ["=1+1", '=IMPORTXML("http://canary")', "+1", "-1", "@x", "\t=1", "007", "TRUE", "1e5"]
)
async def test_a_text_stays_a_text(google: Server, text: str) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        await on.adapter.create(new(on.models["People"], (4, text, 0)))
        await on.adapter.update(Update(on.models["People"], {"name": text}, by_id(1)))

        assert rows(on)[0] == [1, text, 10]
        assert rows(on)[3] == [4, text, 0]


async def test_a_full_grid_grows(google: Server) -> None:
    google.service.books[ID].sheets[0].row_count = 4
    async with opened_on(google, worksheets=KEYED) as on:
        await on.adapter.create(new(on.models["People"], (4, "Dan", 0), (5, "Eve", 0)))

        assert len(rows(on)) == 5


async def test_all_rows_can_go_and_new_ones_come(google: Server) -> None:
    google.service.books[ID].sheets[0].row_count = 4
    async with opened_on(google, worksheets=KEYED) as on:
        everything = Condition(Path("id"), Op.GT, 0)
        assert (await on.adapter.delete(Delete(on.models["People"], everything))).affected == 3
        await on.adapter.create(new(on.models["People"], (4, "Dan", 0)))

        assert rows(on) == [[4, "Dan", 0]]


async def test_an_update_leaves_the_other_cells_and_their_formats(google: Server) -> None:
    google.service.books[ID].sheets[0].rows[1].formats[2] = {"type": "NUMBER", "pattern": "0.0"}
    async with opened_on(google, worksheets=KEYED) as on:
        await on.adapter.update(Update(on.models["People"], {"name": "Eve", "n": None}, by_id(1)))

        assert rows(on)[0] == [1, "Eve"]
        assert google.service.books[ID].sheets[0].rows[1].formats == {2: {"type": "NUMBER", "pattern": "0.0"}}


async def test_an_upsert_is_one_request(google: Server) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        google.service.log.clear()
        upsert = Upsert(Resolution.MERGE, ("id",))
        written = await on.adapter.create(new(on.models["People"], (2, "Bea", 0), (9, "New", 1), upsert=upsert))

        assert (written.affected, written.inserted) == (2, 1)
        assert google.service.log == ["values.batchGet", "batchUpdate"]
        assert rows(on) == [[1, "Ada", 10], [2, "Bea", 0], [3, "Cleo", 30], [9, "New", 1]]


async def test_an_upsert_does_not_reach_beyond_its_scope(google: Server) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        upsert = Upsert(Resolution.MERGE, ("id",))
        with pytest.raises(Forbidden):
            await on.adapter.create(new(on.models["People"], (2, "x", 0), upsert=upsert, scope=by_id(1)))

        assert rows(on) == PEOPLE[1:]


def many(on: Opened) -> None:
    google = on.server.service.books[ID].sheets[0]
    google.row_count, google.column_count = 4, 2_500_000


def protect(on: Opened) -> None:
    on.server.service.books[ID].sheets[0].protected.append({"range": {"sheetId": 0, "startRowIndex": 1}})


def rename(on: Opened) -> None:
    on.person("People").edit(1, 2, "called")


def read_only(on: Opened) -> None:
    on.server.service.books[ID].read_only.update(on.server.service.books[ID].shared_with)


@pytest.mark.parametrize(
    ("row", "before", "error", "says"),
    [
        ((1, "x", 0), None, Conflict, "duplicate key"),
        ((None, "x", 0), None, Rejected, "needs a key"),
        ((None, None, None), None, Rejected, "needs a value"),
        ((4, "x" * 50_001, 0), None, TooLarge, "50000 characters"),
        ((4, "", 0), None, BadValue, "name"),
        ((4, "x", 2**60), None, BadValue, "n:"),
        ((4, "x", 0), many, TooLarge, "more than a spreadsheet holds"),
        ((4, "x", 0), protect, Forbidden, "protected"),
        ((4, "x", 0), rename, BridgeError, "the header of 'People' has changed at B1"),
        ((4, "x", 0), read_only, BridgeError, "may not open the spreadsheet, or not change it"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
async def test_what_cannot_be_is_refused_and_nothing_is_written(
    google: Server, row: tuple[object, ...], before: Callable[[Opened], None] | None, error: type[Exception], says: str
) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        if before is not None:
            before(on)
        with pytest.raises(error, match=says) as caught:
            await on.adapter.create(new(on.models["People"], row))

        assert getattr(caught.value, "outcome", None) is Outcome.NOT_APPLIED
        assert rows(on) == PEOPLE[1:]


async def test_a_moment_that_the_zone_has_twice_is_refused() -> None:
    with standin({"T": [["id", "at"], [1, datetime.fromisoformat("2024-05-01T10:00")]]}) as server:
        async with opened_on(server, worksheets={"T": {"key": ["id"]}}) as on:
            twice = {"id": 2, "at": datetime(2024, 10, 27, 1, 30, tzinfo=UTC)}
            with pytest.raises(BadValue, match="at"):
                await on.adapter.create(Create(on.models["T"], [twice], ("id", "at")))


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.RESET_BEFORE, Outcome.UNKNOWN),
        (Fault.RESET_AFTER, Outcome.APPLIED),
        (Fault.STALLED, Outcome.APPLIED),
        (Fault.GARBLED, Outcome.APPLIED),
        (Fault.ERROR_BEFORE, Outcome.UNKNOWN),
        (Fault.ERROR_AFTER, Outcome.APPLIED),
    ],
)
async def test_a_lost_answer_is_looked_for(google: Server, fault: Fault, outcome: Outcome) -> None:
    async with opened_on(google, worksheets=KEYED, timeout=0.5) as on:
        told = Outcome.APPLIED
        with google.faults.planned(fault, method="batchUpdate"):
            try:
                await on.adapter.create(new(on.models["People"], (4, "Dan", 0)))
            except BridgeError as error:
                told = error.outcome

        assert told is outcome
        assert len(rows(on)) == (4 if outcome is Outcome.APPLIED else 3)


async def test_marks_are_taken_away_by_the_next_write(google: Server) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        for number in range(4, 8):
            await on.adapter.create(new(on.models["People"], (number, "x", 0)))

        assert len(google.service.books[ID].marks) == 1


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("verb", ["update", "delete"])
@pytest.mark.parametrize("how", ["sorted", "inserted"])
async def test_a_row_that_is_moved_in_the_very_moment_is_still_the_one_that_is_written(
    google: Server, how: str, verb: str, *, keyed: bool
) -> None:
    async with opened_on(google, worksheets=KEYED if keyed else {}) as on:
        model, person = on.models["People"], on.person("People")
        move = (lambda: person.sort(1, descending=True)) if how == "sorted" else (lambda: person.insert(2))
        google.faults.just_before("batchUpdate", move)
        if verb == "update":
            await on.adapter.update(Update(model, {"name": "Eve"}, by_id(1)))
        elif how == "sorted":
            await on.adapter.delete(Delete(model, by_id(1)))
        else:  # a row that nobody had seen was taken out: it may have been an empty one
            with pytest.raises(UpstreamFailed) as caught:
                await on.adapter.delete(Delete(model, by_id(1)))
            assert caught.value.outcome is Outcome.UNKNOWN

        there = {tuple(row) for row in rows(on) if row}
        ada = {"update": {(1, "Eve", 10)}, "delete": set() if how == "sorted" else {(1, "Ada", 10)}}[verb]
        assert there == {(2, "Bob", 20), (3, "Cleo", 30)} | ada


async def test_rows_that_are_moved_again_and_again_are_left_alone(google: Server) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        person = on.person("People")

        def turn(times: int) -> None:
            person.sort(1, descending=times % 2 == 0)
            if times:
                google.faults.just_before("batchUpdate", lambda: turn(times - 1))

        google.faults.just_before("batchUpdate", lambda: turn(20))
        with pytest.raises((PreconditionFailed, BridgeError)):
            await on.adapter.update(Update(on.models["People"], {"name": "Eve"}, by_id(1)))


async def test_a_version_that_is_gone_is_not_written(google: Server) -> None:
    async with opened_on(google, worksheets=KEYED) as on:
        options = WriteOptions(etags=('"old"',))
        with pytest.raises(PreconditionFailed):
            await on.adapter.update(Update(on.models["People"], {"name": "x"}, by_id(1), options=options))

        assert rows(on) == PEOPLE[1:]


@pytest.mark.parametrize(("sent", "kept"), [("1.5", "1.50"), ("1.50", "1.50"), ("1.234", "1.234"), ("-0.1", "-0.10")])
async def test_a_decimal_is_read_with_the_decimals_that_its_format_shows(sent: str, kept: str) -> None:
    with standin({"T": [["id", "price"], [1, 2.5]]}) as server:
        server.service.books[ID].sheets[0].rows[1].formats[1] = {"type": "NUMBER", "pattern": "#,##0.00"}
        async with opened_on(server, worksheets={"T": {"key": ["id"]}}) as on:
            await on.adapter.update(Update(on.models["T"], {"price": Decimal(sent)}, by_id(1)))
            page = await on.adapter.read(Read(on.models["T"]))

    assert str(page.records[0]["price"]) == kept
