"""Path and profile -> the resource, and the model in it, that a request speaks of."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.errors import BridgeError, Unacceptable, Unauthenticated, UnknownName
from bridge_core.layers.authorize import unknown_model
from bridge_core.schema import Model

SUPABASE: Final = "v1"  # the resource is named by the profile
_ANYWHERE: Final = "public"  # Python clients always name this schema: it means the default one where there is none
_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True)
class Place:
    """A resource, one namespace of it where one was chosen, and a model in it."""

    resource: str
    model: str
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A path below the base: the resource, and the model where one is named. `raw` is the model as it was written.

    `place` is where the path leads without a profile; the surface remembers it with the path.
    """

    resource: str
    model: str | None
    raw: bytes = b""
    action: str = ""
    place: Place | None = field(default=None, compare=False)


def address_of(path: bytes) -> Address:
    """Read a path without its base, or raise UnknownName.

    Each segment is decoded once, so what it decodes to is never a separator.
    """
    segments = path.split(b"/")[1:]
    try:
        names = [unquote_to_bytes(segment).decode() for segment in segments]
    except UnicodeDecodeError:
        raise _no_path() from None
    match names:
        case [resource] | [resource, ""] if resource:
            return Address(resource, None)
        case [resource, model] if resource and model:
            return Address(resource, model, segments[1], place=_plain_place(resource, model))
        case [resource, "rpc", function] if resource and function:
            model, _, action = function.rpartition(".")
            if not model or not action:
                raise UnknownName(
                    f"Could not find the function {function[:200]} without parameters in the schema cache",
                    code="PGRST202",
                    hint="an action is called MODEL.ACTION",
                )
            return Address(resource, model, segments[2], action, _plain_place(resource, model))
        case _:
            raise _no_path()


def _plain_place(resource: str, model: str) -> Place | None:
    return Place(resource, model) if resource != SUPABASE else None


def _no_path() -> UnknownName:
    return UnknownName("Invalid path specified in request URL", code="PGRST125")


class Places:
    """Finds models for principals; remembers which namespaces each of them may know."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._known: OrderedDict[tuple[Principal, str, int], Mapping[str, str]] = OrderedDict()

    def place(self, principal: Principal, address: Address, profile: str | None) -> Place:
        """Return where a request leads, or raise Unacceptable for a profile that is not there."""
        if profile is None and address.place is not None:
            return address.place
        resource, model = address.resource, address.model or ""
        if resource == SUPABASE:
            resource, profile = self._resource(profile)
        if profile is None or profile == resource:
            return Place(resource, model, profile)
        prefix = self._prefix(principal, resource, profile)
        return Place(resource, prefix + model, profile)

    def model(self, principal: Principal, place: Place) -> Model:
        """Return the model as the principal may know it, or raise: unknown and forbidden answer alike."""
        try:
            return self._bridge.model(principal, place.resource, place.model)
        except UnknownName:
            raise self.unknown(principal, place) from None

    def models(self, principal: Principal, place: Place) -> tuple[Model, ...]:
        """Return the models of the place's namespace that the principal may know; raise where there are none."""
        models = self._bridge.models(principal, place.resource)
        if not models:
            served = self._bridge.resources().get(place.resource)
            if served is not None and served.failure is not None:
                raise served.failure
            raise self.unknown(principal, place)
        namespace = place.profile if place.profile != place.resource else None
        return tuple(model for model in models if namespace in (None, _ANYWHERE, model.namespace))

    def _resource(self, profile: str | None) -> tuple[str, str | None]:
        """Let the profile name a resource; the default one, when it names none."""
        if profile is not None and profile in self._bridge.resources():
            return profile, profile
        return self._bridge.default or "", profile

    def _prefix(self, principal: Principal, resource: str, profile: str) -> str:
        namespaces = self._namespaces(principal, resource)
        prefix = namespaces.get(profile)
        if prefix is not None:
            return prefix
        if profile == _ANYWHERE:
            return ""
        exposed = ", ".join(namespaces) or resource
        raise Unacceptable(
            f"Invalid schema: {profile[:200]}",
            code="PGRST106",
            hint=f"Only the following schemas are exposed: {exposed}",
        )

    def _namespaces(self, principal: Principal, resource: str) -> Mapping[str, str]:
        """Return what stands before the names of the models of each namespace that a principal may know."""
        key = (principal, resource, self._bridge.generation)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _prefixes(self._bridge.models(principal, resource))
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known

    def unknown(self, principal: Principal, place: Place) -> BridgeError:
        """Return the error that a model is not there, with the name of one that is, where that may be told.

        What a credential's own rights reach is only known model by model, so its bearer is told no names.
        """
        names = [model.name for model in self._bridge.models(principal, place.resource)]
        if principal.anonymous and not names:
            return Unauthenticated("Anonymous access is disabled", code="PGRST302")
        refusal = unknown_model(place.resource, place.model)
        similar = _most_similar(place.model, names) if principal.rights is None else None
        if similar is not None:
            refusal.hint = f"Perhaps you meant the table '{place.resource}.{similar}'"
        return refusal


def _prefixes(models: tuple[Model, ...]) -> Mapping[str, str]:
    prefixes: dict[str, str] = {}
    for model in models:
        if model.namespace and prefixes.get(model.namespace) != "":
            own = f"{model.namespace}."
            prefixes[model.namespace] = own if model.name.startswith(own) else ""
    return prefixes


def _most_similar(wanted: str, names: list[str]) -> str | None:
    """Return the name that shares most of its letter pairs with another; None where they are not much alike."""
    pairs = _pairs(wanted)
    best, similarity = None, 0.6
    for name in names:
        if abs(len(name) - len(wanted)) <= 3:
            other = _pairs(name)
            alike = 2 * len(pairs & other) / (len(pairs) + len(other))
            if alike >= similarity:
                best, similarity = name, alike
    return best


def _pairs(text: str) -> set[str]:
    padded = f" {text[:64].lower()} "
    return {padded[at : at + 2] for at in range(len(padded) - 1)}
