"""Which model a name of this protocol means: `customers` of the default resource, `crm.contacts` of another."""

from collections.abc import Iterator

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.errors import Forbidden, UnknownName
from bridge_core.operations import Verb
from bridge_core.schema import Model


def place_of(bridge: Bridge, name: str) -> tuple[str, str]:
    """Return the resource and the name of a model; the default resource wins where both readings are possible."""
    resources = bridge.resources()
    default = bridge.default
    if default is not None and name in resources[default].models:
        return default, name
    resource, dot, rest = name.partition(".")
    return (resource, rest) if dot and resource in resources else (default or "", name)


def name_of(bridge: Bridge, resource: str, model: str) -> str:
    """Return the name by which clients of this protocol know a model."""
    return model if resource == bridge.default else f"{resource}.{model}"


async def granted(bridge: Bridge, principal: Principal, name: str, verb: Verb) -> Model:
    """Return a model as the principal may know it, or raise: Forbidden where the right is missing."""
    resource, model = place_of(bridge, name)
    try:
        found = bridge.model(principal, resource, model)
    except UnknownName:
        if principal.anonymous:
            raise Forbidden("You don't have permission to access this") from None
        raise
    if not await bridge.permits(principal, found, verb):
        raise Forbidden("You don't have permission to access this")
    return found


def known(bridge: Bridge, principal: Principal, name: str) -> Model:
    """Return a model as the principal may know it, whatever they may do with it; or raise UnknownName."""
    resource, model = place_of(bridge, name)
    return bridge.model(principal, resource, model)


def every_model(bridge: Bridge, principal: Principal) -> Iterator[Model]:
    """Yield every model that a principal may know, of the default resource first."""
    names = sorted(bridge.resources(), key=lambda name: (name != bridge.default, name))
    for name in names:
        yield from bridge.models(principal, name)


def promoted(model: Model) -> bool:
    """Tell whether the first field stands in for a key that the model does not have."""
    return not model.key or model.kind == "view"


def key_of(model: Model) -> tuple[str, ...]:
    """Return the fields that tell records apart, or the first field where there is no key."""
    if model.key:
        return model.key
    readable = model.readable
    if not readable:
        raise UnknownName(f"{model.name} has no field that may be read")
    return (readable[0].name,)
