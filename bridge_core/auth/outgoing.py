"""Ask the services that know about credentials: one client, bounded time, bounded answers, no redirects."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx

from bridge_core.auth.compact import Damaged, strict_object
from bridge_core.errors import Unavailable

MAX_ANSWER: Final = 1_000_000  # bytes
AGENT: Final = "bridge"


class Outgoing:
    """A pool of connections to a service. `timeout` bounds one whole exchange, not each of its parts."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
            headers={"user-agent": AGENT, "accept": "application/json"},
        )

    async def exchange(self, method: str, url: str, form: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Return status and body, or raise Unavailable where there is no answer, or one without end."""
        try:
            async with asyncio.timeout(self._timeout), self._client.stream(method, url, data=form) as response:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        return 0, b""
                return response.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as cause:
            raise Unavailable("a service that checks credentials does not answer", retry_after=5) from cause

    async def document(self, url: str) -> dict[str, Any]:
        """Return a JSON object, or raise Unavailable."""
        status, body = await self.exchange("GET", url)
        try:
            if status == 200:
                return strict_object(body)
        except Damaged:
            pass
        raise Unavailable("a service that checks credentials does not answer as it should", retry_after=5)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
