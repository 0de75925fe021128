"""Plan an action, and run it: the record is looked up within scope, then the adapter acts on it."""

from dataclasses import replace

from bridge_core.adapter import Actions, Adapter
from bridge_core.arrange import shaped
from bridge_core.errors import NotAllowed, Refused, UnknownName
from bridge_core.operations import Act, Read, Written, page_of
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.reads import plan_read
from bridge_core.planning.run_reads import run_read
from bridge_core.query import EVERYTHING, Slice


def plan_act(op: Act, limits: Limits) -> Plan:
    """Plan an action whose values are typed: one record is read, one call acts."""
    if op.options.dry_run:
        raise Refused(f"{op.model.name!r} cannot undo an action", hint="act without tx=rollback")
    find = plan_read(Read(op.model, scope=op.scope, keys=(op.key,), window=Slice(0, 1)), limits)
    sent = replace(op, scope=EVERYTHING, options=replace(op.options, returning=(), encoded=False))
    calls = None if find.calls is None else find.calls + 1
    return Plan(op, Strategy.FIND, (sent,), find=find, calls=calls, records=1, allowance=find.allowance)


async def run_act(adapter: Adapter, plan: Plan) -> Written:
    """Run the plan of an action; a record out of scope is none at all."""
    (op,) = plan.sent
    assert isinstance(op, Act)  # an action's plan
    assert plan.find is not None  # so it was planned
    if not isinstance(adapter, Actions):
        raise NotAllowed(f"records of {op.model.name!r} have no actions")
    if not (await run_read(adapter, plan.find)).records:
        raise UnknownName(f"there is no record of {op.model.name!r} with this key", code="PGRST116")
    written = await adapter.act(op)
    asked = plan.operation
    assert isinstance(asked, Act)  # an action's plan
    columns = asked.options.returning
    if columns is None or written.page is None:
        return replace(written, page=None)
    shape = shaped(op.model, columns, op.options.timezone)
    return replace(written, page=page_of([shape(record) for record in written.page.records]))
