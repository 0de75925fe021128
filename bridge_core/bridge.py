"""Bridge: adapters, layers and router as one value that surfaces talk to."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from bridge_core.adapter import Adapter, Probes, Transactions, Watches
from bridge_core.call import Call, Handler, Layer, Principal
from bridge_core.errors import BridgeError
from bridge_core.layers.authorize import authorize, unknown_model
from bridge_core.layers.idempotency import idempotency
from bridge_core.layers.keyed import Memory
from bridge_core.layers.preconditions import preconditions
from bridge_core.operations import Answer, Verb
from bridge_core.planner import Plan
from bridge_core.policy import Policy
from bridge_core.relate import plan
from bridge_core.relations import Declared, with_relations
from bridge_core.router import Served, router
from bridge_core.schema import Model, models_by_name

_log = logging.getLogger(__name__)
_PAUSE: Final = 1.0  # seconds before a description that failed is tried again


class Bridge:
    """Every resource behind one handler.

    What is served is one immutable mapping; a change of a schema replaces it by one assignment, and requests
    under way finish on the one they began with.
    """

    def __init__(
        self,
        served: Iterable[Served],
        policy: Policy,
        *,
        default: str | None = None,
        layers: Iterable[Layer] = (),
        inside: Iterable[Layer] = (),
        memory: Memory | None = None,
        relations: Iterable[Declared] = (),
    ) -> None:
        """Take opened resources; `layers` stand around `authorize`, `inside` between it and the router.

        The first one of each is the outermost. `memory` keeps the keys of writes, before those inside see them.
        `relations` hold between the models beside those that their backends know of.
        """
        self._relations = tuple(relations)
        self._bare: Mapping[str, Served] = {each.name: each for each in served}
        self._served = self._related()
        self._policy = policy
        self._watchers: list[asyncio.Task[None]] = []
        self.default = default
        self.generation = 0
        handler: Handler = router(lambda: self._served)
        for layer in reversed(tuple(inside)):
            handler = layer(handler)
        handler = authorize(policy)(preconditions(idempotency(memory, self._transactions)(handler)))
        for layer in reversed(tuple(layers)):
            handler = layer(handler)
        self.handle: Handler = handler

    def resources(self) -> Mapping[str, Served]:
        """Return what is served now, by name."""
        return self._served

    def model(self, principal: Principal, resource: str, name: str) -> Model:
        """Return a model as the principal may know it, or raise UnknownName: unknown and forbidden answer alike."""
        served = self._served.get(resource)
        if served is None:
            raise unknown_model(resource, name)
        model = served.models.get(name)
        view = self._policy.view(principal, model) if model is not None else None
        if view is None:
            if served.failure is not None:
                raise served.failure
            raise unknown_model(resource, name)
        return view

    def models(self, principal: Principal, resource: str) -> tuple[Model, ...]:
        """Return every model of a resource that the principal may know, in the adapter's order."""
        served = self._served.get(resource)
        views = (self._policy.view(principal, model) for model in served.models.values()) if served else ()
        return tuple(view for view in views if view is not None)

    async def permits(self, principal: Principal, model: Model, verb: Verb) -> bool:
        """Tell whether a principal may use this verb on a model."""
        return await self._policy.grant(principal, model, frozenset({verb})) is not None

    async def knows(self, principal: Principal, model: Model) -> bool:
        """Tell whether a principal may do anything at all with a model, by the rights of their credential as well."""
        for verb in Verb:
            if await self.permits(principal, model, verb):
                return True
        return False

    async def explain(self, call: Call) -> Plan:
        """Return the plan that `handle` would run, authorised in the same way."""

        async def planned(inner: Call) -> Answer:
            raise _Planned(plan(inner.operation, lambda resource: self._served[resource].limits))

        try:
            await authorize(self._policy)(planned)(call)
        except _Planned as answer:
            return answer.plan
        raise AssertionError("authorize calls its inner handler or raises")

    def watch(self) -> None:
        """Begin to follow changes of the schemas; needs a running loop. `close` ends it."""
        for served in self._served.values():
            self._watch(served)

    def adopt(self, served: Served) -> None:
        """Serve a resource that could not be opened before; needs a running loop."""
        self._swap(served)
        self._watch(served)

    async def refresh(self, resource: str) -> None:
        """Describe a resource again and swap what is served; on failure the old description stays."""
        served = self._served[resource]
        if served.adapter is None:
            return
        models = await described(resource, served.adapter)
        self._swap(replace(served, models=models))

    async def probe(self, resource: str) -> None:
        """Return when a resource can be used now, or raise the error that says why not."""
        served = self._served[resource]
        if served.failure is not None:
            raise served.failure
        if served.adapter is not None and isinstance(served.adapter, Probes):
            await served.adapter.probe()

    async def close(self) -> None:
        """Stop following and close every adapter."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for served in self._served.values():
            if served.adapter is not None:
                await served.adapter.close()

    def _transactions(self, resource: str) -> Transactions | None:
        served = self._served.get(resource)
        if served is None or served.adapter is None:
            return None
        return served.adapter if isinstance(served.adapter, Transactions) else None

    def _watch(self, served: Served) -> None:
        if served.adapter is not None and isinstance(served.adapter, Watches):
            self._watchers.append(asyncio.create_task(self._follow(served.name, served.adapter)))

    def _swap(self, served: Served) -> None:
        self._bare = {**self._bare, served.name: served}
        self._served = self._related()
        self.generation += 1

    def _related(self) -> Mapping[str, Served]:
        """Return what is served, with the relations that are declared beside those of the backends."""
        models = with_relations({name: each.models for name, each in self._bare.items()}, self._relations)
        return MappingProxyType({name: replace(each, models=models[name]) for name, each in self._bare.items()})

    async def _follow(self, resource: str, adapter: Watches) -> None:
        while True:
            try:
                await adapter.changed()
                await self.refresh(resource)
            except BridgeError as failure:
                _log.warning("resource %s keeps its old description: %s", resource, failure)
                await asyncio.sleep(_PAUSE)
            except Exception:  # noqa: BLE001  # an adapter's bug shall not end the watch in silence
                _log.exception("resource %s keeps its old description", resource)
                await asyncio.sleep(_PAUSE)


class _Planned(Exception):
    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


async def described(resource: str, adapter: Adapter) -> Mapping[str, Model]:
    """Ask an adapter for its models and index them, marked as belonging to the resource."""
    return models_by_name(replace(model, resource=resource) for model in await adapter.describe())
