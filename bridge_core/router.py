"""Operation -> resource -> adapter: the innermost handler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge_core import planner, relate
from bridge_core.adapter import Adapter
from bridge_core.call import Call, Handler, begin
from bridge_core.deadlines import Deadlines
from bridge_core.errors import BridgeError, DeadlineExceeded, Outcome, UnknownName
from bridge_core.operations import Answer, Read
from bridge_core.planner import Limits
from bridge_core.relate import Source
from bridge_core.schema import Model


@dataclass(frozen=True, slots=True)
class Served:
    """One resource as it is served now. `failure` says why there is no adapter, where there is none.

    `upstream` is the adapter within its bounds; without it the adapter is called directly.
    """

    name: str
    adapter: Adapter | None
    models: Mapping[str, Model]
    limits: Limits = Limits()
    failure: BridgeError | None = None
    upstream: Adapter | None = None


def router(served: Callable[[], Mapping[str, Served]]) -> Handler:
    """Carry each operation to the adapter of its resource, and finish there what the adapter leaves."""
    deadlines = Deadlines()

    async def handle(call: Call) -> Answer:
        operation = call.operation
        present = served()
        begin(call)
        try:
            with deadlines.within(call.deadline):
                if relate.plain(operation):  # as nearly all are
                    resource = _resource(present, operation.model.resource)
                    return await planner.perform(_adapter(resource), operation, resource.limits)
                return await relate.perform(operation, lambda name: _source(_resource(present, name)))
        except TimeoutError as cause:
            outcome = Outcome.NOT_APPLIED if isinstance(operation, Read) else Outcome.UNKNOWN
            raise DeadlineExceeded("the time of the request is used up", outcome=outcome) from cause

    return handle


def _resource(served: Mapping[str, Served], name: str) -> Served:
    found = served.get(name)
    if found is None:
        raise UnknownName(f"there is no resource {name!r}")
    return found


def _source(resource: Served) -> Source:
    return Source(_adapter(resource), resource.limits)


def _adapter(resource: Served) -> Adapter:
    adapter = resource.upstream or resource.adapter
    if adapter is not None:
        return adapter
    assert resource.failure is not None  # a resource has an adapter or a reason why not
    raise resource.failure
