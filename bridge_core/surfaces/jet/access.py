"""Who asks, and what they may do: one question to Jet Admin's service per request, as its protocol has it."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, Protocol, TypeAlias, runtime_checkable

from bridge_core.auth.authenticate import Asked, Authenticator
from bridge_core.auth.jet_rights import Permission, permission_for
from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.errors import BridgeError, Forbidden
from bridge_core.operations import Verb
from bridge_core.surfaces.jet.naming import place_of

Who: TypeAlias = Callable[[str | None, str | None, Permission | None], Awaitable[Principal]]
"""Authorization header, apikey header and the permission that the request needs -> who asks."""

SETTINGS: Final[Permission] = ("project", "project_settings", "")
CUSTOMIZATION: Final[Permission] = ("project", "project_customization", "")
_ASKED_REMOTELY: Final = ("Token ", "ProjectToken ")


class Anyone(Enum):
    """Who is let in without a right of their own."""

    PUBLIC = "public"  # everybody, also without a credential
    MEMBER = "member"  # everybody with a credential
    ADMIN = "admin"  # whoever runs the server


Need: TypeAlias = Anyone | Permission | Verb
"""What an endpoint asks of its caller; a verb is meant of the model in its path."""


@runtime_checkable
class Permits(Protocol):
    """Rights that know permissions beyond those on models."""

    async def permits(self, asked: Permission) -> bool:
        """Tell whether a credential is good for a permission."""
        ...


def asking(authenticator: Authenticator) -> Who:
    """Return what finds out who asks; a token that Jet Admin's service decides about is asked about once."""

    async def who(authorization: str | None, apikey: str | None, permission: Permission | None) -> Principal:
        known = authenticator.remembered(authorization)
        if known is not None and permission is None:
            return known
        if authorization is not None and authorization.startswith(_ASKED_REMOTELY):
            return await authenticator.authenticate(authorization, apikey, Asked(permission=permission))
        return known if known is not None else await authenticator.authenticate(authorization, apikey)

    return who


def permission_of(need: Need, bridge: Bridge, model: str) -> Permission | None:
    """Return what Jet Admin's service is asked about, for an endpoint."""
    match need:
        case Verb():
            return permission_for(*place_of(bridge, model), need, bridge.default)
        case Anyone():
            return None
        case _:
            return need


async def must_fit(need: Need, principal: Principal) -> None:
    """Raise unless a principal may come in; of records the bridge decides with each operation."""
    if need is Anyone.PUBLIC:
        return
    if principal.anonymous and not isinstance(need, Verb):
        raise denied()
    if need is Anyone.ADMIN:
        if principal.claims.get("admin") is not True and principal.subject != "jet-bearer":
            raise denied()
    elif isinstance(need, tuple):
        rights: object = principal.rights
        if not isinstance(rights, Permits) or not await rights.permits(need):
            raise denied()


def denied() -> BridgeError:
    """Say that something may not be done."""
    return Forbidden("You don't have permission to access this")
