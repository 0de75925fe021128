"""A response as a value, and its way out: whole at once, or piece by piece."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from bridge_core.surfaces.http import Header

Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]
Body: TypeAlias = bytes | AsyncIterator[bytes]

_log = logging.getLogger(__name__)
_EMPTY: Final = (b"content-length", b"0")
_NO_CONTENT: Final = 204


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
    if not isinstance(body, bytes):
        await (_end(body, response, send) if head else _deliver_stream(body, response, send, patience))
        return
    headers = response.headers
    if response.status != _NO_CONTENT and not head:
        headers.append((b"content-length", b"%d" % len(body)) if body else _EMPTY)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def _end(stream: AsyncIterator[bytes], response: Response, send: Send) -> None:
    await _close(stream)
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    await send({"type": "http.response.body", "body": b""})


async def _deliver_stream(stream: AsyncIterator[bytes], response: Response, send: Send, patience: float) -> None:
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
        await _close(stream)


async def primed(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Wait for the first piece of a stream, so that an early error can still be told, and return the whole stream."""
    try:
        first = await anext(stream, b"[]")
    except BaseException:
        await _close(stream)
        raise
    return _chained(first, stream)


async def _chained(first: bytes, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in stream:
            yield piece
    finally:
        await _close(stream)


async def _close(stream: AsyncIterator[bytes]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
