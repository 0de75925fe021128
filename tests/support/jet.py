"""A service on a socket that answers as a test says: Jet Admin's, or the documents of an identity provider."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

Reply = tuple[int, bytes] | Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Service:
    """A service on a socket that answers as a test says, and knows what it was asked.

    `replies` maps a token (or a path) to status and body, or to a function that does worse.
    """

    port: int
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, name: str, body: Any, status: int = 200) -> None:
        self.replies[name] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
            stub.asked.append(form | {"path": self.path})
            self._reply(stub.replies.get(form.get("token", ""), (403, b"{}")))

        def do_GET(self) -> None:
            stub.asked.append({"path": self.path})
            self._reply(stub.replies.get(self.path, (404, b"{}")))

        def _reply(self, reply: Reply) -> None:
            if not isinstance(reply, tuple):
                reply(self)
                return
            self.send_response(reply[0])
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply[1])))
            if 300 <= reply[0] < 400:
                self.send_header("location", f"{stub.url}/yes")
            self.end_headers()
            self.wfile.write(reply[1])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Service(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()
