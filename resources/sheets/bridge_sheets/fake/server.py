"""The service on a socket: HTTP/1.1 on 127.0.0.1, and faults where they are planned."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from bridge_sheets.fake.faults import Fault, Faults
from bridge_sheets.fake.person import Person
from bridge_sheets.fake.refusals import Refusal
from bridge_sheets.fake.service import Service

_UNDONE: Final = {
    Fault.ERROR_BEFORE: Refusal(503, "The service is currently unavailable."),
    Fault.BUSY: Refusal(429, "Quota exceeded for quota metric 'Read requests'."),
}
_LATE: Final = 3.0  # seconds


class Server:
    """Serves spreadsheets as long as it runs."""

    def __init__(self, service: Service, port: int = 0) -> None:
        self.service = service
        self.faults = Faults()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def credentials(self) -> str:
        """The file of the service account that may ask, as text."""
        return self.service.accounts.file(self.url)

    def person(self, spreadsheet: str, title: str) -> Person:
        """Return somebody who works in a sheet."""
        return Person(self.service, spreadsheet, title)

    @contextmanager
    def running(self) -> Iterator["Server"]:
        """Serve as long as the block lasts."""
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.stopping.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: Server

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.stopping = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Write no log."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        owner = self.server.owner
        if address.path == "/token":
            self._send(*self._token(body))
            return
        found = owner.service.discovery.find(self.command, address.path)
        method = found[0].id if found else ""
        fault = owner.faults.next(method)
        owner.faults.act(method)
        if fault is Fault.RESET_BEFORE:
            self._cut()
            return
        try:
            if fault in _UNDONE:
                raise _UNDONE[fault]
            query = parse_qs(address.query, keep_blank_values=True)
            token = self.headers.get("Authorization", "")
            answer, status = owner.service.answer(self.command, address.path, query, body, token), 200
        except Refusal as refusal:
            answer, status = refusal.body, refusal.status
        self._finish(fault, status, answer)

    def _token(self, body: bytes) -> tuple[int, Any]:
        owner = self.server.owner
        try:
            return 200, owner.service.accounts.token(body, owner.url, owner.service.clock())
        except Refusal as refusal:
            return refusal.status, {"error": "invalid_grant", "error_description": refusal.message}

    def _finish(self, fault: Fault | None, status: int, answer: Any) -> None:
        match fault:
            case Fault.RESET_AFTER:
                self._cut()
            case Fault.STALLED:
                self.server.stopping.wait(_LATE)
                self._cut()
            case Fault.ERROR_AFTER:
                self._send(503, Refusal(503, "The service is currently unavailable.").body)
            case Fault.GARBLED:
                self._send(200, None, b"<html>")
            case _:
                self._send(status, answer)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def _send(self, status: int, answer: Any, raw: bytes | None = None) -> None:
        body = json.dumps(answer).encode() if raw is None else raw
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the names are the library's


@contextmanager
def serving(port: int = 0, per_minute: int | None = None) -> Iterator[Server]:
    """Serve without any spreadsheet."""
    with Server(Service(time.time, per_minute), port).running() as server:
        yield server
