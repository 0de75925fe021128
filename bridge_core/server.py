"""The composition root: configuration -> generations -> one ASGI application, and the process around it."""

import asyncio
import gc
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from starlette.types import Receive, Scope, Send

from bridge_core.config import load
from bridge_core.errors import BridgeError, ConfigurationError
from bridge_core.generation import JET, REST, Generation, opened
from bridge_core.listener import Listener, configuration
from bridge_core.settings import ServerSettings, Settings

_log = logging.getLogger(__name__)

YOUNG: Final = 10_000  # objects that are made before a collection looks for cycles: requests make few of those


class Site:
    """The ASGI application: it sends each request to the present generation, data requests past Starlette."""

    def __init__(self, path: Path, environ: Mapping[str, str], available: Sequence[EntryPoint]) -> None:
        """Take where the configuration is; `open` reads it."""
        self._path = path
        self._environ = environ
        self._available = available
        self._reloading = asyncio.Lock()
        self._present: Generation | None = None
        self.draining = False

    @property
    def running(self) -> int:
        """Return the number of requests that run on the present generation."""
        return self._present.running if self._present is not None else 0

    async def open(self, settings: Settings) -> None:
        """Open what the settings name; raise ConfigurationError where something that is required fails."""
        self._present = await opened(settings, self._available, self._is_draining)

    async def reload(self) -> None:
        """Read the configuration again and swap generations; whatever is wrong with it, the present one stays."""
        async with self._reloading:
            try:
                settings = load(self._path, self._environ)
                present, self._present = self._present, await opened(settings, self._available, self._is_draining)
            except BridgeError as error:
                _log.error("the configuration stays as it was: %s", error)
                return
            except Exception:  # noqa: BLE001  # whatever it was: the present generation goes on, and the operator hears of it
                _log.exception("the configuration stays as it was")
                return
            _log.info("the configuration was read again")
            if present is not None:
                if present.settings.server != settings.server:
                    _log.warning("[server] changed: its address and limits take effect with the next start")
                await present.close()

    async def close(self) -> None:
        """Close the present generation."""
        if self._present is not None:
            await self._present.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        generation = self._present
        assert generation is not None  # the listener starts after `open`
        generation.running += 1
        try:
            path = scope["path"]
            prefix = REST if path.startswith(REST) else JET if path.startswith(JET) else ""
            await generation.data.get(prefix, generation.pages)(scope, receive, send)
        finally:
            generation.running -= 1
            if not generation.running:
                generation.idle.set()

    def _is_draining(self) -> bool:
        return self.draining


async def serve(settings: Settings, listening: socket.socket, available: Sequence[EntryPoint]) -> None:
    """Serve on a bound socket until a signal says to stop; SIGHUP reads the configuration again."""
    site = Site(settings.path, os.environ, available)
    await site.open(settings)
    tasks: set[asyncio.Task[None]] = set()

    def hung_up() -> None:
        task = asyncio.create_task(site.reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def stopping() -> None:
        site.draining = True

    bounds = settings.server
    listener = Listener(configuration(site, bounds), drain=bounds.drain, stopping=stopping, hung_up=hung_up)
    gc.collect()
    gc.freeze()  # what is here now stays: no collection looks at it again
    gc.set_threshold(YOUNG)
    try:
        await listener.serve(sockets=[listening])
    finally:
        await site.close()


def bound(settings: ServerSettings) -> socket.socket:
    """Bind the configured address, or raise ConfigurationError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}",
            hint="choose another `port` in [server], or 0 for any free one",
        ) from error
