"""Speak HTTP/1.1 on a socket, with bounds on what a client may send and on how long it may take.

uvicorn and its httptools parser do the work. What they leave open is closed here: the size and the number of headers,
the one Host header, and deadlines for the head, the body and the reading of the answer.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

import httptools
import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge_core.settings import ServerSettings

LINGER: Final = 1.0  # seconds that a refused client may take to notice: closing at once would tear the refusal away
VERSIONS: Final = frozenset({"1.0", "1.1"})

_CONTINUE: Final = b"HTTP/1.1 100 "
_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}


class Stage(Enum):
    """What a connection waits for."""

    HEAD = "head"
    BODY = "body"
    NOTHING = "nothing"  # the request is here: it is our turn


class _RefusedError(Exception):
    """Leave the parser; the reason stands in the protocol."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A timer runs only while something is overdue, so that ordinary requests pay for none."""

    bounds = ServerSettings()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = Stage.HEAD
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._refused = False
        self._begun = False  # a request was handed on; `cycle` is the latest
        self._overhead = 0  # bytes since the last thing that was parsed
        self._refusal = (HTTPStatus.BAD_REQUEST, "the request is not valid HTTP/1.1")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait(self.bounds.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self._wait(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; refuse a head that is too large, and watch over what is still to come."""
        if self._refused:
            return
        before = self._stage
        self._overhead += len(data)
        super().data_received(data)
        if self._stage is not Stage.NOTHING and self._overhead > self.bounds.max_header_bytes:
            self._refusal = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too large")
            self.send_400_response("")
        elif self._stage is not before or (self._stage is Stage.BODY and not self.cycle.response_complete):
            self._wait(self._patience())
        elif self._stage is Stage.HEAD and self._timer is None:
            self._wait(self.bounds.header_timeout)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._stage = Stage.HEAD

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        super().on_url(url)
        if len(self.url) > self.bounds.max_url:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "the URL is too long")

    def on_headers_complete(self) -> None:
        """Hand the request on, if its head is sound."""
        self._check_headers()
        self._check_head()
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # such an answer has no body that its head could wait for
            self.cycle.transport = _Joining(self.transport)  # type: ignore[assignment]  # all that a request uses
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # no other protocol is spoken here: answer, and close
        self._begun = True
        self._stage = Stage.BODY
        self._overhead = 0

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request: the next bytes belong to another one."""
        self._check_headers()  # trailers have joined them
        super().on_message_complete()
        self._stage = Stage.NOTHING
        self._overhead = 0

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it waits already; what is left of this one's body has a last deadline."""
        super().on_response_complete()
        if self._stage is Stage.NOTHING and self.timeout_keep_alive_task is not None:
            self._stage = Stage.HEAD

    def pause_writing(self) -> None:
        """Give a client that does not read some time."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.bounds.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what was sent, as a problem; requests before it get their answers first."""
        self._wait(None)
        self._stage = Stage.NOTHING
        self._refused = True
        unanswered = self._begun and not self.cycle.response_complete
        if unanswered and not self.cycle.more_body:  # the fault lies behind it
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if not unanswered or not (self.cycle.response_started or self.pipeline):
            self.transport.write(_refusal(*self._refusal))
            self.transport.write_eof()
            self._timer = self.loop.call_later(LINGER, self.transport.abort)
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: clients that offer HTTP/2 or a WebSocket get their answer over HTTP/1.1."""

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._refusal = (status, message)
        raise _RefusedError

    def _check_headers(self) -> None:
        if len(self.headers) > self.bounds.max_headers:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many headers")
        if sum(map(len, chain.from_iterable(self.headers))) > self.bounds.max_header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large")

    def _check_head(self) -> None:
        version = self.parser.get_http_version()
        if version not in VERSIONS:
            self._refuse(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this server speaks HTTP/1.1")
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version != "1.0"):
            self._refuse(HTTPStatus.BAD_REQUEST, "a request has exactly one Host header")
        if not self.url.startswith((b"/", b"*")) and hosts:
            target = httptools.parse_url(self.url)
            port = b":%d" % target.port if target.port else b""
            if hosts[0] not in {target.host + port, target.host + _DEFAULT_PORTS.get(target.schema, port)}:
                self._refuse(HTTPStatus.BAD_REQUEST, "the request target names another host than the Host header")

    def _patience(self) -> float | None:
        match self._stage:
            case Stage.HEAD:
                return self.bounds.header_timeout
            case Stage.BODY:
                return self.bounds.body_timeout
            case Stage.NOTHING:
                return None

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._overdue)

    def _overdue(self) -> None:
        self._timer = None
        if self._stage is Stage.BODY and self.flow.read_paused:  # it is us who do not read
            self._wait(self.bounds.body_timeout)
            return
        self._refusal = (HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time")
        self.send_400_response("")


class _Joining:
    """The transport, as one request writes to it: the head of the answer leaves together with the first of its body.

    Two small pieces would cost two system calls and two packets.
    """

    __slots__ = ("_head", "_sent", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._head = b""
        self._sent = False

    def write(self, data: bytes) -> None:
        if self._sent or data.startswith(_CONTINUE):
            self._transport.write(data)
        elif self._head:
            self._sent = True
            self._transport.writelines((self._head, data))
        else:
            self._head = data

    def close(self) -> None:
        self._transport.close()

    def is_closing(self) -> bool:
        closing: bool = self._transport.is_closing()
        return closing


class Listener(uvicorn.Server):
    """A server that ends with the first SIGTERM or SIGINT once its requests are done, and at once with the second.

    Requests that are not done after `drain` seconds are cut off: their connections are torn, and no answer is made up.
    """

    def __init__(
        self, config: uvicorn.Config, *, drain: float, stopping: Callable[[], None], hung_up: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._stopping = stopping
        self._hung_up = hung_up

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Act on signals from within the event loop while the server runs."""
        loop = asyncio.get_running_loop()
        actions = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._hung_up}
        for number, action in actions.items():
            loop.add_signal_handler(number, action)
        try:
            yield
        finally:
            for number in actions:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        if self.should_exit:
            self._cut_off()
            return
        self.should_exit = True
        self._stopping()
        asyncio.get_running_loop().call_later(self._drain, self._cut_off)

    def _cut_off(self) -> None:
        self.force_exit = True
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        for request in tuple(self.server_state.tasks):
            request.cancel()


def configuration(app: Any, settings: ServerSettings) -> uvicorn.Config:
    """Return uvicorn's configuration of a server that speaks plain HTTP/1.1 within the configured bounds."""
    bounded = type("BoundedProtocol", (BoundedProtocol,), {"bounds": settings})
    return uvicorn.Config(
        app,
        http=bounded,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, round(settings.keep_alive)),
    )


def _refusal(status: HTTPStatus, message: str) -> bytes:
    body = msgspec.json.encode({"code": f"BRG{status.value}", "message": message, "details": None, "hint": None})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
