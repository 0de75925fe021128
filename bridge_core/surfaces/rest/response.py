"""A response as a value, and its way out: whole at once, or piece by piece."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from bridge_core.surfaces.http import Header

Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)
_EMPTY: Final = (b"content-length", b"0")
_NO_CONTENT: Final = frozenset({204, 304})
_SMALL: Final = 64 * 1024  # bytes


class Stream:
    """The pieces of a body, made from a source that is closed with it, whether anything was taken or not."""

    def __init__(self, source: AsyncIterator[bytes], pieces: AsyncIterator[bytes] | None = None) -> None:
        """Take the source, and what makes the pieces of it where it does not give them itself."""
        self._source = source
        self._pieces = source if pieces is None else pieces
        self._first: bytes | None = None

    def __aiter__(self) -> "Stream":
        """Return the pieces, one after the other."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await anext(self._pieces)

    async def prime(self) -> None:
        """Wait for the first piece, so that an early error can still be told."""
        self._first = await anext(self._pieces, b"[]")

    async def aclose(self) -> None:
        """Give back what the source holds."""
        for each in (self._pieces, self._source):
            close = getattr(each, "aclose", None)
            if close is not None:
                await close()


Body: TypeAlias = bytes | Stream


@dataclass(slots=True)
class Response:
    """Status, headers without those of the transport, and a body. Its maker may still add headers."""

    status: int
    headers: list[Header] = field(default_factory=list)
    body: Body = b""


class Interrupted(Exception):
    """An answer broke off after it had begun: the server must cut the connection, so that it is not taken for whole."""


async def deliver(response: Response, send: Send, *, head: bool, patience: float) -> None:
    """Send a response; with `head` without its body. A client has so many seconds to take each piece."""
    body = response.body
    if isinstance(body, Stream):
        await _deliver_stream(body, response, send, patience)
        return
    if response.status not in _NO_CONTENT and not head:
        response.headers.append((b"content-length", b"%d" % len(body)) if body else _EMPTY)
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    last = {"type": "http.response.body", "body": b"" if head else body}
    if len(body) < _SMALL:  # it fits into the buffers of the connection
        await send(last)
        return
    try:
        async with asyncio.timeout(patience):
            await send(last)
    except TimeoutError:
        raise Interrupted("the client took nothing") from None


async def _deliver_stream(stream: Stream, response: Response, send: Send, patience: float) -> None:
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        try:
            async for piece in stream:
                async with asyncio.timeout(patience):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except Exception as cause:  # noqa: BLE001  # whatever it was: a broken stream must not look like a short one
            _log.warning("an answer was broken off: %s", type(cause).__name__)
            raise Interrupted("the answer was broken off") from None
        await send({"type": "http.response.body", "body": b""})
    finally:
        await stream.aclose()


async def readied(response: Response, *, head: bool) -> None:
    """Make sure that a streamed body begins well; close it then where only the head is asked for."""
    stream = response.body
    if isinstance(stream, bytes):
        return
    try:
        await stream.prime()  # with `head` as well: a generator that was never started cannot give back what it holds
    except BaseException:  # whatever it was: the source is given back
        await stream.aclose()
        raise
    if head:
        response.body = b""
        await stream.aclose()
