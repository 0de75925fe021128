"""Credentials that Jet Admin's service decides about: `Token ...`, `ProjectToken ...`; and its static bearer key."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge_core.auth.authenticate import Asked
from bridge_core.auth.credentials import Credential, Scheme, unauthenticated
from bridge_core.auth.jet_rights import JetRights, Permission, permission_for
from bridge_core.auth.project_auth import RESERVED, ProjectAuth
from bridge_core.auth.remembered import Verified
from bridge_core.auth.settings import JetSettings
from bridge_core.call import Principal
from bridge_core.operations import Verb

MAX_TOKEN: Final = 4_096


@dataclass(frozen=True, eq=False)
class RemoteRights:
    """Asks the service anew for each permission."""

    service: ProjectAuth = field(repr=False)
    token: str = field(repr=False)
    params: Mapping[str, str]
    project_token: str | None = field(repr=False)
    default: str | None

    async def allow(self, resource: str, model: str, verb: Verb) -> bool:
        """Tell whether the token is good for a verb on a model."""
        return await self.permits(permission_for(resource, model, verb, self.default))

    async def permits(self, asked: Permission) -> bool:
        """Tell whether the token is good for a permission."""
        return await self.service.ask(self.token, asked, self.params, self.project_token)


class ProjectTokenKind:
    """Takes the schemes Token and ProjectToken."""

    def __init__(
        self,
        settings: JetSettings,
        service: ProjectAuth,
        project_token: str | None,
        clock: Callable[[], float],
        default: str | None = None,
    ) -> None:
        self._settings = settings
        self._service = service
        self._project_token = project_token
        self._clock = clock
        self._default = default

    def takes(self, credential: Credential) -> bool:
        """Take both schemes."""
        return credential.scheme in (Scheme.TOKEN, Scheme.PROJECT_TOKEN) and len(credential.value) <= MAX_TOKEN

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Ask whether the token is good for the permission asked for, else whether it is a member's at all."""
        if not RESERVED.isdisjoint(credential.params):
            raise unauthenticated()
        token = asked.tenant.token if asked.tenant else self._project_token
        started = self._clock()
        if await self._service.ask(credential.value, asked.permission, credential.params, token) is not True:
            raise unauthenticated()
        rights = RemoteRights(self._service, credential.value, credential.params, token, self._default)
        name = hashlib.sha256(credential.value.encode()).hexdigest()[:16]
        principal = Principal(f"jet-token:{name}", self._settings.roles, rights=rights)
        return Verified(principal, started + min(self._settings.remember, 5.0))


class JetBearerKind:
    """Takes bearer credentials that equal the configured key; they may do everything."""

    def __init__(self, settings: JetSettings, clock: Callable[[], float], default: str | None = None) -> None:
        self._key = settings.bearer_key.get_secret_value().encode() if settings.bearer_key else b""
        self._roles = settings.roles
        self._clock = clock
        self._default = default

    def takes(self, credential: Credential) -> bool:
        """Take a bearer credential that no other kind takes, if a key is configured."""
        return bool(self._key) and credential.scheme is Scheme.BEARER

    async def verify(self, credential: Credential, asked: Asked) -> Verified:
        """Compare, in constant time."""
        if not hmac.compare_digest(credential.value.encode(), self._key):
            raise unauthenticated()
        rights = JetRights(everything=True, default=self._default)
        return Verified(Principal("jet-bearer", self._roles, rights=rights), self._clock() + 60.0)
