"""Split an operation into what the adapter takes exactly and what the core finishes; say what it costs; run it."""

from bridge_core.adapter import Adapter
from bridge_core.errors import Refused
from bridge_core.operations import Act, Answer, Create, Operation, Read, Write
from bridge_core.planning.acts import plan_act, run_act
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.reads import plan_read
from bridge_core.planning.run_reads import run_read
from bridge_core.planning.run_writes import run_write
from bridge_core.planning.writes import plan_write
from bridge_core.query import conditions
from bridge_core.schema import Literals
from bridge_core.values import typed_operation

__all__ = ["Limits", "Plan", "Strategy", "perform", "plan"]


def plan(operation: Operation, limits: Limits) -> Plan:
    """Plan an operation; a plan that cannot be run says why."""
    if operation.model.capabilities.literals is Literals.NATIVE and not isinstance(operation, Act):
        records = operation.window.limit if isinstance(operation, Read) else None
        return Plan(operation, sent=(operation,), records=records)  # such a backend takes every operation as it is
    try:
        if isinstance(operation, Act):
            return plan_act(typed_operation(operation), limits)
        _must_stand_alone(operation)
        typed = typed_operation(operation)
        assert not isinstance(typed, Act)  # it keeps the kind of an operation
        return plan_read(typed, limits) if isinstance(typed, Read) else plan_write(typed, limits)
    except Refused as refusal:
        return Plan(operation, refused=refusal, calls=0, records=0)


async def perform(adapter: Adapter, operation: Operation, limits: Limits) -> Answer:
    """Plan an operation and run that plan."""
    planned = plan(operation, limits)
    if planned.refused is not None:
        raise planned.refused
    if isinstance(operation, Read):
        return await run_read(adapter, planned)
    if isinstance(operation, Act):
        return await run_act(adapter, planned)
    return await run_write(adapter, planned)


def _must_stand_alone(operation: Read | Write) -> None:
    """Refuse what reaches beyond the records of one model: so far, only a backend that takes all does it."""
    model = operation.model
    if isinstance(operation, Read):
        embeds, columns, order = operation.embeds, operation.select, operation.order
    else:
        options = operation.options
        embeds, columns, order = options.embeds, options.returning or (), options.order
    where = () if isinstance(operation, Create) else conditions(operation.where)
    if embeds or any(each.path.embed is not None for each in (*where, *order)):
        raise Refused(
            f"related records cannot be embedded in those of {model.name!r}", hint="read each model by itself"
        )
    if any(column.aggregate is not None or column.unit is not None for column in columns):
        raise Refused(f"records of {model.name!r} cannot be aggregated", hint="ask for the records, or for a count")
