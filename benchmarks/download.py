"""Read one large answer as fast as it comes, in a process of its own, and count its records afterwards.

python -m benchmarks.download < job > result
"""

import asyncio
import json
import sys
import time
from typing import Any

import httptools
import uvloop


class Download(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._transport: Any = None
        self.pieces: list[bytes] = []
        self.begun = self.first = self.ended = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = transport
        self.begun = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self.first = self.first or time.perf_counter()
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        """Stop the clock."""
        self.ended = time.perf_counter()
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it is over."""
        self.over.set_result(None)


async def _download(port: int, request: str) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    _, download = await loop.create_connection(lambda: Download(request.encode("latin-1")), "127.0.0.1", port)
    await asyncio.wait_for(download.over, 120)
    records = json.loads(b"".join(download.pieces)) if download.ended else []
    return {
        "rows": len(records),
        "seconds": download.ended - download.begun,
        "first_byte": download.first - download.begun,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_download(**json.load(sys.stdin)))))
