"""Split an operation into what the adapter takes exactly and what the core finishes; say what it costs."""

from dataclasses import dataclass

from bridge_core.adapter import Adapter
from bridge_core.operations import Answer, Create, Delete, Operation, Read, Update


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation may cost: records read beyond those that are returned."""

    max_scan: int = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent to the adapter."""

    pushed: Operation


def plan(operation: Operation, limits: Limits) -> Plan:
    """Plan an operation."""
    return Plan(operation)


async def perform(adapter: Adapter, operation: Operation, limits: Limits) -> Answer:
    """Run the plan."""
    match operation:
        case Read():
            return await adapter.read(operation)
        case Create():
            return await adapter.create(operation)
        case Update():
            return await adapter.update(operation)
        case Delete():
            return await adapter.delete(operation)
