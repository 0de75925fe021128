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
from bridge_core.auth.settings import AuditSettings, AuthSettings, JetSettings
from bridge_core.auth.standing import StoreStanding
from bridge_core.call import Layer
from bridge_core.errors import ConfigurationError
from bridge_core.layers.audit import Redaction, audit
from bridge_core.store import values
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

    async def close(self) -> None:
        """Stop following and close every connection."""
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
    clock: Callable[[], float] = time.time,
) -> Auth:
    """Open the store and everything around it; a relative SQLite path stands in `folder`, beside plugins.toml."""
    store = await open_store(_placed(store_url, folder))
    outgoing: list[Outgoing] = []
    try:
        tokens = DataTokens(settings, clock) if settings.secret is not None else None
        key_use = KeyUse(store)
        kinds: list[Kind] = [ApiKeyKind(store, key_use, clock)]
        if tokens is not None:
            kinds.append(DataTokenKind(tokens, StoreStanding(store, clock)))
        kinds += _oidc(settings, outgoing, clock)
        if settings.jet is not None:
            kept = await values.load(store, values.PROJECT_TOKEN)
            kinds += _jet(settings.jet, kept, outgoing, clock, default)
        authenticator = Authenticator(kinds, clock=clock)
        follower = Follower(store, authenticator, key_use, clock=clock)
        await follower.look()
        login = Login(settings, store, tokens, authenticator, clock) if tokens is not None else None
        addresses = Addresses(settings.login.trusted_proxies)
    except BaseException:
        await asyncio.gather(*(each.close() for each in outgoing))
        await store.close()
        raise
    follower.start()
    auth = Auth(store, authenticator, addresses, login, follower, outgoing)
    return _audited(auth, settings.audit, clock) if settings.audit.enabled else auth


def _audited(auth: Auth, settings: AuditSettings, clock: Callable[[], float]) -> Auth:
    trail = StoreTrail(auth.store)
    trail.start()
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
    kept: str | None,
    outgoing: list[Outgoing],
    clock: Callable[[], float],
    default: str | None,
) -> list[Kind]:
    token = settings.project_token.get_secret_value() if settings.project_token is not None else kept

    def project_token() -> str | None:
        return token

    outgoing.append(Outgoing(settings.timeout))
    service = ProjectAuth(settings, outgoing[-1], time.monotonic)
    return [
        JetTokenKind(settings, project_token, clock, default),
        ProjectTokenKind(settings, service, project_token, clock, default),
        JetBearerKind(settings, clock, default),
    ]


def _placed(url: str, folder: Path) -> str:
    path = url.removeprefix(SQLITE)
    inside = url.startswith(SQLITE) and path and not path.startswith(("/", ":memory:"))
    return f"{SQLITE}{folder / path}" if inside else url
