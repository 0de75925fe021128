"""What a credential of Jet Admin allows: permissions as its protocol writes them, as verbs on models."""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bridge_core.auth.compact import Damaged, strict_list
from bridge_core.operations import Verb

Permission: TypeAlias = tuple[str, str, str]
"""Type, object, actions: ("model", "customers", "rw")."""

MAX_UNPACKED: Final = 1_000_000  # bytes
MAX_PERMISSIONS: Final = 10_000

_ACTIONS: Final[Mapping[Verb, str]] = {
    Verb.READ: "r",
    Verb.CREATE: "w",
    Verb.UPDATE: "w",
    Verb.DELETE: "d",
    Verb.ACT: "w",  # and a role has to name the action
}
_SETTINGS: Final = ("project", "project_settings")


@dataclass(frozen=True, slots=True)
class JetRights:
    """The permissions of one token for one project. `default` is the resource whose models go by their bare names.

    Jet writes the name that a bridge has there before the model: `<bridge>.<model>`, or the model alone. `resources`
    are the names of our own: what begins with one of them speaks of that resource, and of no other one's model.
    """

    everything: bool = False
    read_only: bool = False
    permissions: frozenset[Permission] = frozenset()
    default: str | None = None
    resources: frozenset[str] = frozenset()

    async def allow(self, resource: str, model: str, verb: Verb) -> bool:
        """Tell whether the token is good for a verb on a model."""
        return await self.permits(permission_for(resource, model, verb, self.default))

    async def permits(self, asked: Permission) -> bool:
        """Decide as Jet's protocol has it: owners everything, readers reading, others by their permissions."""
        if self.everything:
            return True
        kind, thing, actions = asked
        if self.read_only:
            return (kind == "model" and actions == "r") or (kind, thing) == _SETTINGS
        return any(
            kind == of_kind and actions in granted and thing == self._meant(of_kind, of_thing)
            for of_kind, of_thing, granted in self.permissions
        )

    def _meant(self, kind: str, thing: str) -> str:
        """Return the object as the bridge names it."""
        first, dot, rest = thing.partition(".")
        if kind != "model" or not dot:
            return thing
        return thing if first in self.resources and first != self.default else rest


def permission_for(resource: str, model: str, verb: Verb, default: str | None) -> Permission:
    """Return the permission that a verb on a model needs, under the name that Jet knows the model by."""
    return ("model", model if resource == default else f"{resource}.{model}", _ACTIONS[verb])


def unpacked(packed: str, project_token: str | None) -> frozenset[Permission]:
    """Return the permissions of a token that hold for this project token; raise Damaged for what cannot be read."""
    items = listed(packed)
    return frozenset(_permissions(items, token_hash(project_token) if project_token else None))


def listed(packed: str) -> list[Any]:
    """Return what a token says about permissions, as it says it; raise Damaged for what cannot be read."""
    items = strict_list(_inflated(packed))
    if len(items) > MAX_PERMISSIONS:
        raise Damaged
    return items


def token_hash(project_token: str) -> str:
    """Return the hash by which permissions are bound to a resource."""
    return hashlib.sha256(project_token.replace("-", "").lower().encode()).hexdigest()


def _inflated(packed: str) -> bytes:
    """Unpack base64(gzip(...)), never beyond the bound, whatever the packed size promises."""
    try:
        raw = base64.b64decode(packed, validate=True)
        machine = zlib.decompressobj(wbits=31)
        text = machine.decompress(raw, MAX_UNPACKED + 1)
    except (binascii.Error, ValueError, zlib.error) as cause:
        raise Damaged from cause
    if len(text) > MAX_UNPACKED or not machine.eof or machine.unused_data:
        raise Damaged
    return text


def _permissions(items: Iterable[Any], own_hash: str | None) -> Iterator[Permission]:
    for item in items:
        if not isinstance(item, dict):
            raise Damaged
        kind, thing, actions = (item.get(f"permission_{name}") for name in ("type", "object", "actions"))
        bound = item.get("resource_token_hash")
        if not isinstance(bound, str | None):
            raise Damaged
        if not (isinstance(kind, str) and isinstance(thing, str) and isinstance(actions, str)):
            raise Damaged
        if kind != "model" or bound is None or bound == own_hash:
            yield kind, thing, actions
