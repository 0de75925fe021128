"""One reading of the configuration, put to work: resources, policy, authentication, surfaces."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from bridge_core import registry, roles
from bridge_core.auth.assembly import Auth, open_auth
from bridge_core.auth.authenticate import Authenticator
from bridge_core.auth.settings import JetSettings as JetAdmin
from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.errors import BridgeError
from bridge_core.registry import Opener
from bridge_core.settings import ServerSettings, Settings
from bridge_core.store.idempotency import StoreMemory
from bridge_core.store.overrides import RelationOverrides
from bridge_core.surfaces import auth as auth_surface
from bridge_core.surfaces import health
from bridge_core.surfaces.guard import guarded
from bridge_core.surfaces.http import Authenticate
from bridge_core.surfaces.jet import JetApp, schema, service
from bridge_core.surfaces.jet.access import asking
from bridge_core.surfaces.jet.settings import Identity, JetSettings
from bridge_core.surfaces.rest import RestApp, RestSettings
from bridge_core.surfaces.routes import Access, Application, Entry, application

_log = logging.getLogger(__name__)

REST: Final = "/rest/"
JET: Final = "/api/"
RETRIES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between attempts to open a resource; the last one repeats


@dataclass(eq=False)
class Generation:
    """Everything that one reading of the configuration led to; requests end on the generation they began with."""

    settings: Settings
    bridge: Bridge
    auth: Auth
    data: Mapping[str, Application]  # the surfaces that make operations, by the beginning of their paths
    pages: Application
    running: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def close(self) -> None:
        """Wait for the requests that still run, within bounds, and close every resource."""
        if self.running:
            self.idle.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.idle.wait(), self.settings.server.drain)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.bridge.close()
        await self.auth.close()


async def opened(settings: Settings, available: Sequence[EntryPoint], draining: Callable[[], bool]) -> Generation:
    """Open everything that the settings name; raise ConfigurationError where something that is required fails."""
    policy = roles.policy_of(settings)
    openers = registry.openers(settings, available)
    async with AsyncExitStack() as opening:  # whatever fails: nothing stays open
        url, folder = settings.store.url.get_secret_value(), settings.path.parent
        names = frozenset(settings.resources)
        auth = await open_auth(settings.auth, url, folder, default=settings.default_resource, resources=names)
        opening.push_async_callback(auth.close)
        served = await registry.open_all(settings, openers)
        memory = StoreMemory(auth.store)
        bridge = Bridge(
            served,
            policy,
            default=settings.default_resource,
            inside=auth.layers,
            memory=memory,
            relations=[each.declared() for each in settings.relations],
        )
        opening.push_async_callback(bridge.close)
        roles.check(settings, bridge.resources())
        data = _data(settings, bridge, auth)
        table = [
            *(Entry(prefix, app, access=Access.POLICY) for prefix, app in data.items()),
            *auth_surface.routes(auth),
            *health.routes(bridge, draining),
        ]
        pages = guarded(application(table))
        opening.pop_all()
    bridge.watch()
    failed = [opener for opener in openers if bridge.resources()[opener.name].adapter is None]
    tasks = [asyncio.create_task(_open_later(opener, bridge)) for opener in failed]
    surfaces = {prefix: guarded(app, but=service.TAKES_TOKENS) for prefix, app in data.items()}
    return Generation(settings, bridge, auth, surfaces, pages, tasks=tasks)


def authenticate(authenticator: Authenticator) -> Authenticate:
    """Return what finds out who asks, at once where that is remembered."""

    def who(authorization: str | None, apikey: str | None) -> Awaitable[Principal] | Principal:
        known = authenticator.remembered(authorization)
        return known if known is not None else authenticator.authenticate(authorization, apikey)

    return who


def rest_settings(settings: ServerSettings) -> RestSettings:
    """Return what the REST surface is told."""
    return RestSettings(
        base=REST.rstrip("/"),
        origins=settings.cors_origins,
        max_url=settings.max_url,
        max_body=settings.max_body,
        max_rows=settings.max_rows,
        deadline=settings.deadline,
        body_timeout=settings.body_timeout,
        write_timeout=settings.write_timeout,
        rollback=settings.rollback,
        aggregates=settings.aggregates,
    )


def jet_settings(settings: Settings) -> JetSettings:
    """Return what the surface of the Jet Bridge protocol is told."""
    server, jet = settings.server, settings.auth.jet or JetAdmin()
    default = settings.resources.get(settings.default_resource or "")
    return JetSettings(
        origins=server.cors_origins,
        max_url=server.max_url,
        max_body=server.max_body,
        deadline=server.deadline,
        body_timeout=server.body_timeout,
        write_timeout=server.write_timeout,
        identity=Identity(
            project=jet.project,
            environment=jet.environment,
            registered=jet.project_token is not None,
            jwt_verify_key=jet.jwt_verify_key,
            web_base_url=str(jet.web_base_url).rstrip("/"),
            engine=default.adapter if default is not None else "none",
        ),
    )


def _data(settings: Settings, bridge: Bridge, auth: Auth) -> Mapping[str, Application]:
    rest = RestApp(bridge, authenticate(auth.authenticator), rest_settings(settings.server))
    if settings.auth.jet is None:
        return {REST: rest}
    told = jet_settings(settings)
    handlers = service.registered(entry_points(group=service.MESSAGES))
    routes = (*service.routes(told.identity, handlers), *schema.routes(RelationOverrides(auth.store)))
    return {REST: rest, JET: JetApp(bridge, asking(auth.authenticator), told, routes=routes)}


async def _open_later(opener: Opener, bridge: Bridge) -> None:
    attempt = 0
    while True:
        await asyncio.sleep(RETRIES[min(attempt, len(RETRIES) - 1)])
        attempt += 1
        try:
            bridge.adopt(await opener.open())
        except BridgeError as error:
            _log.debug("resource %s is still not available: %s", opener.name, error)
        else:
            _log.info("resource %s is available now", opener.name)
            return
