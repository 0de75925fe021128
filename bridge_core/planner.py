"""Split an operation into what the adapter takes exactly and what the core finishes; say what it costs; run it."""

from bridge_core.adapter import Adapter
from bridge_core.errors import Refused
from bridge_core.operations import Answer, Operation, Read
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.reads import plan_read
from bridge_core.planning.run_reads import run_read
from bridge_core.planning.run_writes import run_write
from bridge_core.planning.writes import plan_write
from bridge_core.schema import Literals
from bridge_core.values import typed_operation

__all__ = ["Limits", "Plan", "Strategy", "perform", "plan"]


def plan(operation: Operation, limits: Limits) -> Plan:
    """Plan an operation; a plan that cannot be run says why."""
    if operation.model.capabilities.literals is Literals.NATIVE:
        return Plan(operation, sent=(operation,))  # such a backend takes every operation as it is
    typed = typed_operation(operation)
    try:
        return plan_read(typed, limits) if isinstance(typed, Read) else plan_write(typed, limits)
    except Refused as refusal:
        return Plan(typed, refused=refusal, calls=0, records=0)


async def perform(adapter: Adapter, operation: Operation, limits: Limits) -> Answer:
    """Plan an operation and run that plan."""
    planned = plan(operation, limits)
    if planned.refused is not None:
        raise planned.refused
    if isinstance(operation, Read):
        return await run_read(adapter, planned)
    return await run_write(adapter, planned)
