"""Plan a write."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from bridge_core.errors import NotAllowed, Outcome, Refused, Rejected
from bridge_core.operations import (
    ANY_NUMBER,
    Create,
    Delete,
    Key,
    Read,
    Resolution,
    Update,
    Upsert,
    Witness,
    Write,
    Written,
)
from bridge_core.planning.checks import check_created, settled, settled_by_columns
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.reads import keys_filter, plan_read, widened
from bridge_core.planning.split import split
from bridge_core.query import EVERYTHING, And, Column, Condition, Filter, Op, Or, Path, Slice, both, conditions
from bridge_core.schema import Precondition, WriteBy


def plan_write(op: Write, limits: Limits) -> Plan:
    """Plan a write whose values are typed."""
    _must_be_possible(op)
    return replace(_planned(op, limits), allowance=limits.allowed(op.options.max_scan))


def pushed(op: Write, *, whole: bool) -> Write:
    """Return a write as the adapter gets it, as the whole of what is asked or a part: without what the core does."""
    capabilities = op.model.capabilities
    options = op.options
    returning = options.returning
    alone = whole and answers_alone(op)
    if returning is not None and not alone:
        returning = () if capabilities.returns else None
    options = replace(
        options,
        returning=returning,
        order=options.order if alone and returning is not None else (),
        encoded=options.encoded and alone and capabilities.encodes,
        affected=options.affected if whole and capabilities.atomic else ANY_NUMBER,
        max_scan=None,
    )
    return replace(op, options=options) if isinstance(op, Delete) else replace(op, options=options, check=EVERYTHING)


def answers_alone(op: Write) -> bool:
    """Tell whether what the adapter gives back from one call is the answer, shape and order included."""
    capabilities = op.model.capabilities
    if op.options.returning is None:
        return True
    orders = not op.options.order or capabilities.sort_terms is None
    return capabilities.returns and capabilities.selects and orders


def numbered(op: Write, number: int) -> Write:
    """Return one of several calls of a keyed write: with a key of its own, and an answer that is not the whole one.

    Who tries again after a crash numbers what is left as before, so the number is a place among the records asked for.
    """
    key, witness = op.options.key, op.options.witness
    if key is None:
        return op
    told = None if witness is None else _told_of_a_part(witness)
    return replace(op, options=replace(op.options, key=f"{key}-{number}", witness=told))


def batch_of(op: Update | Delete) -> int:
    """Return how many records one call may change that names their keys."""
    model, capabilities = op.model, op.model.capabilities
    batch = capabilities.update_batch if isinstance(op, Update) else capabilities.delete_batch
    if capabilities.write_by is WriteBy.KEY:
        return batch
    for size in (batch, min(batch, capabilities.max_in or batch), 1):
        found = split(model, keys_filter(model, [(0,) * len(model.key)] * size), ())
        if found.exact and len(found.questions) == 1:
            return size
    raise Refused(
        f"records of {model.name!r} cannot be written one by one: the backend does not filter by their key",
        hint="write with a filter that the backend answers",
    )


def by_key(op: Update | Delete, keys: Sequence[Key]) -> Update | Delete:
    """Return the write of some records: by key, or by a filter that fixes their keys, and holds scope where it can."""
    ask = pushed(op, whole=False)
    assert isinstance(ask, Update | Delete)  # as it went in
    if op.model.capabilities.write_by is WriteBy.KEY:
        return replace(ask, keys=tuple(keys), where=EVERYTHING, scope=EVERYTHING)
    chosen = keys_filter(op.model, keys)
    for where in (both(chosen, both(op.scope, op.where)), chosen):
        found = split(op.model, where, ())
        if found.exact and len(found.questions) == 1:
            return replace(ask, keys=None, where=found.questions[0], scope=EVERYTHING)
    raise AssertionError("batch_of chooses a size that fits")


def target_values(op: Create, target: tuple[str, ...]) -> list[tuple[object, ...] | None]:
    """Return what each record has in the target fields; None where something is missing: it meets no other record."""
    values = [tuple(record.get(name) for name in target) for record in op.records]
    return [None if None in each else each for each in values]


def _told_of_a_part(witness: Witness) -> Witness:
    async def told(token: str, answer: Written) -> None:
        await witness(token, replace(answer, outcome=Outcome.UNKNOWN))

    return told


def _planned(op: Write, limits: Limits) -> Plan:
    match op:
        case Create(upsert=Upsert() as upsert):
            return _upsert(op, upsert, limits)
        case Create():
            check_created(op)
            op.options.affected.hold(len(op.records))
            return _create(op)
        case Update() if not op.values and not op.defaults:
            return Plan(op, Strategy.BATCHES, calls=0, records=0)  # nothing is to be changed
        case Update() | Delete():
            return _by_filter(op) or _find_first(op, limits)


def _must_be_possible(op: Write) -> None:
    capabilities = op.model.capabilities
    name, batch = {
        Create: ("created", capabilities.create_batch),
        Update: ("updated", capabilities.update_batch),
        Delete: ("deleted", capabilities.delete_batch),
    }[type(op)]
    if not batch:
        raise NotAllowed(f"records of {op.model.name!r} cannot be {name}")
    if op.options.etags is not None and capabilities.precondition is Precondition.NONE:
        raise Refused(f"{op.model.name!r} cannot tell versions of its records apart", hint="write without If-Match")
    if op.options.dry_run and not capabilities.atomic:
        raise Refused(f"{op.model.name!r} cannot undo a write", hint="write without tx=rollback")


def _create(op: Create) -> Plan:
    batch = op.model.capabilities.create_batch
    pieces = [op.records[start : start + batch] for start in range(0, len(op.records), batch)]
    if not pieces:
        op.options.affected.hold(0)
    one = len(pieces) == 1
    sent = tuple(
        pushed(op if one else numbered(replace(op, records=piece), at), whole=one) for at, piece in enumerate(pieces)
    )
    _must_be_one(op, len(sent))
    return _costed(Plan(op, Strategy.BATCHES, sent), len(sent), len(op.records))


def _upsert(op: Create, upsert: Upsert, limits: Limits) -> Plan:
    model = op.model
    if upsert.resolution is Resolution.MERGE:
        _must_not_meet_twice(op, upsert)
    atomic = model.capabilities.atomic and len(op.records) <= model.capabilities.create_batch
    bounded = atomic or op.options.affected == ANY_NUMBER
    shown = model.capabilities.returns or op.options.returning is None  # else nobody tells which records were touched
    if model.capabilities.upserts and settled_by_columns(op) and bounded and shown:
        check_created(op)
        return _create(op)
    if not model.capabilities.update_batch and upsert.resolution is Resolution.MERGE:
        raise NotAllowed(f"records of {model.name!r} cannot be updated")
    if upsert.resolution is Resolution.MERGE:
        batch_of(Update(model, {}, EVERYTHING))
    else:
        check_created(op)  # those that will be passed over too, as in PostgreSQL
    _must_know_key(op)
    _must_be_one(op, 2)
    targets = [each for each in dict.fromkeys(target_values(op, upsert.target)) if each is not None]
    needed = (*model.key, *upsert.target, *_named(both(op.check, op.scope)))
    find = Read(widened(model, needed), max_scan=op.options.max_scan, fresh=True)
    if set(upsert.target) == set(model.key):
        order = [upsert.target.index(name) for name in model.key]
        find = replace(find, keys=tuple(tuple(values[at] for at in order) for values in targets))
    else:
        find = replace(find, where=_any_target(upsert.target, targets))
    count = len(op.records)
    writes = count + ceil(count / model.capabilities.create_batch)
    return _costed(Plan(op, Strategy.UPSERT, find=plan_read(find, limits)), writes, count)


def _by_filter(op: Update | Delete) -> Plan | None:
    """Plan one call, where the backend finds and changes the records by itself."""
    capabilities, options = op.model.capabilities, op.options
    if capabilities.write_by is not WriteBy.FILTER or op.keys is not None:
        return None
    if isinstance(op, Update) and not settled(op):
        return None
    if options.affected != ANY_NUMBER and not capabilities.atomic:
        return None
    if options.returning is not None and not capabilities.returns:
        return None
    found = split(op.model, both(op.scope, op.where), ())
    if not found.exact or len(found.questions) > 1:
        return None
    if not found.questions:
        options.affected.hold(0)
        return Plan(op, Strategy.BATCHES, calls=0, records=0)
    where, scope = (op.where, op.scope) if found.verbatim else (found.questions[0], EVERYTHING)
    sent = pushed(replace(op, where=where, scope=scope), whole=True)
    return _costed(Plan(op, Strategy.BATCHES, (sent,)), 1, 0)


def _find_first(op: Update | Delete, limits: Limits) -> Plan:
    model = op.model
    _must_know_key(op)
    if op.options.dry_run:
        raise Refused(f"{model.name!r} cannot undo this write", hint="write without tx=rollback")
    whole = isinstance(op, Update) or op.options.returning is not None
    check = op.check if isinstance(op, Update) else EVERYTHING
    allowed = limits.allowed(op.options.max_scan)
    find = Read(
        widened(model, (*model.key, *_named(check))),
        select=() if whole else tuple(Column(Path(name)) for name in model.key),
        where=op.where,
        scope=op.scope,
        keys=op.keys,
        max_scan=op.options.max_scan,
        fresh=True,
    )
    first = plan_read(find, limits)
    if first.strategy is Strategy.DIRECT:
        first = plan_read(replace(find, window=Slice(0, allowed + 1)), limits)
    most = min(allowed, first.records) if first.records is not None else allowed
    writes = ceil(most / batch_of(op))
    return _costed(Plan(op, Strategy.FIND, find=first), writes, most)


def _costed(plan: Plan, writes: int, most: int) -> Plan:
    """Add up the calls and records of the read before, the writes, and the read back."""
    op, find = plan.operation, plan.find
    assert not isinstance(op, Read)  # a write's plan
    calls, records = (find.calls, find.records) if find else (0, 0)
    back: int | None = 0
    if op.options.returning is not None and not op.model.capabilities.returns and not isinstance(op, Delete):
        batch = op.model.capabilities.key_batch
        back = ceil(most / batch) if batch else None
        records = None if records is None or not batch else records + most
    total = None if calls is None or back is None else calls + writes + back
    return replace(plan, calls=total, records=records)


def _named(term: Filter) -> tuple[str, ...]:
    return tuple(each.path.field for each in conditions(term))


def _any_target(target: tuple[str, ...], values: list[tuple[object, ...]]) -> Filter:
    if len(target) == 1:
        return Condition(Path(target[0]), Op.IN, tuple(each[0] for each in values))
    return Or(
        tuple(
            And(tuple(Condition(Path(name), Op.EQ, part) for name, part in zip(target, each, strict=True)))
            for each in values
        )
    )


def _must_not_meet_twice(op: Create, upsert: Upsert) -> None:
    targets = [each for each in target_values(op, upsert.target) if each is not None]
    if len(set(targets)) < len(targets):
        raise Rejected("ON CONFLICT DO UPDATE command cannot affect row a second time", code="21000")


def _must_know_key(op: Write) -> None:
    if not op.model.key:
        raise Refused(
            f"records of {op.model.name!r} can only be written by key, and there is none that the caller may see",
            hint="grant the fields of the key to the role",
        )


def _must_be_one(op: Create, calls: int) -> None:
    """Refuse to undo what takes several calls."""
    if op.options.dry_run and calls > 1:
        raise Refused(f"{op.model.name!r} cannot undo a write of several calls", hint="write without tx=rollback")
