"""A stand-in for the Google Sheets API, version 4: for tests and demos.

    with standin({"People": [["id", "name"], [1, "Ada"]]}) as google:
        ...  # the real gspread, whose requests go to google.url, with the service account google.credentials

It keeps spreadsheets with sheets, formulas (of their own row), number formats, drop-downs, Tables, protected ranges
and developer metadata; it exchanges signed assertions for tokens, limits requests by the minute of its own clock,
fails where it is told to, and lets a person work in a sheet between two calls, or just before one.

What it is held to: every request, and every answer of its own, is checked against Google's discovery document of the
API (`sheets.v4`, from google-api-python-client); what a request may not say is refused, and `service.complaints`
lists what an answer should not have said. What the document does not say is taken from the public documentation, and
was not compared with the real service: texts of errors, that metadata with a chosen id can be created once, and that
metadata of a row stays where it is when the contents are sorted. What it does not claim: other formulas, merged
cells, charts, Drive. A method or request that it lacks is answered with 501.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from bridge_sheets.fake.accounts import EMAIL
from bridge_sheets.fake.faults import Fault
from bridge_sheets.fake.grid import Sheet, Spreadsheet, filled, row_of
from bridge_sheets.fake.person import Person
from bridge_sheets.fake.server import Server
from bridge_sheets.fake.service import Service

__all__ = ["EMAIL", "ID", "Fault", "Person", "Server", "Sheet", "Spreadsheet", "book", "filled", "row_of", "standin"]

ID: Final = "1StandInStandInStandInStandInStandInStandIn"


def book(
    tables: Mapping[str, Sequence[Sequence[object]]], *, number: str = ID, zone: str = "Europe/Berlin"
) -> Spreadsheet:
    """Return a spreadsheet with one sheet per table, shared with the account of the stand-in."""
    sheets = [
        Sheet(at, title, row_count=max(1_000, len(table)), rows=filled(table))
        for at, (title, table) in enumerate(tables.items())
    ]
    return Spreadsheet(number, "Stand-in", zone, sheets, shared_with={EMAIL})


@contextmanager
def standin(
    tables: Mapping[str, Sequence[Sequence[object]]],
    *,
    port: int = 0,
    zone: str = "Europe/Berlin",
    clock: Callable[[], float] = time.time,
    per_minute: int | None = None,
) -> Iterator[Server]:
    """Serve one spreadsheet with these tables as long as the block lasts."""
    service = Service(clock, per_minute)
    service.books[ID] = book(tables, zone=zone)
    with Server(service, port).running() as server:
        yield server
