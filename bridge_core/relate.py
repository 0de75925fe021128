"""Perform an operation with everything that it relates: in the backend that can, else across models and resources."""

from dataclasses import replace

from bridge_core import planner
from bridge_core.operations import Act, Answer, Operation, Page, Read
from bridge_core.planner import Plan
from bridge_core.relating.abilities import plain
from bridge_core.relating.estimates import LimitsOf, estimated
from bridge_core.relating.reading import Reading, Source, Sources
from bridge_core.relating.writing import write
from bridge_core.values import encode

__all__ = ["Source", "Sources", "perform", "plain", "plan"]


def plan(operation: Operation, limits: LimitsOf) -> Plan:
    """Plan an operation with everything that it relates; a plan that cannot be run says why."""
    return estimated(operation, limits)


async def perform(operation: Operation, sources: Sources) -> Answer:
    """Perform an operation; related records are complete, or this raises."""
    if plain(operation) or isinstance(operation, Act):
        source = sources(operation.model.resource)
        return await planner.perform(source.adapter, operation, source.limits)
    reading = Reading(sources)
    if isinstance(operation, Read):
        page = await reading.read(operation)
        return _encoded(page, operation.timezone) if operation.encoded else page
    written = await write(operation, sources, reading)
    if written.page is None or not operation.options.encoded:
        return written
    return replace(written, page=_encoded(written.page, operation.options.timezone))


def _encoded(page: Page, timezone: str | None) -> Page:
    if page.encoded is not None or page.stream is not None:
        return page
    return replace(page, encoded=encode(page.records, timezone), records=())
