"""What clients can send on a raw socket, and what they get: an answer, or a refusal, never a held connection."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge_core.listener import Listener, configuration
from bridge_core.settings import ServerSettings

pytestmark = pytest.mark.anyio

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BOUNDS = ServerSettings(
    header_timeout=0.2, body_timeout=0.2, keep_alive=1.0, write_timeout=0.3, max_url=4_096, max_header_bytes=16_384
)
OK = b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n"


class Echo:
    """An application that tells what reached it, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go_on = asyncio.Event()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.seen.append(f"{scope['method']} {scope['path']}")
        body = b""
        if scope["path"] == "/waits":
            await self.go_on.wait()
        while scope["path"] != "/early":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/pieces":
            await self._in_pieces(send)
            return
        answer = bytes(4_000_000) if scope["path"] == "/large" else b"%s|%d" % (scope["raw_path"], len(body))
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})

    async def _in_pieces(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"second", "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Served:
    """A listening server and what it heard."""

    def __init__(self, app: Echo, port: int) -> None:
        self.app = app
        self.port = port

    async def answer(self, *parts: bytes) -> bytes:
        """Send these bytes and return all that comes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
        except ConnectionError:
            pass  # refused before everything was sent: the answer is what counts
        try:
            return await asyncio.wait_for(reader.read(), 5)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@pytest.fixture(scope="module")
async def listening() -> AsyncIterator[Served]:
    app = Echo()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Listener(configuration(app, BOUNDS), drain=1.0, stopping=lambda: None, hung_up=lambda: None)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0)
        yield Served(app, listener.getsockname()[1])
        server.should_exit = True
        await running


@pytest.fixture
def served(listening: Served) -> Served:
    listening.app.seen.clear()
    listening.app.go_on.clear()
    return listening


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


CLOSE = b"Connection: close\r\n"

SOUND = {
    "origin form": (b"GET /ok HTTP/1.1\r\nHost: a\r\n%s\r\n" % CLOSE, b"/ok|0"),
    "absolute form": (b"GET http://a/ok HTTP/1.1\r\nHost: a\r\n%s\r\n" % CLOSE, b"/ok|0"),
    "absolute form with its default port": (b"GET http://a/ok HTTP/1.1\r\nHost: a:80\r\n%s\r\n" % CLOSE, b"/ok|0"),
    "http/1.0 without a host": (b"GET /ok HTTP/1.0\r\n\r\n", b"/ok|0"),
    "a slash that is encoded": (b"GET /a%%2f..%%2fb HTTP/1.1\r\nHost: a\r\n%s\r\n" % CLOSE, b"/a%2f..%2fb|0"),
    "a body of known length": (b"POST /ok HTTP/1.1\r\nHost: a\r\n%sContent-Length: 3\r\n\r\nabc" % CLOSE, b"/ok|3"),
    "a body in chunks": (
        b"POST /ok HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % CLOSE,
        b"/ok|3",
    ),
    "an offer of http/2": (b"GET /ok HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"/ok|0"),
    "an offer of a websocket": (
        b"GET /ok HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"/ok|0",
    ),
}


@pytest.mark.parametrize(("request_", "body"), SOUND.values(), ids=SOUND)
async def test_a_sound_request_reaches_the_application(served: Served, request_: bytes, body: bytes) -> None:
    answer = await served.answer(request_)

    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n" + body)


BODY = b"POST /ok HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

UNSOUND = {
    "no host": (b"GET /ok HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /ok HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "absolute form of another authority": (b"GET http://b/ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "content-length and chunked": (
        BODY + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        400,
    ),
    "two lengths": (BODY + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "two different lengths": (BODY + b"Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc", 400),
    "a negative length": (BODY + b"Content-Length: -1\r\n\r\n", 400),
    "a length with a sign": (BODY + b"Content-Length: +3\r\n\r\nabc", 400),
    "a length beyond all bounds": (BODY + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "chunked twice": (BODY + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "chunked is not the last coding": (BODY + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "a chunk size that is no number": (BODY + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "a chunk size with a prefix": (BODY + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400),
    "a bad end of a chunk": (BODY + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", 400),
    "bare line feeds": (b"GET /ok HTTP/1.1\nHost: a\n\n", 400),
    "a folded header": (b"GET /ok HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", 400),
    "a space before the colon": (b"GET /ok HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "a header without a name": (b"GET /ok HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    "a NUL in a header": (b"GET /ok HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
    "a NUL in the target": (b"GET /o\x00k HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bytes beyond ASCII in the target": (b"GET /o\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no version": (b"GET /ok\r\nHost: a\r\n\r\n", 505),
    "version 2": (b"GET /ok HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),
    "a method that is none": (b"G@T /ok HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "CONNECT": (b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", 400),
    "a URL that is too long": (b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "too many headers": (b"GET /ok HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 5_000 + b"\r\n", 431),
    "headers that are too large": (b"GET /ok HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 20_000 + b"\r\n\r\n", 431),
    "an endless header": (b"GET /ok HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 2_000_000, 431),
    "an endless name of a header": (b"GET /ok HTTP/1.1\r\nHost: a\r\n" + b"b" * 2_000_000, 431),
    "endless empty lines": (b"\r\n" * 1_000_000, 431),
    "an endless extension of a chunk": (
        BODY + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 1_000_000 + b"\r\na\r\n",
        431,
    ),
    "endless trailers": (BODY + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 5_000 + b"\r\n", 431),
}


@pytest.mark.parametrize(("request_", "code"), UNSOUND.values(), ids=UNSOUND)
async def test_an_unsound_request_is_refused_and_nothing_after_it_runs(
    served: Served, request_: bytes, code: int
) -> None:
    answer = await served.answer(request_)

    assert status(answer) == code
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head
    assert b"connection: close" in head
    assert json.loads(body)["code"] == f"BRG{code}"
    assert "GET /smuggled" not in served.app.seen


LATE = {
    "nothing at all": b"",
    "half a request line": b"GET /o",
    "half a head": b"GET /ok HTTP/1.1\r\nHost: a\r\n",
    "half a body": BODY + b"Content-Length: 10\r\n\r\nabc",
    "half a chunk": BODY + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "an empty line": b"\r\n",
}


@pytest.mark.parametrize("sent", LATE.values(), ids=LATE)
async def test_a_request_that_does_not_arrive_in_time_is_refused(served: Served, sent: bytes) -> None:
    assert status(await served.answer(sent)) == 408


async def test_a_connection_without_a_next_request_is_closed(served: Served) -> None:
    answer = await served.answer(OK)

    assert answer.count(b"HTTP/1.1 200") == 1


async def test_a_body_that_nobody_wants_holds_the_connection_for_a_bounded_time(served: Served) -> None:
    answer = await served.answer(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na")

    assert status(answer) == 200


async def test_a_client_that_does_not_read_is_cut_off(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1)
    writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")

    async def cut_off() -> None:
        while writer.transport.get_protocol() is not None and not reader.at_eof():
            writer.write(b"X")  # bytes of a next request: they fail once the server has aborted
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(cut_off(), 5)
    writer.close()


async def test_pipelined_requests_are_answered_in_their_order(served: Served) -> None:
    answer = await served.answer(OK + b"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert answer.index(b"/ok|0") < answer.index(b"/b|0")


async def test_rubbish_behind_a_request_does_not_take_its_answer_away(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n\x00rubbish\r\n\r\n")
    while not served.app.seen:
        await asyncio.sleep(0)

    served.app.go_on.set()

    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert answer.endswith(b"/waits|0")
    assert b"400" not in answer


async def test_a_request_that_is_being_answered_is_not_overdue(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /waits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await asyncio.sleep(3 * BOUNDS.header_timeout)

    served.app.go_on.set()

    assert status(await asyncio.wait_for(reader.read(), 5)) == 200
    writer.close()


async def test_the_head_of_an_answer_leaves_together_with_its_body(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    class Told:
        def __init__(self, transport: Any) -> None:
            self._transport = transport

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

        def write(self, data: bytes) -> None:
            sent.append(data)
            self._transport.write(data)

        def writelines(self, pieces: Any) -> None:
            sent.append(b"".join(pieces))
            self._transport.writelines(pieces)

    made: Any = HttpToolsProtocol.connection_made
    monkeypatch.setattr(HttpToolsProtocol, "connection_made", lambda self, transport: made(self, Told(transport)))

    answer = await served.answer(b"GET /ok HTTP/1.1\r\nHost: a\r\n%s\r\n" % CLOSE)

    assert sent == [answer]


async def test_head_is_answered_by_a_head_alone(served: Served) -> None:
    answer = await served.answer(b"HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n%s\r\n" % CLOSE)

    first, second, body = answer.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200")
    assert b"content-length: 5" in first
    assert second.startswith(b"HTTP/1.1 200")
    assert body == b"/ok|0"


async def test_a_client_that_asks_whether_to_go_on_is_told_so_first(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(BODY + CLOSE + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")

    told = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.write(b"abc")

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n\r\n/ok|3")
    writer.close()


async def test_the_first_piece_of_a_long_answer_does_not_wait_for_the_second(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /pieces HTTP/1.1\r\nHost: a\r\n%s\r\n" % CLOSE)

    begun = await asyncio.wait_for(reader.readuntil(b"first\r\n"), 5)
    served.app.go_on.set()

    assert begun.startswith(b"HTTP/1.1 200")
    assert await asyncio.wait_for(reader.read(), 5) == b"6\r\nsecond\r\n0\r\n\r\n"
    writer.close()
