"""Put authentication together as the configuration says: store, kinds of credentials, log-in, followers."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bridge_core.auth.api_key_kind import ApiKeyKind
from bridge_core.auth.attempts import Addresses
from bridge_core.auth.authenticate import Authenticator, Kind
from bridge_core.auth.data_token_kind import DataTokenKind
from bridge_core.auth.data_tokens import DataTokens
from bridge_core.auth.following import Follower
from bridge_core.auth.jet_token_kind import JetTokenKind
from bridge_core.auth.key_sets import KeySet
from bridge_core.auth.key_use import KeyUse
from bridge_core.auth.login import Login
from bridge_core.auth.oidc import OidcKind
from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.project_auth import ProjectAuth
from bridge_core.auth.project_token_kind import JetBearerKind, ProjectTokenKind
from bridge_core.auth.registration import project_token, watch_over
from bridge_core.auth.settings import AuditSettings, AuthSettings, JetSettings
from bridge_core.auth.standing import StoreStanding
from bridge_core.call import Layer
from bridge_core.errors import ConfigurationError
from bridge_core.layers.audit import Redaction, audit
from bridge_core.store.audit import StoreTrail
from bridge_core.store.engine import Store, open_store

SQLITE: Final = "sqlite:///"


@dataclass(eq=False)
class Auth:
    """Everything that one configuration needs to find out who asks. `close` ends it."""

    store: Store
    authenticator: Authenticator
    addresses: Addresses
    login: Login | None
    follower: Follower
    outgoing: list[Outgoing] = field(default_factory=list)
    trail: StoreTrail | None = None
    layers: tuple[Layer, ...] = ()
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def close(self) -> None:
        """Stop following and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.follower.close()
        if self.trail is not None:
            await self.trail.close()
        if self.login is not None:
            self.login.passwords.close()
        await asyncio.gather(*(each.close() for each in self.outgoing))
        await self.store.close()


async def open_auth(
    settings: AuthSettings,
    store_url: str,
    folder: Path,
    *,
    default: str | None = None,
    resources: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.time,
) -> Auth:
    """Open the store and everything around it; a relative SQLite path stands in `folder`, beside plugins.toml."""
    store = await open_store(placed(store_url, folder))
    outgoing: list[Outgoing] = []
    token: str | None = None
    try:
        tokens = DataTokens(settings, clock) if settings.secret is not None else None
        key_use = KeyUse(store)
        kinds: list[Kind] = [ApiKeyKind(store, key_use, clock)]
        if tokens is not None:
            kinds.append(DataTokenKind(tokens, StoreStanding(store, clock)))
        kinds += _oidc(settings, outgoing, clock)
        if settings.jet is not None:
            token = await project_token(settings.jet, store)
            kinds += _jet(settings.jet, token, outgoing, clock, default, resources)
        authenticator = Authenticator(kinds, clock=clock)
        keep = settings.audit.keep_days * 86_400.0
        follower = Follower(store, authenticator, key_use, clock=clock, keep_audit=keep)
        await follower.look()
        login = Login(settings, store, tokens, authenticator, clock) if tokens is not None else None
        addresses = Addresses(settings.login.trusted_proxies)
    except BaseException:
        await asyncio.gather(*(each.close() for each in outgoing))
        await store.close()
        raise
    follower.start()
    auth = Auth(store, authenticator, addresses, login, follower, outgoing)
    if settings.jet is not None:
        auth.tasks.append(asyncio.create_task(watch_over(settings.jet, token, outgoing[-1])))
    return _audited(auth, settings.audit, clock) if settings.audit.enabled else auth


def _audited(auth: Auth, settings: AuditSettings, clock: Callable[[], float]) -> Auth:
    trail = StoreTrail(auth.store)
    redaction = Redaction(frozenset(settings.redact))
    return replace(auth, trail=trail, layers=(audit(trail, redaction, clock, before=settings.before),))


def _oidc(settings: AuthSettings, outgoing: list[Outgoing], clock: Callable[[], float]) -> list[Kind]:
    issuers = []
    for each in settings.oidc:
        if each.issuer == settings.issuer:
            raise ConfigurationError(f"[[auth.oidc]] issuer {each.issuer!r} is the bridge's own name")
        outgoing.append(Outgoing(each.timeout))
        issuers.append((each, KeySet(each, outgoing[-1], time.monotonic)))
    return [OidcKind(issuers, clock)] if issuers else []


def _jet(
    settings: JetSettings,
    token: str | None,
    outgoing: list[Outgoing],
    clock: Callable[[], float],
    default: str | None,
    resources: frozenset[str],
) -> list[Kind]:
    outgoing.append(Outgoing(settings.timeout))
    service = ProjectAuth(settings, outgoing[-1], time.monotonic)
    return [
        JetTokenKind(settings, token, clock, default, resources),
        ProjectTokenKind(settings, service, token, clock, default),
        JetBearerKind(settings, clock, default),
    ]


def placed(url: str, folder: Path) -> str:
    """Return the URL of the store; a relative SQLite path is meant from the folder of plugins.toml."""
    path = url.removeprefix(SQLITE)
    inside = url.startswith(SQLITE) and path and not path.startswith(("/", ":memory:"))
    return f"{SQLITE}{folder / path}" if inside else url
