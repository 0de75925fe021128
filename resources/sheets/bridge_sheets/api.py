"""The way to Google: gspread's plain client to the configured host, each call with a time limit and within quota."""

import json
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, LifoQueue
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import gspread
from google.auth.transport.requests import AuthorizedSession
from google.oauth2 import service_account
from gspread.http_client import ParamsType

from bridge_core import AdapterContext, DeadlineExceeded, RateLimited
from bridge_sheets.errors import translated

Json: TypeAlias = Mapping[str, Any]

READS: Final = "reads"
WRITES: Final = "writes"
GOOGLE: Final = "https://sheets.googleapis.com"
_SCOPES: Final = ("https://www.googleapis.com/auth/spreadsheets",)
_LEAST: Final = 0.05  # seconds


class Account(service_account.Credentials):
    """A service account, asked for tokens and nothing else."""

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False  # else google-auth asks another host of Google's in the background, with retries


class Client(gspread.HTTPClient):
    """gspread's client, but for the host."""

    def __init__(self, session: AuthorizedSession, url: str) -> None:
        super().__init__(None, session)  # type: ignore[arg-type]  # gspread takes None together with a session
        self._url = url

    def request(self, method: str, endpoint: str, *args: Any, **more: Any) -> Any:
        """Send a request; `timeout` holds for it."""
        return super().request(method, endpoint.replace(GOOGLE, self._url, 1), *args, **more)


class Api:
    """Calls of the Sheets API for one account, of many tasks at once: each has a session of its own."""

    def __init__(self, credentials: Json, context: AdapterContext, *, url: str, timeout: float) -> None:
        """Take the parsed file of a service account; raise ValueError where it is none."""
        self._account: Account = Account.from_service_account_info(credentials, scopes=_SCOPES)  # type: ignore[no-untyped-call]  # as it comes
        self.email: str = self._account.service_account_email
        self._context = context
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._idle: LifoQueue[Client] = LifoQueue()

    async def spreadsheet(self, book: str, ranges: Sequence[str] = (), *, fields: str) -> Json:
        """Read what a spreadsheet is made of; with ranges, the cells there."""
        params: ParamsType = {
            "fields": fields,
            "includeGridData": "true" if ranges else "false",
            "ranges": list(ranges),
        }
        return await self._call(READS, lambda client: client.fetch_sheet_metadata(book, params))

    async def values(
        self, book: str, ranges: Sequence[str], render: str = "UNFORMATTED_VALUE"
    ) -> list[list[list[Any]]]:
        """Read the values of some ranges in one request, dates and times as numbers."""
        params: ParamsType = {"valueRenderOption": render, "dateTimeRenderOption": "SERIAL_NUMBER"}
        found = await self._call(READS, lambda client: client.values_batch_get(book, list(ranges), params))
        return [each.get("values", []) for each in found.get("valueRanges", [])]

    async def batch(self, book: str, body: Json) -> Json:
        """Apply requests, all or none."""
        return await self._call(WRITES, lambda client: client.batch_update(book, body))

    async def marked(self, book: str, number: int) -> bool:
        """Tell whether a mark with this id is there."""
        url = f"{GOOGLE}/v4/spreadsheets/{quote(book)}/developerMetadata:search"
        body = {"dataFilters": [{"developerMetadataLookup": {"metadataId": number}}]}
        found = await self._call(READS, lambda client: client.request("post", url, json=body).json())
        return bool(found.get("matchedDeveloperMetadata"))

    async def close(self) -> None:
        """Close the sessions that nobody uses; one in use is closed when its call ends."""
        self._timeout = 0.0
        while True:
            try:
                self._idle.get_nowait().session.close()
            except Empty:
                return

    async def _call(self, scope: str, send: Callable[[Client], Any]) -> Json:
        await self._context.budget.spend(scope)
        left = self._context.deadline() - self._context.clock()
        if left < _LEAST:
            raise DeadlineExceeded("no time is left for a request to Google")
        seconds = min(self._timeout, left)
        try:
            answer: Json = await self._context.threads(self._send, scope, send, seconds)
        except RateLimited as failure:
            self._context.budget.pause(scope, failure.retry_after)
            raise
        return answer

    def _send(self, scope: str, send: Callable[[Client], Any], seconds: float) -> Any:
        try:
            client = self._idle.get_nowait()
        except Empty:
            session = AuthorizedSession(self._account, refresh_timeout=seconds)  # type: ignore[no-untyped-call]  # as it comes
            client = Client(session, self._url)
        client.set_timeout(seconds)
        try:
            with translated(self.email, scope, writes=scope == WRITES):
                return send(client)
        finally:
            if self._timeout:
                self._idle.put(client)
            else:
                client.session.close()


def parsed(credentials: str) -> Json:
    """Read the file of a service account; raise ValueError where it is none."""
    found = json.loads(credentials)
    return dict(found)
