"""Plan a read."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from bridge_core.compare import ordering
from bridge_core.errors import Malformed
from bridge_core.evaluate import predicate
from bridge_core.operations import Key, Part, Read
from bridge_core.planning.cursors import ours, place_of
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.split import Split, fixed_keys, split, takes_as_it_is
from bridge_core.query import (
    EVERYTHING,
    WHOLE,
    After,
    And,
    Condition,
    Counting,
    Filter,
    Op,
    Or,
    Path,
    Slice,
    both,
    conditions,
)
from bridge_core.schema import Capabilities, Model, Paging
from bridge_core.values.operation import place_of as field_at

_PIECE: Final = 1_000  # records per page, where the backend would take any number


def plan_read(op: Read, limits: Limits) -> Plan:
    """Plan a read whose values are typed."""
    if op.keys is not None:
        return _by_key(op, op.keys, limits)
    if _whole(op):
        return Plan(op, Strategy.DIRECT, (op,), records=op.window.limit, allowance=limits.allowed(op.max_scan))
    where = both(op.scope, op.where)
    found = split(op.model, where, op.order)
    residual = _residual(op, found)
    if len(found.questions) == 1 and not residual - {Part.SELECT}:
        return _direct(op, found, residual, limits)
    allowance = limits.allowed(op.max_scan)
    keys = fixed_keys(op.model, where, max(allowance, 1)) if op.model.capabilities.key_batch else None
    if keys is not None and found.questions:
        return _by_key(op, keys, limits)
    return _scan(op, found, residual, limits)


def plan_undone(op: Read, undone: frozenset[Part], limits: Limits) -> Plan:
    """Plan a read again whose adapter left parts undone that it had declared to do."""
    found = split(op.model, both(op.scope, op.where), op.order)
    residual = _residual(op, found) | undone
    if residual & {Part.WHERE, Part.ORDER}:
        residual |= {Part.WINDOW, Part.SELECT}
    if Part.WHERE in residual and op.count is not Counting.NONE:
        residual |= {Part.COUNT}
    return _scan(op, found, residual, limits)


def must_evaluate(model: Model, where: Filter) -> None:
    """Raise what evaluating a filter would raise, before anything is read."""
    predicate(model, where)


def widened(model: Model, names: Iterable[str]) -> Model:
    """Return the model with these fields readable, hidden ones too: for questions of the core's own.

    Hidden ones stay backstage as well, so that nothing that is said to the caller names them.
    """
    needed = {name for name in names if (field := model.by_name.get(name)) is None or not field.readable}
    if not needed:
        return model
    shown = tuple(replace(field, readable=True) if field.name in needed else field for field in model.fields)
    lifted = tuple(replace(field, readable=True) for field in model.backstage if field.name in needed)
    return replace(model, fields=shown + lifted)


def keys_filter(model: Model, keys: Sequence[Key]) -> Filter:
    """Return the filter that the records with these keys match."""
    if len(model.key) == 1:
        return Condition(Path(model.key[0]), Op.IN, tuple(key[0] for key in keys))
    return Or(
        tuple(
            And(tuple(Condition(Path(name), Op.EQ, part) for name, part in zip(model.key, key, strict=True)))
            for key in keys
        )
    )


def _whole(op: Read) -> bool:
    """Tell whether the backend takes a read exactly as it is: most do, and it has to be seen quickly."""
    capabilities = op.model.capabilities
    return (
        capabilities.selects
        and (capabilities.counts or op.count is Counting.NONE)
        and (capabilities.encodes or not op.encoded)
        and op.max_scan is None
        and _takes_window(op, capabilities)
        and takes_as_it_is(op.model, op.where, op.order)
        and takes_as_it_is(op.model, op.scope, ())
    )


def _residual(op: Read, found: Split) -> frozenset[Part]:
    capabilities = op.model.capabilities
    one = len(found.questions) == 1
    parts = set()
    if not found.exact:
        parts.add(Part.WHERE)
    if op.order and not found.ordered:
        parts.add(Part.ORDER)
    if op.count is not Counting.NONE and not (capabilities.counts and found.exact and one):
        parts.add(Part.COUNT)
    if parts & {Part.WHERE, Part.ORDER} or not one or not _takes_window(op, capabilities):
        parts.add(Part.WINDOW)
    if not capabilities.selects or parts & {Part.WHERE, Part.ORDER} or not one:
        parts.add(Part.SELECT)
    return frozenset(parts)


def _takes_window(op: Read, capabilities: Capabilities) -> bool:
    match op.window, capabilities.paging:
        case Slice(0, None), Paging.WHOLE:
            return True
        case Slice(offset, limit), Paging.OFFSET:
            return (capabilities.max_page is None or (limit is not None and limit <= capabilities.max_page)) and (
                capabilities.max_offset is None or offset <= capabilities.max_offset
            )
        case After(cursor, limit), Paging.CURSOR:
            return (capabilities.max_page is None or limit <= capabilities.max_page) and not ours(cursor)
        case _:
            return False


def _reaches(capabilities: Capabilities, offset: int) -> bool:
    return capabilities.max_offset is None or offset <= capabilities.max_offset


def _direct(op: Read, found: Split, residual: frozenset[Part], limits: Limits) -> Plan:
    where, scope = (op.where, op.scope) if found.verbatim else (found.questions[0], EVERYTHING)
    sent = replace(
        op,
        where=where,
        scope=scope,
        select=() if Part.SELECT in residual else op.select,
        encoded=op.encoded and op.model.capabilities.encodes and not residual,
        max_scan=None,
    )
    return Plan(
        op,
        Strategy.DIRECT,
        (sent,),
        residual,
        missing=_missing(found, residual),
        calls=1,
        records=op.window.limit,
        allowance=limits.allowed(op.max_scan),
    )


def _scan(op: Read, found: Split, residual: frozenset[Part], limits: Limits) -> Plan:
    where = both(op.scope, op.where)
    must_evaluate(op.model, where)
    _must_arrange(op, residual)
    model = widened(op.model, _needed(op, residual, several=len(found.questions) > 1))
    budget = _budget(op, residual, limits)
    window = _first_window(op, residual, budget, one=len(found.questions) == 1)
    exact_count = op.count is not Counting.NONE and Part.COUNT not in residual
    sent = tuple(
        Read(
            model,
            select=() if Part.SELECT in residual else op.select,
            where=question,
            order=() if Part.ORDER in residual or len(found.questions) > 1 else op.order,
            window=window,
            count=op.count if exact_count else Counting.NONE,
            timezone=op.timezone,
            fresh=op.fresh,
        )
        for question in found.questions
    )
    return Plan(
        op,
        Strategy.SCAN,
        sent,
        residual,
        missing=_missing(found, residual),
        calls=_most_calls(window, len(sent), budget),
        records=None if window == WHOLE and sent else budget + 1 if sent else 0,
        allowance=budget,
    )


def _by_key(op: Read, keys: Sequence[Key], limits: Limits) -> Plan:
    model, batch = op.model, op.model.capabilities.key_batch
    if not batch:
        return plan_read(replace(op, keys=None, where=both(op.where, keys_filter(model, keys))), limits)
    where = both(op.scope, op.where)
    must_evaluate(model, where)
    residual = frozenset({Part.WHERE, Part.WINDOW, Part.SELECT})
    residual |= {Part.ORDER} if op.order else set()
    residual |= {Part.COUNT} if op.count is not Counting.NONE else set()
    _must_arrange(op, residual)
    wide = widened(model, (*_needed(op, residual, several=False), *model.key))
    distinct = tuple(dict.fromkeys(keys))
    sent = tuple(
        Read(wide, keys=distinct[start : start + batch], timezone=op.timezone, fresh=op.fresh)
        for start in range(0, len(distinct), batch)
    )
    found = Split((), exact=True, ordered=False, why_unordered="an order among records looked up by key")
    return Plan(
        op,
        Strategy.KEYS,
        sent,
        residual,
        missing=_missing(found, residual),
        calls=len(sent),
        records=len(distinct),
        allowance=max(limits.allowed(op.max_scan), len(distinct)),
    )


def _must_arrange(op: Read, residual: frozenset[Part]) -> None:
    from_core = Part.ORDER in residual
    for term in op.order if from_core else ():
        ordering(field_at(op.model, term.path))


def _needed(op: Read, residual: frozenset[Part], *, several: bool) -> tuple[str, ...]:
    filtered = conditions(both(op.scope, op.where)) if Part.WHERE in residual else ()
    return (*(each.path.field for each in filtered), *(op.model.key if several else ()))


def _budget(op: Read, residual: frozenset[Part], limits: Limits) -> int:
    """Bound the records that are read: what is returned comes on top, unless everything has to be seen first."""
    allowed = limits.allowed(op.max_scan)
    if residual & {Part.ORDER, Part.COUNT} or op.window.limit is None:
        return allowed
    return allowed + op.window.limit


def _first_window(op: Read, residual: frozenset[Part], budget: int, *, one: bool) -> Slice | After:
    capabilities = op.model.capabilities
    place = place_of(op.window)
    if place.cursor is not None and (not one or residual & {Part.ORDER, Part.COUNT}):
        raise Malformed("the cursor does not belong to this question", hint="begin again without a cursor")
    if capabilities.paging is Paging.WHOLE:
        return Slice()
    limit = op.window.limit
    unfiltered = residual.isdisjoint({Part.WHERE, Part.ORDER, Part.COUNT})
    start = place.skip if unfiltered and one and _reaches(capabilities, place.skip) else 0
    enough = place.skip - start + limit if unfiltered and limit is not None else budget + 1
    page = max(1, min(capabilities.max_page or _PIECE, budget + 1, enough))
    if capabilities.paging is Paging.OFFSET:
        return Slice(start, page)
    return After(place.cursor, page)


def _most_calls(window: Slice | After, questions: int, budget: int) -> int:
    if window.limit is None:
        return questions
    return (budget + 1) // window.limit + questions + (1 if questions else 0)


def _missing(found: Split, residual: frozenset[Part]) -> tuple[tuple[Part, str], ...]:
    reasons = {
        Part.WHERE: found.wanting or "all filters on the key look-up",
        Part.ORDER: found.why_unordered,
        Part.WINDOW: "this window together with the other parts",
        Part.SELECT: "the choice of fields together with the other parts",
        Part.COUNT: "an exact count of this filter",
    }
    return tuple((part, reasons[part]) for part in Part if part in residual)
