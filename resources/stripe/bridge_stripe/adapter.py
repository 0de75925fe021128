"""A Stripe account as an adapter: look-ups side by side, lists page by page, writes under a key."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from bridge_core import (
    Act,
    BridgeError,
    Create,
    Delete,
    Denied,
    Key,
    Malformed,
    Model,
    Outcome,
    Page,
    Read,
    Record,
    Update,
    UpstreamFailed,
    Written,
    page_of,
)
from bridge_stripe.actions import Verb
from bridge_stripe.api import NO_PARAMETERS, RESERVED, Api, Json, below
from bridge_stripe.catalogue import ObjectType
from bridge_stripe.errors import is_missing, parameter_of
from bridge_stripe.reading import asked, list_parameters, matches, record_of
from bridge_stripe.writing import METADATA, idempotency_key, inputs_of, parameters_of, with_removals

_CURSOR: Final = "starting_after"


class StripeAdapter:
    """The object types of one account. `parallel` is how many look-ups are under way at once."""

    def __init__(
        self,
        api: Api,
        types: Mapping[str, ObjectType],
        models: Sequence[Model],
        actions: Mapping[tuple[str, str], Verb],
        parallel: int,
    ) -> None:
        self._api = api
        self._types = types
        self._actions = actions
        self._models = models
        self._turns = asyncio.Semaphore(parallel)

    async def describe(self) -> Sequence[Model]:
        """Return the models as the SDK, and the settings, have them."""
        return self._models

    async def read(self, op: Read, /) -> Page:
        """Look objects up by key, or list a page of them."""
        if op.keys is not None:
            return page_of(await self._looked_up(op, op.keys))
        kind = self._types[op.model.name]
        params = list_parameters(kind, op)
        if params is None:
            return page_of(())
        found = await self._listed(kind, params)
        if found is None:
            return page_of(())
        items, more = _listed_items(found)
        fields = op.model.readable
        cursor = str(items[-1]["id"]) if items and more else None
        return page_of([record_of(fields, each) for each in items], cursor=cursor)

    async def create(self, op: Create, /) -> Written:
        """Create one object."""
        kind = self._types[op.model.name]
        (values,) = op.records  # as many as the model declares
        params = parameters_of(op.model, values, creating=True)
        key = idempotency_key("create", kind.name, op.options.key or _minted())
        made = await self._api.post(kind.path, kind.name, params, key)
        return _written(op, made, inserted=1)

    async def update(self, op: Update, /) -> Written:
        """Change one object."""
        kind = self._types[op.model.name]
        params = parameters_of(op.model, op.values, creating=False)
        ((key,),) = op.keys or ()  # as the model declares
        path = below(kind.path, key)
        try:
            if METADATA in params:
                params[METADATA] = with_removals(params[METADATA], await self._api.get(path, kind.name)) or ""
            minted = idempotency_key("update", kind.name, op.options.key or _minted(), key)
            changed = await self._api.post(path, kind.name, params, minted)
        except BridgeError as failure:
            if _is_gone(failure, params):
                return Written(0)
            changed = await self._read_back(kind, path, params, failure)
        return _written(op, changed)

    async def delete(self, op: Delete, /) -> Written:
        """Delete one object."""
        kind = self._types[op.model.name]
        ((key,),) = op.keys or ()  # as the model declares
        path = below(kind.path, key)
        try:
            there = await self._api.get(path, kind.name)
        except BridgeError as failure:
            if not _is_gone(failure):
                raise
            return Written(0)
        if there.get("deleted"):
            return Written(0)
        try:
            await self._api.delete(path, kind.name)
        except BridgeError as failure:
            if not _is_gone(failure):  # else it went by a first try whose answer was lost
                raise
        return _written(op, there)

    async def act(self, op: Act, /) -> Written:
        """Do an action to one object, and read the object again where it made another one."""
        kind = self._types[op.model.name]
        verb = self._actions[op.model.name, op.action.name]
        (key,) = op.key
        path = below(kind.path, key)
        params = inputs_of(op.action, op.values)
        minted = idempotency_key(verb.name, kind.name, op.options.key or _minted(), key)
        if not verb.path:
            done = await self._done(f"{path}/{verb.name}", kind, verb, params, minted)
            return _written(op, done)
        await self._api.post(verb.path, kind.name, {**params, verb.by: key}, minted)
        try:
            return _written(op, await self._api.get(path, kind.name))
        except BridgeError as failure:
            failure.outcome = Outcome.APPLIED
            raise

    async def probe(self) -> None:
        """Return when Stripe answers, whatever it says."""
        try:
            await self._api.get("account", "account")
        except (Denied, UpstreamFailed):
            return  # a key without a right, or none: that is an answer

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def _done(self, path: str, kind: ObjectType, verb: Verb, params: Json, key: str) -> Json:
        if verb.whole == "subscriptions.cancel":  # the one that Stripe does by DELETE
            return await self._canceled(path.rpartition("/")[0], kind, params)
        return await self._api.post(path, kind.name, params, key)

    async def _canceled(self, path: str, kind: ObjectType, params: Json) -> Json:
        try:
            return await self._api.delete(path, kind.name, params)
        except BridgeError as failure:
            there = await self._api.get(path, kind.name) if _is_gone(failure) else {}
            if there.get("status") != "canceled":
                raise
            return there  # by a first try whose answer was lost, or before

    async def _looked_up(self, op: Read, keys: Sequence[Key]) -> list[Record]:
        kind = self._types[op.model.name]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._retrieved(kind, str(key[0]))) for key in dict.fromkeys(keys)]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        tests = asked(op)
        needed = {each.path.field for each in tests}
        fields = op.model.readable
        hidden = [op.model.any_field(name) for name in needed if name not in {each.name for each in fields}]
        there = [found for task in tasks if (found := task.result()) is not None]
        return [record_of(fields, each) for each in there if matches(tests, record_of((*fields, *hidden), each))]

    async def _retrieved(self, kind: ObjectType, key: str) -> Json | None:
        """Return one object, or nothing where there is none, or none any more."""
        if key in RESERVED or "/" in key:
            return None
        try:
            async with self._turns:
                found = await self._api.get(below(kind.path, key), kind.name)
        except BridgeError as failure:
            if _is_gone(failure):
                return None
            raise
        return None if found.get("deleted") or found.get("id") != key else found

    async def _listed(self, kind: ObjectType, params: Json) -> Json | None:
        """Return one page; nothing, where a filter names an object that is not there."""
        try:
            return await self._api.get(kind.path, kind.name, params)
        except BridgeError as failure:
            cause = failure.__cause__
            if cause is not None and is_missing(cause) and parameter_of(cause) in kind.filters:
                return None
            if cause is not None and parameter_of(cause) == _CURSOR:
                raise Malformed("the cursor is none of those that were given, or its object is gone") from cause
            raise

    async def _read_back(self, kind: ObjectType, path: str, params: Json, failure: BridgeError) -> Json:
        """Return the object if it is as the write would have left it; else raise what the write raised."""
        if failure.outcome is not Outcome.UNKNOWN:
            raise failure
        try:
            there = await self._api.get(path, kind.name)
        except BridgeError:
            raise failure from None
        if all(there.get(name) == (value if value != "" else None) for name, value in params.items()):
            return there
        raise failure


def _listed_items(found: Json) -> tuple[Sequence[Json], bool]:
    items, more = found.get("data"), found.get("has_more")
    if not isinstance(items, list) or not isinstance(more, bool) or (more and not items):
        raise UpstreamFailed("Stripe answered with something else than a list")
    return items, more


def _written(op: Create | Update | Delete | Act, found: Json, *, inserted: int = 0) -> Written:
    page = None
    if op.options.returning is not None:
        page = page_of([record_of(op.model.readable, found)])
    return Written(1, inserted=inserted, page=page, keys=[{"id": found["id"]}])


def _is_gone(failure: BridgeError, params: Json = NO_PARAMETERS) -> bool:
    """Tell whether it is the object itself that is not there, and none that a parameter refers to."""
    cause = failure.__cause__
    return cause is not None and is_missing(cause) and parameter_of(cause) not in params


def _minted() -> str:
    return uuid.uuid4().hex
