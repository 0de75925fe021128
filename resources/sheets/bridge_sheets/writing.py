"""One write: rows are found where they stand now, all requests go in one, and the answer is held against them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bridge_core import Outcome, PreconditionFailed, Unavailable, UpstreamFailed
from bridge_sheets.api import Api
from bridge_sheets.changes import Change, repair_of
from bridge_sheets.layout import Layout, Line
from bridge_sheets.race import After, Verdict, after, shown
from bridge_sheets.requests import Request, marked, new_mark, unmarked
from bridge_sheets.snapshots import Snapshot, Snapshots

_MOVED: Final = "somebody moved rows in the same moment"
_UNCLEAR: Final = "somebody added or removed rows in the same moment, so that nobody can tell which row was written"


class Missed(Exception):
    """A write hit other rows, and these are again as they were: it can be tried anew. `done` were hit rightly."""

    def __init__(self, done: Sequence[Line]) -> None:
        super().__init__()
        self.done = done


class Writer:
    """Sends changes. Marks of its own are taken away by the next write to the same spreadsheet."""

    def __init__(self, api: Api, snapshots: Snapshots) -> None:
        self._api = api
        self._snapshots = snapshots
        self._marks: dict[str, list[int]] = {}

    async def send(self, snapshot: Snapshot, change: Change) -> None:
        """Apply a change to a sheet that was just read; raise Missed where it was not applied, and can be again."""
        layout = snapshot.layout
        answer = await self._sent(layout, change.requests(layout))
        if answer is None:
            return  # applied, though the answer was lost
        match change.expected(layout, snapshot.lines).verdict(after(layout, answer)):
            case Verdict.WRONG:
                raise Missed(await self._repaired(snapshot, change, after(layout, answer)))
            case Verdict.UNCLEAR if change.updates or change.deletes:
                raise _unclear()

    async def _sent(self, layout: Layout, requests: Iterable[Request]) -> Mapping[str, Any] | None:
        number = new_mark()
        old = self._marks.pop(layout.book, [])
        body = {
            "requests": [*requests, *map(unmarked, old), marked(layout, number)],
            "includeSpreadsheetInResponse": True,
            "responseIncludeGridData": True,
            "responseRanges": shown(layout),
        }
        try:
            answer = await self._api.batch(layout.book, body)
        except (Unavailable, UpstreamFailed) as error:
            self._marks.setdefault(layout.book, []).extend(old)
            if error.outcome is not Outcome.UNKNOWN or not await self._was_applied(layout.book, number):
                raise
            return None
        finally:
            self._snapshots.forget(layout)
        self._marks.setdefault(layout.book, []).append(number)
        return answer

    async def _was_applied(self, book: str, number: int) -> bool:
        """Look for the mark of a write whose answer was lost. That it is not there yet proves nothing."""
        try:
            found = await self._api.marked(book, number)
        except (Unavailable, UpstreamFailed):
            return False
        if found:
            self._marks.setdefault(book, []).append(number)
        return found

    async def _repaired(self, snapshot: Snapshot, change: Change, seen: After) -> Sequence[Line]:
        """Give the rows that were hit by mistake what they had before; raise with an unknown outcome if that fails.

        Return those that were hit rightly.
        """
        layout = snapshot.layout
        now = await self._snapshots.get(layout, fresh=True)
        repair = repair_of(layout, snapshot.lines, now.lines, change, seen)
        if repair is None:
            raise _unclear()
        requests = repair.change.requests(layout)
        answer = await self._sent(layout, requests) if requests else None
        expected = repair.change.expected(layout, now.lines)
        if answer is not None and expected.verdict(after(layout, answer)) is Verdict.WRONG:
            raise _unclear()
        if not repair.certain:
            raise _unclear()
        return repair.done


def moved() -> PreconditionFailed:
    """Say that rows were moved again and again."""
    return PreconditionFailed(_MOVED, hint="nothing was written: try again")


def partly() -> UpstreamFailed:
    """Say that rows were moved again and again, and that some were written."""
    return UpstreamFailed(_MOVED, hint="some of the records were written, look which", outcome=Outcome.UNKNOWN)


def _unclear() -> UpstreamFailed:
    return UpstreamFailed(_UNCLEAR, hint="look at the sheet, and at its history", outcome=Outcome.UNKNOWN)
