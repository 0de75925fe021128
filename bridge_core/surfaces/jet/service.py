"""What the server says about itself, the reload of descriptions, and messages for handlers that others register."""

import resource
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, version
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import quote

from bridge_core.auth.jet_rights import Permission
from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.errors import BridgeError, ConfigurationError
from bridge_core.surfaces.jet.access import CUSTOMIZATION, SETTINGS, Anyone, must_fit
from bridge_core.surfaces.jet.endpoints import Endpoint, Route, route
from bridge_core.surfaces.jet.exchange import Reply, Request, reply
from bridge_core.surfaces.jet.inspecting import inspected
from bridge_core.surfaces.jet.naming import name_of
from bridge_core.surfaces.jet.problems import Invalid, general
from bridge_core.surfaces.jet.settings import Identity
from bridge_core.surfaces.jet.visit import Visit

Message: TypeAlias = Callable[[Mapping[str, object], Principal, Bridge], Awaitable[object]]
"""Takes the parameters of a message, who sent it, and the bridge; returns what is answered, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Answers messages of one name; whoever sends one needs the permission."""

    answer: Message
    needs: Permission = CUSTOMIZATION


MESSAGES: Final = "bridge.jet_messages"  # the group of entry points of handlers
TAKES_TOKENS: Final = frozenset({"/api/token_inspect/"})
NO_HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType({})


def registered(available: Iterable[EntryPoint]) -> Mapping[str, Handler]:
    """Load the handlers that installed packages offer, by the names of their messages."""
    found = {}
    for entry in available:
        try:
            handler: object = entry.load()
        except Exception as cause:  # whatever the import of a stranger raises
            raise ConfigurationError(f"the handler of messages {entry.name!r} ({entry.value}) does not load") from cause
        if not isinstance(handler, Handler):
            raise ConfigurationError(f"{entry.value} is no Handler", hint="see docs/moving-from-jet-bridge.md")
        found[entry.name] = handler
    return MappingProxyType(found)


def routes(identity: Identity, handlers: Mapping[str, Handler] = NO_HANDLERS) -> tuple[Route, ...]:
    """Return the endpoints of a server of that name."""
    began = time.monotonic()
    public = Anyone.PUBLIC

    async def register(visit: Visit) -> Reply:
        return _registration(visit.request, identity)

    async def inspect(visit: Visit) -> Reply:
        return inspected(visit.request, identity)

    async def status(visit: Visit) -> Reply:
        return _status(visit.bridge, time.monotonic() - began)

    async def message(visit: Visit) -> Reply:
        return await _message(visit, handlers)

    return (
        route((), GET=Endpoint(public, _version)),
        route(("register",), GET=Endpoint(public, register)),
        route(("token_inspect",), GET=Endpoint(public, inspect)),
        route(("status",), GET=Endpoint(Anyone.ADMIN, status)),
        route(("trigger_exception",), GET=Endpoint(Anyone.ADMIN, _fail)),
        route(("reload",), POST=Endpoint(SETTINGS, _reload)),
        route(("discover", "connection"), GET=Endpoint(CUSTOMIZATION, _connection)),
        route(("discover", "tables"), GET=Endpoint(CUSTOMIZATION, _tables)),
        route(("messages",), POST=Endpoint(Anyone.MEMBER, message)),
    )


async def _version(visit: Visit) -> Reply:
    return reply(
        {
            "version": version("bridge-core"),
            "type": "jet_bridge",
            "store_available": True,
            "media_url_template": f"{visit.request.base}/media/{{}}",
        }
    )


def _registration(request: Request, identity: Identity) -> Reply:
    if not identity.project or not identity.registered:
        return Reply(400, b"[auth.jet] project and project_token are not set", [(b"content-type", b"text/plain")])
    environment = f"/{quote(identity.environment)}" if identity.environment else ""
    token = request.first("token")
    query = request.raw_query.decode("ascii", "replace")
    referrer = f"{request.base}{request.path}" + (f"?{query}" if query else "")
    parts = [f"engine={quote(identity.engine)}", f"referrer={quote(referrer)}"]
    parts += [f"token={quote(token)}"] if token else []
    place = f"{identity.web_base_url}/builder/{quote(identity.project)}{environment}/resources/database/create/"
    return Reply(302, b"", [(b"location", f"{place}#{'&'.join(parts)}".encode())])


def _status(bridge: Bridge, uptime: float) -> Reply:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    active = [
        {"name": name, "tables": len(served.models), "project": None}
        for name, served in bridge.resources().items()
        if served.failure is None
    ]
    return reply(
        {
            "total_pending_connections": len(bridge.resources()) - len(active),
            "total_schema_generating_connections": 0,
            "total_active_connections": len(active),
            "pending_connections": [],
            "schema_generating_connections": [],
            "active_connections": active,
            "memory_used": used,
            "memory_used_str": f"{used / 1024 / 1024:.1f} MB",
            "uptime": round(uptime, 3),
        }
    )


async def _fail(visit: Visit) -> Reply:
    raise RuntimeError("a failure that was asked for")


async def _reload(visit: Visit) -> Reply:
    for name in visit.bridge.resources():
        await visit.bridge.refresh(name)
    return reply({"success": True})


async def _connection(visit: Visit) -> Reply:
    for name in visit.bridge.resources():
        try:
            await visit.bridge.probe(name)
        except BridgeError as failure:
            raise general(f"{name}: {failure.message}") from None
    return reply({"status": True})


async def _tables(visit: Visit) -> Reply:
    bridge = visit.bridge
    names = [name_of(bridge, name, model) for name, served in bridge.resources().items() for model in served.models]
    return reply({"tables": names, "max_tables": None})


async def _message(visit: Visit, handlers: Mapping[str, Handler]) -> Reply:
    data = await visit.body()
    name, params = data.get("name"), data.get("params") or {}
    if not isinstance(name, str) or not name:
        raise Invalid({"name": "this field is required"})
    if not isinstance(params, dict):
        raise Invalid({"params": "this must be an object"})
    handler = handlers.get(name)
    if handler is None:
        return Reply(200)
    await must_fit(handler.needs, visit.principal)
    return reply(await handler.answer(params, visit.principal, visit.bridge))
