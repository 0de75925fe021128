"""What a worksheet is served as: names from its header, types from its cells, and what was odd about it."""

from datetime import date, datetime, time
from typing import Any

import pytest
from bridge_sheets.fake import ID, Server, Sheet, book, standin
from bridge_sheets.fake.grid import Spreadsheet

from bridge_core import ConfigurationError, FieldType, Read
from tests.support.sheets import Opened, opened_on

pytestmark = pytest.mark.anyio

MOMENT = datetime.fromisoformat("2024-05-01T12:30")


async def described(tables: dict[str, list[list[object]]], **settings: Any) -> Opened:
    with standin(tables) as server:
        async with opened_on(server, **settings) as opened:
            return opened


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2.0, None], FieldType.INTEGER),
        ([1, 2.5], FieldType.FLOAT),
        ([True, False], FieldType.BOOLEAN),
        ([True, 1], FieldType.TEXT),
        (["007", "008"], FieldType.TEXT),
        ([1, "n/a"], FieldType.TEXT),
        ([date(2024, 1, 2), date(1899, 1, 1)], FieldType.DATE),
        ([MOMENT], FieldType.TIMESTAMPTZ),
        ([time(10, 30)], FieldType.TIME),
        ([None], FieldType.TEXT),
    ],
    ids=str,
)
async def test_a_column_has_the_type_that_all_of_its_cells_fit(cells: list[object], expected: FieldType) -> None:
    opened = await described({"T": [["a", "b"], *([cell, "x"] for cell in cells)]})

    assert opened.models["T"].field("a").type is expected


async def test_blank_and_repeated_headers_get_names_and_are_reported() -> None:
    opened = await described({"T": [[" name ", None, "name", None], ["a", "b", "c"]]})

    assert [each.name for each in opened.models["T"].fields] == ["_row", "name", "column_B", "name_2"]
    assert "column B has no header" in opened.models["T"].comment
    assert "stands there more than once" in opened.models["T"].comment


async def test_the_header_is_the_first_row_with_anything_in_it_or_the_one_that_is_configured() -> None:
    tables: dict[str, list[list[object]]] = {
        "Found": [[], ["a"], [1]],
        "Said": [["Report of May"], ["a"], [1]],
    }
    opened = await described(tables, worksheets={"Said": {"header": 2}})

    assert [each.name for model in opened.models.values() for each in model.fields] == ["_row", "a", "_row", "a"]


async def test_types_can_be_said() -> None:
    said = {"T": {"types": {"code": "text", "seen": "timestamp"}}}
    with standin({"T": [["code", "seen"], [7, MOMENT]]}) as server:
        async with opened_on(server, worksheets=said) as opened:
            page = await opened.adapter.read(Read(opened.models["T"]))

    assert [(each["code"], each["seen"]) for each in page.records] == [("7", MOMENT)]


async def test_columns_of_formulas_are_read_only_and_texts_that_look_like_one_are_not() -> None:
    with standin({"T": [["n", "twice", "text"], [2, "=A2*2", "x"], [3, "=A3*2", "x"]]}) as server:
        for row in server.service.books[ID].sheets[0].rows[1:]:
            row.put(2, "=1+1")
        async with opened_on(server) as opened:
            model = opened.models["T"]
            page = await opened.adapter.read(Read(model))

    assert [(each.name, each.creatable) for each in model.fields[1:]] == [("n", True), ("twice", False), ("text", True)]
    assert [(each["twice"], each["text"]) for each in page.records] == [(4, "=1+1"), (6, "=1+1")]


async def test_a_drop_down_is_an_enum_and_a_table_gives_types() -> None:
    rule = {"condition": {"type": "ONE_OF_LIST", "values": [{"userEnteredValue": "yes"}, {"userEnteredValue": "no"}]}}
    table = {
        "range": {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 3, "endColumnIndex": 2},
        "columnProperties": [{"columnIndex": 1, "columnName": "day", "columnType": "DATE"}],
    }
    with standin({"T": [["answer", "day"], ["yes", 45_000]]}) as server:
        sheet = server.service.books[ID].sheets[0]
        sheet.rows[1].rules[0] = rule
        sheet.tables.append(table)
        async with opened_on(server) as opened:
            model = opened.models["T"]

    assert model.field("answer").enum == ("yes", "no")
    assert model.field("day").type is FieldType.DATE


async def test_a_worksheet_that_cannot_be_served_hides_no_other() -> None:
    with standin({"Good": [["a"], [1]], "Empty": [], "Keyless": [["b"], [1]]}) as server:
        server.service.books[ID].sheets.append(Sheet(9, "Chart", kind="OBJECT"))
        async with opened_on(server, worksheets={"Keyless": {"key": ["nope"]}}) as opened:
            assert list(opened.models) == ["Good"]


async def test_worksheets_of_further_spreadsheets_carry_their_names() -> None:
    other = "1Other" + "x" * 30
    with standin({"T": [["a"], [1]]}) as server:
        server.service.books[other] = book({"T": [["b"], [1]]}, number=other)
        address = f"https://docs.google.com/spreadsheets/d/{other}/edit#gid=0"
        async with opened_on(server, spreadsheets={"one": ID, "two": address}) as opened:
            assert list(opened.models) == ["T", "two.T"]


def unshared(found: Spreadsheet) -> None:
    found.shared_with.clear()


async def test_a_spreadsheet_that_is_not_shared_is_reported_with_the_address_to_share_it_with() -> None:
    with standin({"T": [["a"]]}) as server:
        unshared(server.service.books[ID])
        with pytest.raises(ConfigurationError, match="'team'") as caught:
            async with opened_on(server):
                pass

    assert "bridge@stand-in.iam.gserviceaccount.com" in str(caught.value.hint)


async def test_a_spreadsheet_that_is_not_there_is_reported() -> None:
    with standin({}) as server:
        server.service.books.clear()
        with pytest.raises(ConfigurationError, match="there is no such spreadsheet"):
            async with opened_on(server):
                pass


@pytest.mark.parametrize("credentials", ["", "[]", "{}", '"x"', '{"type": "service_account"}', "7"])
async def test_what_is_no_service_account_is_reported(credentials: str) -> None:
    with standin({}) as server, pytest.raises(ConfigurationError, match="not the file of a service account"):
        async with opened_on(server, credentials=credentials):
            pass


async def test_a_sheet_whose_header_changed_is_looked_at_anew(server_with_people: Server) -> None:
    async with opened_on(server_with_people) as opened:
        opened.person("People").edit(1, 1, "number")
        with pytest.raises(Exception, match="the header of 'People' has changed at A1"):
            await opened.adapter.read(Read(opened.models["People"]))
        await opened.adapter.changed()

        assert (await opened.adapter.describe())[0].fields[1].name == "number"


async def test_a_cell_that_no_longer_fits_makes_the_column_text(server_with_people: Server) -> None:
    async with opened_on(server_with_people) as opened:
        opened.person("People").edit(2, 1, "one")
        with pytest.raises(Exception, match="the cell A2 of 'People' holds no integer"):
            await opened.adapter.read(Read(opened.models["People"]))
        await opened.adapter.changed()

        assert (await opened.adapter.describe())[0].field("id").type is FieldType.TEXT


@pytest.fixture
def server_with_people() -> Any:
    with standin({"People": [["id", "name"], [1, "Ada"], [2, "Bob"]]}) as server:
        yield server
