"""Emulated is native: the same request has the same answer, whatever the backend can do, and costs what was announced.

`BRIDGE_EXAMPLES=10000` runs as many examples of each law instead of a few.
"""

import os
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, event, given, note, settings

from bridge_core.errors import BridgeError, Refused
from bridge_core.operations import Create, Delete, Operation, Page, Read, Record, Update, Written
from bridge_core.planner import Limits, Plan, Strategy, perform, plan
from bridge_core.schema import Model, Rule
from bridge_core.testing.memory import MemoryAdapter, Weakness, able
from tests.planning.requests import RULES, TABLES, THINGS, WEAKNESSES, creates, deletes, reads, typed_rows, updates

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "150"))
T = TypeVar("T")
BARE = Model("things", ())
LIMITS = Limits(max_scan=2_000)
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(TABLES, reads(), WEAKNESSES, RULES)
def test_a_read_has_the_same_answer_whatever_the_backend_can_do(
    rows: list[dict[str, object]], op: Read, weaknesses: frozenset[Weakness], rules: tuple[Rule, ...]
) -> None:
    full = _outcome(_backend(rows, able(THINGS)), op)
    adapter = _backend(rows, _weak(weaknesses, rules))
    weak = _outcome(adapter, op)

    _keeps_its_word(adapter, op)
    if _beyond_reach(weak, weaknesses):
        return
    assert isinstance(full, Page)
    assert isinstance(weak, Page)
    assert weak.total == full.total
    assert _records(weak, ordered=bool(op.order)) == _records(full, ordered=bool(op.order))


@many
@given(TABLES, creates() | updates() | deletes(), WEAKNESSES)
def test_a_write_has_the_same_effect_whatever_the_backend_can_do(
    rows: list[dict[str, object]], op: Create | Update | Delete, weaknesses: frozenset[Weakness]
) -> None:
    whole, part = _backend(rows, able(THINGS)), _backend(rows, _weak(weaknesses, ()))
    before = _sorted(part.rows("things"))

    full, weak = _outcome(whole, op), _outcome(part, op)

    _keeps_its_word(part, op)
    if isinstance(weak, Written) and weak.failures:
        event("applied in part")
        assert isinstance(full, BridgeError)  # with every ability it is refused as a whole
        assert _changed(before, _sorted(part.rows("things"))) <= weak.affected
        return
    if isinstance(weak, BridgeError):
        assert _sorted(part.rows("things")) == before
        if _beyond_reach(weak, weaknesses):
            return
        assert isinstance(full, BridgeError), f"{weak.code} {weak.message}"
        return
    assert isinstance(weak, Written)
    assert isinstance(full, Written), f"{full}"
    assert _sorted(part.rows("things")) == _sorted(whole.rows("things"))
    assert (weak.affected, weak.inserted, weak.outcome) == (full.affected, full.inserted, full.outcome)
    if op.options.returning is not None:
        assert weak.page is not None
        assert full.page is not None
        ordered = bool(op.options.order)
        assert _records(weak.page, ordered=ordered) == _records(full.page, ordered=ordered)


@many
@given(TABLES, reads(), WEAKNESSES, RULES)
def test_a_read_within_narrow_bounds_is_right_or_refused(
    rows: list[dict[str, object]], op: Read, weaknesses: frozenset[Weakness], rules: tuple[Rule, ...]
) -> None:
    narrow = Limits(max_scan=4)
    full = _outcome(_backend(rows, able(THINGS)), op)
    adapter = _backend(rows, _weak(weaknesses, rules))
    weak = _outcome(adapter, op, narrow)

    _keeps_its_word(adapter, op, narrow)
    if isinstance(weak, Refused):
        event("refused")
        assert weak.hint
        return
    assert isinstance(full, Page)
    assert isinstance(weak, Page)
    assert _records(weak, ordered=bool(op.order)) == _records(full, ordered=bool(op.order))


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never waits: a backend in memory answers at once."""
    try:
        coroutine.send(None)
    except StopIteration as answer:
        value: T = answer.value
        return value
    raise AssertionError("memory does not wait")


def _beyond_reach(answer: object, weaknesses: frozenset[Weakness]) -> bool:
    """Tell whether an answer was refused because small pages end before the last offset that the backend takes."""
    return isinstance(answer, Refused) and {Weakness.OFFSET, Weakness.PAGES} <= weaknesses


def _weak(weaknesses: frozenset[Weakness], rules: tuple[Rule, ...]) -> Model:
    if Weakness.FILTER in weaknesses:
        weaknesses |= {Weakness.KEY_WRITES}  # who takes no filter cannot write by one
    model = able(THINGS, sorted(weaknesses, key=lambda each: each.name))
    return replace(model, capabilities=replace(model.capabilities, rules=rules))


def _backend(rows: list[dict[str, object]], model: Model) -> MemoryAdapter:
    return MemoryAdapter([model], {"things": typed_rows(THINGS, rows)})


def weak_backend(
    rows: list[dict[str, object]], weaknesses: frozenset[Weakness], rules: tuple[Rule, ...] = ()
) -> MemoryAdapter:
    """Make a backend with these records and weaknesses."""
    return _backend(rows, _weak(weaknesses, rules))


def _outcome(adapter: MemoryAdapter, op: Operation, limits: Limits = LIMITS) -> object:
    model = now(adapter.describe())[0]
    note(f"{replace(op, model=BARE)}")
    adapter.calls = adapter.records = 0
    try:
        return now(perform(adapter, replace(op, model=model), limits))
    except BridgeError as error:
        return error


def _keeps_its_word(adapter: MemoryAdapter, op: Operation, limits: Limits = LIMITS) -> None:
    model = now(adapter.describe())[0]
    try:
        announced: Plan = plan(replace(op, model=model), limits)
    except BridgeError:
        return
    event(f"{type(op).__name__} {announced.strategy.value}")
    assert announced.calls is None or adapter.calls <= announced.calls
    assert announced.records is None or adapter.records <= announced.records
    assert announced.strategy is not Strategy.DIRECT or adapter.calls <= 1


def _records(page: Page, *, ordered: bool) -> list[str]:
    found = [repr(sorted(record.items())) for record in page.records]
    return found if ordered else sorted(found)


def _sorted(rows: Sequence[Record]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def _changed(before: list[str], after: list[str]) -> int:
    return max(len(set(before) - set(after)), len(set(after) - set(before)))
