"""Say what a principal may do: `Allow` of one model, and the description of all of them."""

from collections import OrderedDict
from typing import Final

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.operations import Verb
from bridge_core.schema import Model
from bridge_core.surfaces.rest.place import Place, Places
from bridge_core.surfaces.rest.swagger import swagger

ALLOW_ROOT: Final = b"OPTIONS,GET,HEAD"
_REMEMBERED: Final = 16


async def verbs_of(bridge: Bridge, principal: Principal, model: Model) -> frozenset[Verb]:
    """Return what the backend can do with a model and the principal may."""
    can = model.capabilities
    possible = {
        Verb.READ: any(field.readable for field in model.fields),
        Verb.CREATE: can.create_batch > 0 and any(field.creatable for field in model.fields),
        Verb.UPDATE: can.update_batch > 0 and any(field.updatable for field in model.fields),
        Verb.DELETE: can.delete_batch > 0,
    }
    return frozenset([verb for verb, able in possible.items() if able and await bridge.permits(principal, model, verb)])


def allow_of(model: Model, verbs: frozenset[Verb]) -> bytes:
    """Return the value of `Allow`."""
    methods = ["OPTIONS", "GET", "HEAD"]
    if Verb.CREATE in verbs:
        methods.append("POST")
        if Verb.UPDATE in verbs and model.key:
            methods.append("PUT")
    if Verb.UPDATE in verbs:
        methods.append("PATCH")
    if Verb.DELETE in verbs:
        methods.append("DELETE")
    return ",".join(methods).encode()


class Descriptions:
    """Makes the Swagger documents, and remembers the last few."""

    def __init__(self, bridge: Bridge, places: Places, base: str) -> None:
        self._bridge = bridge
        self._places = places
        self._base = base
        self._made: OrderedDict[tuple[Principal, Place, str, int], bytes] = OrderedDict()

    async def document(self, principal: Principal, place: Place, mount: str) -> bytes:
        """Return what a principal may know about a resource; `mount` is what stands in the URL for it."""
        key = (principal, place, mount, self._bridge.generation)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = await self._describe(principal, place, mount)
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        return made

    async def _describe(self, principal: Principal, place: Place, mount: str) -> bytes:
        prefix = place.model  # of the names of the chosen namespace
        described = [
            (model, await verbs_of(self._bridge, principal, model), model.name.removeprefix(prefix))
            for model in self._places.models(principal, place)
            if principal.rights is None or await self._bridge.knows(principal, model)
        ]
        return swagger(place.resource, f"{self._base}/{mount}", described)
