"""A client below httpx: it sends any bytes, and sees every message of the application."""

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge_core.surfaces.rest import RestApp


@dataclass
class Exchange:
    """One request and what came back. The client goes away when `gone` is set; a stalled one takes nothing more."""

    method: str = "GET"
    path: bytes = b"/rest/shelf/books"
    query: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: Sequence[bytes] = (b"",)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    stalled: bool = False
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    async def run(self, app: RestApp) -> "Exchange":
        waiting = list(self.body)

        async def receive() -> MutableMapping[str, Any]:
            if waiting:
                piece = waiting.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
            await self.gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.answered = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
                return
            self.pieces.append(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if self.stalled:
                await asyncio.Event().wait()

        await app(self.scope, receive, send)
        return self

    @property
    def scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "method": self.method,
            "path": self.path.decode("latin-1"),
            "raw_path": self.path,
            "root_path": "",
            "query_string": self.query,
            "headers": [(b"host", b"bridge"), *self.headers],
        }
