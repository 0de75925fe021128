"""The stand-in answers the unmodified gspread as the Sheets API does, and is held to Google's own document."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import gspread
import pytest
from bridge_sheets.api import Account
from bridge_sheets.fake import ID, Fault, Server, standin

PEOPLE: list[list[object]] = [
    ["id", "name", "started", "twice"],
    [1, "Ada", date(2024, 1, 2), "=A2*2"],
    ["007", None, None, "=A3*2"],
]


@pytest.fixture
def google() -> Iterator[Server]:
    with standin({"People": PEOPLE, "It's 2": [["x"]]}) as server:
        yield server
        assert server.service.complaints == []


@pytest.fixture
def sheet(google: Server) -> gspread.Worksheet:
    return client(google).open_by_key(ID).worksheet("People")


def client(server: Server) -> gspread.Client:
    class Local(gspread.HTTPClient):
        """The same, but for the host."""

        def request(self, method: str, endpoint: str, *args: Any, **more: Any) -> Any:
            return super().request(method, endpoint.replace("https://sheets.googleapis.com", server.url), *args, **more)

    known = json.loads(server.credentials)
    account = Account.from_service_account_info(known, scopes=gspread.auth.DEFAULT_SCOPES)  # type: ignore[no-untyped-call]
    return gspread.Client(auth=account, http_client=Local)


def test_a_signed_assertion_is_exchanged_for_a_token_and_a_stranger_is_refused(google: Server) -> None:
    google.service.books[ID].shared_with.clear()

    with pytest.raises(PermissionError):
        client(google).open_by_key(ID)
    with pytest.raises(gspread.SpreadsheetNotFound):
        client(google).open_by_key("nope")


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("FORMATTED_VALUE", ["1", "Ada", "2024-01-02", "2"]),
        ("UNFORMATTED_VALUE", [1, "Ada", 45293, 2]),
        ("FORMULA", [1, "Ada", 45293, "=A2*2"]),
    ],
)
def test_values_are_rendered_as_asked(sheet: gspread.Worksheet, option: Any, expected: list[Any]) -> None:
    assert sheet.get("A2:D2", value_render_option=option) == [expected]


def test_empty_cells_and_rows_at_the_end_are_left_out(sheet: gspread.Worksheet) -> None:
    assert sheet.spreadsheet.worksheet("It's 2").get("A1:C9", value_render_option="UNFORMATTED_VALUE") == [["x"]]  # type: ignore[arg-type]


def test_raw_input_stays_what_it_is_and_typed_input_does_not(sheet: gspread.Worksheet) -> None:
    sheet.update([["=1+1", 5, None, ""]], "A2:D2")
    assert sheet.get("A2:D2", value_render_option="FORMULA") == [["=1+1", 5, 45293]]  # type: ignore[arg-type]

    sheet.update([["=1+1", "5"]], "A2:B2", raw=False)
    assert sheet.get("A2:B2", value_render_option="UNFORMATTED_VALUE") == [[2, 5]]  # type: ignore[arg-type]


def test_an_append_goes_below_the_table_and_lets_the_grid_grow(sheet: gspread.Worksheet) -> None:
    sheet.resize(rows=3)
    sheet.append_row([3, "Cleo"])

    assert sheet.col_values(2) == ["name", "Ada", "", "Cleo"]


@pytest.mark.parametrize("act", [lambda s: s.get("A2000"), lambda s: s.update([["x"]], "ZZ1")])
def test_what_lies_outside_of_the_grid_is_refused(
    sheet: gspread.Worksheet, act: Callable[[gspread.Worksheet], object]
) -> None:
    with pytest.raises(gspread.exceptions.APIError, match="exceeds grid limits"):
        act(sheet)


def test_rows_are_inserted_deleted_and_sorted(sheet: gspread.Worksheet) -> None:
    sheet.freeze(rows=1)
    sheet.insert_row(["0", "Zoe"], 2)
    sheet.spreadsheet.worksheet("People").sort((2, "des"))
    sheet.delete_rows(3)

    assert sheet.col_values(2) == ["name", "Zoe"]


def test_a_batch_is_applied_whole_or_not_at_all(sheet: gspread.Worksheet) -> None:
    requests = [
        {"deleteDimension": {"range": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 2}}},
        {"deleteSheet": {"sheetId": 99}},
    ]

    with pytest.raises(gspread.exceptions.APIError, match="No grid with id: 99"):
        sheet.spreadsheet.batch_update({"requests": requests})
    assert sheet.acell("B2").value == "Ada"


@pytest.mark.parametrize(
    "body",
    [
        {"requests": [{"deleteRow": {}}]},
        {"requests": [{"appendCells": {"sheetId": "0", "rows": [], "fields": "*"}}]},
        {"requests": [{"sortRange": {"sortSpecs": [{"sortOrder": "UP"}]}}]},
        {"request": []},
    ],
)
def test_a_request_that_the_document_does_not_know_is_refused(sheet: gspread.Worksheet, body: Any) -> None:
    with pytest.raises(gspread.exceptions.APIError, match="Invalid JSON payload"):
        sheet.spreadsheet.batch_update(body)


def test_metadata_with_a_chosen_id_is_created_once(sheet: gspread.Worksheet) -> None:
    mark = {"metadataId": 77, "metadataKey": "k", "location": {"sheetId": 0}, "visibility": "DOCUMENT"}
    body = {"requests": [{"createDeveloperMetadata": {"developerMetadata": mark}}]}
    sheet.spreadsheet.batch_update(body)

    with pytest.raises(gspread.exceptions.APIError, match="already exists"):
        sheet.spreadsheet.batch_update(body)


def test_metadata_of_a_row_moves_with_the_row(google: Server, sheet: gspread.Worksheet) -> None:
    place = {"dimensionRange": {"sheetId": 0, "dimension": "ROWS", "startIndex": 1, "endIndex": 2}}
    mark = {"metadataId": 7, "metadataKey": "k", "location": place, "visibility": "DOCUMENT"}
    sheet.spreadsheet.batch_update({"requests": [{"createDeveloperMetadata": {"developerMetadata": mark}}]})
    google.person(ID, "People").insert(2)

    base = "https://sheets.googleapis.com/v4/spreadsheets"
    told = sheet.client.request("get", f"{base}/{ID}/developerMetadata/7").json()
    assert told["location"]["dimensionRange"]["startIndex"] == 2


@pytest.mark.parametrize(
    ("value", "message"), [("x" * 50_001, "50000 characters"), ("x", None)], ids=["too long", "short"]
)
def test_a_cell_holds_so_much(sheet: gspread.Worksheet, value: str, message: str | None) -> None:
    if message is None:
        sheet.update([[value]], "A2")
        return
    with pytest.raises(gspread.exceptions.APIError, match=message):
        sheet.update([[value]], "A2")


def test_a_spreadsheet_holds_so_many_cells(sheet: gspread.Worksheet) -> None:
    with pytest.raises(gspread.exceptions.APIError, match="10000000 cells"):
        sheet.resize(rows=1_000_000)


def test_so_many_requests_are_answered_in_a_minute() -> None:
    now = [1_000_000.0]
    with standin({"People": PEOPLE}, clock=lambda: now[0], per_minute=5) as server:
        sheet = client(server).open_by_key(ID).sheet1
        for _ in range(3):
            sheet.acell("A1")
        with pytest.raises(gspread.exceptions.APIError, match="Quota exceeded"):
            sheet.acell("A1")
        now[0] += 60

        assert sheet.acell("A1").value == "id"


@pytest.mark.parametrize(
    ("fault", "applied"),
    [(Fault.ERROR_BEFORE, False), (Fault.ERROR_AFTER, True), (Fault.RESET_BEFORE, False), (Fault.RESET_AFTER, True)],
)
def test_faults_come_before_or_after_the_work(
    google: Server, sheet: gspread.Worksheet, fault: Fault, *, applied: bool
) -> None:
    with google.faults.planned(fault, method="values.update"), pytest.raises((gspread.exceptions.APIError, OSError)):
        sheet.update([["Eve"]], "B2")

    assert (google.person(ID, "People").values()[1][1] == "Eve") is applied


def test_a_person_acts_just_before_a_call(google: Server, sheet: gspread.Worksheet) -> None:
    google.faults.just_before("values.get", lambda: google.person(ID, "People").edit(2, 2, "Eve"))

    assert sheet.acell("B2").value == "Eve"
