"""A proxy on loopback that stands before a backend and can cut the connections to it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_CHUNK: Final = 65_536


class FaultProxy:
    """Passes bytes on, until it is told to fail; runs in a thread of its own.

    A call is what a client sends until it is answered, so `failing(1)` lets one question and its answer through.
    """

    def __init__(self, host: str, port: int) -> None:
        self._backend = (host, port)
        self._left: int | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port of loopback where the backend now seems to be."""
        assert self._server is not None  # it was started
        return int(self._server.sockets[0].getsockname()[1])

    @contextmanager
    def running(self) -> Iterator["FaultProxy"]:
        """Serve as long as the block lasts."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @contextmanager
    def failing(self, after: int) -> Iterator[None]:
        """Let so many calls through and cut the connection of every later one, until the block ends."""
        self._left = after
        try:
            yield
        finally:
            self._left = None

    async def _stop(self) -> None:
        assert self._server is not None  # it was started
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a connection is served in a task
        self._connections.add(task)
        try:
            there, back = await asyncio.open_connection(*self._backend)
            await _Connection(self, writer, back).pass_on(reader, there)
        except OSError:
            writer.close()
        finally:
            self._connections.discard(task)

    def passes(self) -> bool:
        """Count a call, and tell whether it gets through."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0


class _Connection:
    def __init__(self, proxy: FaultProxy, client: asyncio.StreamWriter, backend: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._backend = backend
        self._answered = True

    async def pass_on(self, client: asyncio.StreamReader, backend: asyncio.StreamReader) -> None:
        """Pass bytes on both ways until one side has ended, or a call is to fail."""
        ways = [asyncio.ensure_future(each) for each in (self._questions(client), self._answers(backend))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (self._client, self._backend):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _questions(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(_CHUNK):
            if self._answered and not self._proxy.passes():
                return
            self._answered = False
            self._backend.write(chunk)
            await self._backend.drain()

    async def _answers(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(_CHUNK):
            self._answered = True
            self._client.write(chunk)
            await self._client.drain()
