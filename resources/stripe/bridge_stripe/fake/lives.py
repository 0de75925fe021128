"""The lives of the objects of one mode: made, changed, acted upon, deleted; each step leaves an event."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge_stripe.catalogue import ObjectType
from bridge_stripe.fake.business import ACTED, CREATED, DELETED, UPDATED, World
from bridge_stripe.fake.checking import checked
from bridge_stripe.fake.objects import KINDS, PREFIXES, Mint, Object, changed, new
from bridge_stripe.fake.refusals import Refusal, no_such
from bridge_stripe.shapes import object_fields, parameters


class Lives(World):
    """All objects of one mode, by type and id."""

    def __init__(self, clock: Callable[[], float], *, live: bool, seed: int) -> None:
        self.live = live
        self._clock = clock
        self._mint = Mint(seed)
        self._objects: dict[str, dict[str, Object]] = {path: {} for path in KINDS}
        self._gone: dict[str, dict[str, Object]] = {path: {} for path in KINDS}

    @property
    def now(self) -> int:
        """Return the present second."""
        return int(self._clock())

    def find(self, kind: ObjectType, key: str) -> Object | None:
        """Return an object; of one that was deleted, that it was."""
        return self._objects[kind.path].get(key) or self._gone[kind.path].get(key)

    def living(self, kind: ObjectType) -> list[Object]:
        """Return every object of a type that was not deleted, the oldest first."""
        return list(self._objects[kind.path].values())

    def anywhere(self, key: str) -> Object | None:
        """Return the object with an id, whatever its type."""
        return next((found for each in self._objects.values() if (found := each.get(key)) is not None), None)

    def all_of(self, path: str) -> list[Object]:
        """Return every object below a path, the oldest first."""
        return list(self._objects[path].values())

    def known(self, path: str, key: Any, param: str) -> Object:
        """Return the object that a parameter refers to, or refuse it."""
        found = self._objects[path].get(str(key))
        if found is None:
            raise no_such(KINDS[path].sdk.lower(), str(key), param, status=400)
        return found

    def create(self, kind: ObjectType, params: Mapping[str, Any]) -> Object:
        """Make an object."""
        _must_be_currency(params.get("currency", "eur"))
        key = str(params.get("id") or self.minted(kind.path))
        if key in self._objects[kind.path]:
            raise Refusal(f"{kind.sdk} already exists.", code="resource_already_exists", param="id")
        found = changed(new(kind, key, self.now, live=self.live), params, object_fields(kind.sdk))
        CREATED.get(kind.name, _nothing)(self, found, params)
        self.keep(kind.path, found)
        self.tell(f"{_noun(kind)}.created", found)
        return found

    def update(self, kind: ObjectType, key: str, params: Mapping[str, Any]) -> Object:
        """Change an object."""
        there = self._alive(kind, key)
        found = changed(there, params, object_fields(kind.sdk))
        UPDATED.get(kind.name, _nothing)(self, found, params)
        self.keep(kind.path, found)
        self.tell(f"{_noun(kind)}.updated", found)
        return found

    def act(self, kind: ObjectType, key: str, verb: str, params: Mapping[str, Any]) -> Object:
        """Do to an object what is no change of a field."""
        known = ACTED.get((kind.name, verb))
        if known is None:
            raise Refusal(f"Unrecognized request URL (POST: /v1/{kind.path}/:id/{verb}).", status=404)
        call, run = known
        sent = checked(params, parameters(kind.sdk, call))
        found = dict(self._alive(kind, key))
        run(self, found, sent)
        self.keep(kind.path, found)
        self.tell(f"{_noun(kind)}.{verb}", found)
        return found

    def delete(self, kind: ObjectType, key: str, params: Mapping[str, Any]) -> Object:
        """Delete an object, where there is such a thing; a subscription is ended."""
        found = self._alive(kind, key)
        if kind.name == "subscriptions":
            return self.act(kind, key, "cancel", params)
        if "delete" not in kind.writes:
            raise Refusal(f"Unrecognized request URL (DELETE: /v1/{kind.path}/:id).", status=404)
        DELETED.get(kind.name, _nothing)(self, found, params)
        del self._objects[kind.path][key]
        stub = {"id": key, "object": found["object"], "deleted": True}
        self._gone[kind.path][key] = stub
        self.tell(f"{_noun(kind)}.deleted", found)
        return stub

    def keep(self, path: str, found: Object) -> None:
        """Keep an object as it is now."""
        self._objects[path][found["id"]] = found

    def minted(self, path: str) -> str:
        """Return a new id."""
        prefix = PREFIXES.get(path, "")
        return self._mint(prefix, 14 if prefix else 8)

    def number(self) -> int:
        """Return the next number of a document."""
        return self._mint.number()

    def tell(self, what: str, about: Object) -> None:
        """Leave an event."""
        kind = KINDS["events"]
        event = new(kind, self.minted("events"), self.now, live=self.live)
        event |= {"type": what, "data": {"object": dict(about)}, "pending_webhooks": 0}
        self.keep("events", event)

    def _alive(self, kind: ObjectType, key: str) -> Object:
        found = self._objects[kind.path].get(key)
        if found is None:
            raise no_such(kind.sdk.lower(), key, "id")
        return found


def _noun(kind: ObjectType) -> str:
    return str(object_fields(kind.sdk)["object"].shape.words[0])  # type: ignore[union-attr]  # every type names itself


def _must_be_currency(text: str) -> None:
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise Refusal(f"Invalid currency: {text}. Stripe supports others.", param="currency")


def _nothing(world: World, found: Object, params: Mapping[str, Any]) -> None:
    """Add nothing to what the parameters say."""
