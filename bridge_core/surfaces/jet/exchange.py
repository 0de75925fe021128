"""A request as this protocol reads one, and the reply to it: plain ASGI, JSON in and out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, unquote

import msgspec

from bridge_core.errors import Malformed, Rejected, TooLarge
from bridge_core.surfaces.http import Header
from bridge_core.values import decode_json

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]
Query: TypeAlias = Mapping[str, tuple[str, ...]]
"""Every parameter with its values, in the order in which they came."""

JSON: Final[Header] = (b"content-type", b"application/json")
_MOST_PARAMETERS: Final = 1_000
_OVERRIDABLE: Final = frozenset({"PUT", "PATCH", "DELETE"})
_encoder = msgspec.json.Encoder(decimal_format="number")


class Gone(Exception):
    """The client went away before its request was whole."""


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request counts. `segments` are the parts of the path, decoded; `slashed`: it ends in a slash."""

    method: str
    segments: tuple[str, ...]
    slashed: bool
    raw_query: bytes
    headers: Mapping[bytes, bytes]
    base: str  # scheme and host, as the client wrote them
    path: str
    _query: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @property
    def query(self) -> Query:
        """Return the parameters, or raise Malformed for what is no query of UTF-8 text."""
        if not self._query and self.raw_query:
            self._query.update(_parameters(self.raw_query))
        return self._query

    def first(self, name: str) -> str:
        """Return the first value of a parameter; nothing where it is absent."""
        return self.query.get(name, ("",))[0]

    def header(self, name: bytes) -> str:
        """Return a header as text; nothing where it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(slots=True)
class Reply:
    """Status, body, and headers without those of the transport. Whoever passes it on may add headers."""

    status: int
    body: bytes = b""
    headers: list[Header] = field(default_factory=list)


def reply(value: object, status: int = 200) -> Reply:
    """Return a reply of JSON."""
    return Reply(status, _encoder.encode(value), [JSON])


def request_of(scope: Mapping[str, Any]) -> Request:
    """Take from an ASGI scope what counts."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = value if name not in headers else headers[name] + b", " + value
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    parts = path.strip("/").split("/")
    method: str = scope["method"]
    wanted = headers.get(b"x-http-method-override", b"").decode("latin-1").strip().upper()
    if method == "POST" and wanted in _OVERRIDABLE:
        method = wanted
    host = headers.get(b"host", b"localhost").decode("latin-1")
    base = f"{scope.get('scheme', 'http')}://{host}"
    segments = tuple(unquote(part) for part in parts)
    return Request(method, segments, path.endswith("/"), scope["query_string"], headers, base, path)


async def body_of(request: Request, receive: Receive, *, most: int, patience: float) -> object:
    """Return the data of a body: JSON where it says so, else the fields of a form; no body is an empty object."""
    raw = await _received(receive, most, patience)
    kind = request.header(b"content-type").partition(";")[0].strip().lower()
    if kind == "application/json":
        if not raw.strip():
            return {}
        try:
            return decode_json(raw)
        except Malformed:
            raise Malformed("Incorrect JSON body") from None
    if kind == "application/x-www-form-urlencoded":
        return {name: values[0] if len(values) == 1 else list(values) for name, values in _parameters(raw).items()}
    if raw:
        raise Rejected("a body is JSON or a form", code="BRG415", hint="send Content-Type: application/json")
    return {}


async def deliver(answer: Reply, send: Send, *, head: bool, patience: float) -> None:
    """Send a reply; the client has so many seconds to take it."""
    if answer.status not in (204, 304):
        answer.headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    async with asyncio.timeout(patience):
        await send({"type": "http.response.body", "body": b"" if head else answer.body})


async def _received(receive: Receive, most: int, patience: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        try:
            async with asyncio.timeout(patience):
                message = await receive()
        except TimeoutError:
            raise Rejected("the body of the request did not arrive in time", code="BRG408") from None
        if message["type"] == "http.disconnect":
            raise Gone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > most:
            raise TooLarge(f"the body has more than {most} bytes")
        if not message.get("more_body", False):
            return b"".join(pieces)


def _parameters(raw: bytes) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii", "strict") if raw.isascii() else raw.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise Malformed("the parameters are not UTF-8") from None
    except ValueError:
        raise Malformed(f"there are more than {_MOST_PARAMETERS} parameters") from None
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}
