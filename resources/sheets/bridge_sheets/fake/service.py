"""The service behind the wire: who may ask what, how often, and the answer, held against Google's document."""

import copy
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from bridge_sheets.fake import marks, values
from bridge_sheets.fake.a1 import Range
from bridge_sheets.fake.accounts import Accounts
from bridge_sheets.fake.batches import applied, properties_of
from bridge_sheets.fake.discovery import Discovery, Method
from bridge_sheets.fake.grid import Spreadsheet
from bridge_sheets.fake.quota import Quota
from bridge_sheets.fake.refusals import Refusal, invalid
from bridge_sheets.fake.rendering import grid_data, masked

T = TypeVar("T")

_READS: Final = frozenset(
    {"get", "values.get", "values.batchGet", "developerMetadata.get", "developerMetadata.search", "getByDataFilter"}
)


@dataclass(frozen=True)
class Asked:
    """One request of the API."""

    method: Method
    names: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Mapping[str, Any]
    email: str


@dataclass
class Service:
    """All spreadsheets, and the state that the API keeps about its callers.

    `log` are the methods that were called; `complaints` say where an answer of the stand-in itself differed from the
    document: tests want none.
    """

    clock: Callable[[], float]
    per_minute: int | None = None
    books: dict[str, Spreadsheet] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    accounts: Accounts = field(default_factory=Accounts)
    discovery: Discovery = field(default_factory=Discovery)

    def __post_init__(self) -> None:
        self._quota = Quota(self.clock, self.per_minute)

    @property
    def refused(self) -> int:
        """How many requests were too many for the quota."""
        return self._quota.refused

    def answer(self, verb: str, path: str, query: Mapping[str, Sequence[str]], body: bytes, token: str) -> Any:
        """Answer one request, or raise a Refusal."""
        found = self.discovery.find(verb, path)
        if found is None:
            raise Refusal(404, "The requested URL was not found on this server.")
        method, names = found
        with self.lock:
            self.log.append(method.id)
            email = self.accounts.bearer(token, self.clock())
            self._quota.spend(email, "read" if method.id in _READS else "write")
            asked = Asked(method, names, query, self._body(method, query, body), email)
            whole = _answered(self._opened(asked), asked)
            wrong = self.discovery.problems(method.answer, whole, method.id)
            self.complaints += wrong
            return masked(whole, query.get("fields", ()))

    def _body(self, method: Method, query: Mapping[str, Sequence[str]], body: bytes) -> Mapping[str, Any]:
        wrong = self.discovery.problems_of_query(method, query)
        try:
            found = json.loads(body) if body else {}
        except ValueError:
            raise invalid("Invalid JSON payload received.") from None
        if method.request is not None:
            wrong += self.discovery.problems(method.request, found, "body")
        elif found:
            wrong.append("Invalid JSON payload received: this method takes no body")
        if wrong:
            raise invalid("Invalid JSON payload received. " + " ".join(wrong))
        return dict(_without_nulls(found))

    def _opened(self, asked: Asked) -> Spreadsheet:
        book = self.books.get(asked.names.get("spreadsheetId", ""))
        if book is None:
            raise Refusal(404, "Requested entity was not found.")
        writes = asked.method.id not in _READS
        if asked.email not in book.shared_with or (writes and asked.email in book.read_only):
            raise Refusal(403, "The caller does not have permission")
        return book


def _answered(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    handler = _METHODS.get(asked.method.id)
    if handler is None:
        raise Refusal(501, f"the stand-in does not know the method {asked.method.id!r}")
    return handler(book, asked)


def _get(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    return _told(book, asked.query.get("ranges", ()), with_cells=_one(asked, "includeGridData") == "true")


def _update(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    option = _one(asked, "valueInputOption")
    return _safely(book, lambda own: values.update(own, asked.names["range"], option, asked.body))


def _append(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    return _safely(book, lambda own: values.append(own, asked.names["range"], asked.query, asked.body))


def _clear(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    return {"spreadsheetId": book.id, "clearedRange": values.clear(book, [asked.names["range"]])[0]}


def _batch_clear(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    return {"spreadsheetId": book.id, "clearedRanges": values.clear(book, asked.body.get("ranges") or ())}


def _one(asked: Asked, name: str) -> str:
    return next(iter(asked.query.get(name, ())), "")


def _batch(book: Spreadsheet, asked: Asked) -> dict[str, Any]:
    body = asked.body
    requests = body.get("requests") or ()
    if not requests:
        raise invalid("Must specify at least one request.")
    replies = _safely(book, lambda own: [applied(own, each) for each in requests])
    answer: dict[str, Any] = {"spreadsheetId": book.id, "replies": replies}
    if body.get("includeSpreadsheetInResponse"):
        ranges = body.get("responseRanges") or ()
        answer["updatedSpreadsheet"] = _told(book, ranges, with_cells=bool(body.get("responseIncludeGridData")))
    return answer


def _safely(book: Spreadsheet, work: Callable[[Spreadsheet], T]) -> T:
    """Do work on a copy, and keep it if nothing is refused: a request is applied whole or not at all."""
    own = copy.deepcopy(book)
    done = work(own)
    book.__dict__.update(own.__dict__)
    return done


def _told(book: Spreadsheet, ranges: Sequence[str], *, with_cells: bool) -> dict[str, Any]:
    wanted = [values.resolved(book, each) for each in ranges]
    sheets = []
    for sheet in book.sheets:
        if ranges and not any(each is sheet for each, _ in wanted):
            continue
        told: dict[str, Any] = {"properties": properties_of(book, sheet)}
        if with_cells and sheet.kind == "GRID":
            whole = [within for each, within in wanted if each is sheet]
            told["data"] = [grid_data(sheet, each) for each in whole or [Range(None)]]
        told |= {"protectedRanges": sheet.protected} if sheet.protected else {}
        told |= {"tables": sheet.tables} if sheet.tables else {}
        sheets.append(told)
    return {
        "spreadsheetId": book.id,
        "properties": {"title": book.title, "locale": "en_US", "autoRecalc": "ON_CHANGE", "timeZone": book.zone},
        "sheets": sheets,
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{book.id}/edit",
    }


def _without_nulls(value: Any) -> Any:
    """Leave out what is null: to Google it is not there. In values of cells, null means to leave the cell."""
    if isinstance(value, dict):
        return {
            name: each if name == "values" and _is_table(each) else _without_nulls(each)
            for name, each in value.items()
            if each is not None
        }
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, list) for each in value)


_METHODS: Final[Mapping[str, Callable[[Spreadsheet, Asked], dict[str, Any]]]] = {
    "get": _get,
    "batchUpdate": _batch,
    "values.get": lambda book, asked: values.get(book, asked.names["range"], asked.query),
    "values.batchGet": lambda book, asked: values.batch_get(book, asked.query),
    "values.update": _update,
    "values.batchUpdate": lambda book, asked: _safely(book, lambda own: values.batch_update(own, asked.body)),
    "values.append": _append,
    "values.clear": _clear,
    "values.batchClear": _batch_clear,
    "developerMetadata.search": lambda book, asked: {
        "matchedDeveloperMetadata": [
            {"developerMetadata": marks.told(mark), "dataFilters": [each]}
            for each in asked.body.get("dataFilters") or ()
            for mark in marks.looked_up(book, each)
        ]
    },
    "developerMetadata.get": lambda book, asked: marks.told(marks.found(book, int(asked.names["metadataId"]))),
}
