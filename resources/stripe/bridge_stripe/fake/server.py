"""The stand-in as a server: HTTP/1.1 on loopback, in a thread of its own, with faults where they are planned."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from bridge_stripe.fake.account import Account, Answer, Asked, failure
from bridge_stripe.fake.faults import Fault, Faults

_REASONS: Final[Mapping[int, str]] = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 402: "Request Failed", 403: "Forbidden", 404: "Not Found",
    409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error",
}  # fmt: skip
_UNDONE: Final = frozenset({Fault.ERROR_BEFORE, Fault.BUSY, Fault.LOCKED, Fault.IN_USE})
_MOST: Final = 10_000_000  # bytes of a request


class Server:
    """Serves one account on 127.0.0.1."""

    def __init__(self, account: Account, port: int = 0) -> None:
        self.account = account
        self.faults = Faults()
        self._wanted = port
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it answers."""
        assert self._server is not None  # it was started
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @contextmanager
    def running(self) -> Iterator["Server"]:
        """Serve as long as the block lasts."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, "127.0.0.1", self._wanted), self._loop
        ).result()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _stop(self) -> None:
        assert self._server is not None  # it was started
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a connection is served in a task
        self._connections.add(task)
        try:
            while (asked := await _request(reader)) is not None:
                if not await self._served(asked, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            pass  # the client is gone, or speaks no HTTP; or the server stops
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _served(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Answer one request, or fail at it; tell whether the connection is good for another."""
        fault = self.faults.next(asked.method)
        if fault is Fault.RESET_BEFORE:
            writer.transport.abort()
            return False
        if fault in _UNDONE:
            return await _send(writer, _excuse(fault))
        answer = self.account.answer(asked, stored_error=fault is Fault.STORED_ERROR)
        match fault:
            case Fault.RESET_AFTER:
                writer.transport.abort()
                return False
            case Fault.TRUNCATED:
                head, body = _encoded(answer)
                writer.write(head + body[: len(body) // 2])
                await writer.drain()
                return False
            case Fault.STALLED:
                await asyncio.Event().wait()
            case Fault.ERROR_AFTER:
                answer = failure("req_standin")
            case Fault.GARBLED:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n<html>")
                await writer.drain()
                return True
        return await _send(writer, answer)


async def _send(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    writer.write(b"".join(_encoded(answer)))
    await writer.drain()
    return True


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    line = (await reader.readline()).decode("latin-1")
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    headers = {}
    while header := (await reader.readline()).decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if length > _MOST:
        raise ValueError("too large a request")
    body = (await reader.readexactly(length)).decode() if length else ""
    path, _, query = target.partition("?")
    return Asked(method, path.removeprefix("/v1/"), body if method == "POST" else query, headers)


def _encoded(answer: Answer) -> tuple[bytes, bytes]:
    body = json.dumps(answer.body).encode()
    headers = {"content-type": "application/json", "content-length": len(body), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}", *(f"{each}: {headers[each]}" for each in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body


def _excuse(fault: Fault | None) -> Answer:
    match fault:
        case Fault.BUSY:
            return _refused(429, "rate_limit", {"Stripe-Rate-Limited-Reason": "global-rate", "Retry-After": "0.05"})
        case Fault.LOCKED:
            return _refused(429, "lock_timeout", {})
        case Fault.IN_USE:
            return _refused(409, "idempotency_key_in_use", {})
        case _:
            return failure("req_standin")


def _refused(status: int, code: str, headers: Mapping[str, str]) -> Answer:
    error = {"message": f"This is refused for now: {code}.", "type": "invalid_request_error", "code": code}
    return Answer(status, {"error": error}, {"Request-Id": "req_standin", **headers})
