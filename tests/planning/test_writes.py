"""Writes are checked before they begin, sent as the backend takes them, and say what became of every record."""

from dataclasses import replace

import pytest

from bridge_core.errors import (
    BadValue,
    BridgeError,
    Conflict,
    Forbidden,
    NotAllowed,
    Outcome,
    Refused,
    Rejected,
    Unacceptable,
    Unavailable,
    UpstreamFailed,
)
from bridge_core.operations import (
    Affected,
    Create,
    Delete,
    Missing,
    Operation,
    Page,
    Read,
    Resolution,
    Update,
    Upsert,
    Write,
    WriteOptions,
    Written,
)
from bridge_core.planner import Limits, Strategy, perform, plan
from bridge_core.query import EVERYTHING, And, Column, Condition, Filter, Op, Or, Path
from bridge_core.schema import Field, FieldType, Model
from bridge_core.testing.memory import MemoryAdapter, Weakness, able
from tests.planning.backends import ORDERS, Breaking, backend, orders, rows

pytestmark = pytest.mark.anyio

LIMITS = Limits(max_scan=50)
OURS = Condition(Path("tenant"), Op.EQ, "a")
COLUMNS = ("id", "total", "tenant")
KEYED = (Weakness.KEY_WRITES, Weakness.FILTER, Weakness.BATCHES, Weakness.ATOMIC)


async def written(adapter: MemoryAdapter, op: Operation) -> Written:
    """Perform a write."""
    answer = await perform(adapter, op, LIMITS)
    assert isinstance(answer, Written)
    return answer


def new(*numbers: int, tenant: str = "a") -> list[dict[str, object]]:
    """Make new records."""
    return [{"id": number, "tenant": tenant, "total": number} for number in numbers]


@pytest.mark.parametrize("weaknesses", [(), KEYED])
async def test_an_update_by_filter_changes_what_matches_within_scope(weaknesses: tuple[Weakness, ...]) -> None:
    adapter = backend(*weaknesses)
    where = Condition(Path("id"), Op.LT, "5")

    answer = await written(adapter, Update(orders(*weaknesses), {"total": "99"}, where, scope=OURS, check=OURS))

    assert (answer.affected, answer.outcome, answer.failures) == (3, Outcome.APPLIED, None)
    assert [row["id"] for row in adapter.rows("orders") if row["total"] == 99] == [0, 2, 4]


async def test_keys_are_read_first_and_written_in_batches() -> None:
    adapter = backend(*KEYED)
    asked = Delete(orders(*KEYED), Condition(Path("total"), Op.GTE, "3"))

    found = plan(asked, LIMITS)
    answer = await written(adapter, asked)

    assert (found.strategy, answer.affected) == (Strategy.FIND, 7)
    assert adapter.calls == 1 + 4
    assert found.calls is not None
    assert adapter.calls <= found.calls


async def test_more_records_than_may_be_read_are_not_written_at_all() -> None:
    adapter = backend(*KEYED, count=51)

    with pytest.raises(Refused):
        await written(adapter, Delete(orders(*KEYED), EVERYTHING))

    assert len(adapter.rows("orders")) == 51


@pytest.mark.parametrize(
    ("affected", "error"),
    [(Affected(most=2), Rejected), (Affected(1, 1, singular=True), Unacceptable), (Affected(least=20), Rejected)],
)
@pytest.mark.parametrize("weaknesses", [(), KEYED, (Weakness.ATOMIC,)])
async def test_bounds_on_the_number_of_records_hold_before_anything_is_written(
    weaknesses: tuple[Weakness, ...], affected: Affected, error: type[BridgeError]
) -> None:
    adapter = backend(*weaknesses)
    options = WriteOptions(affected=affected)

    with pytest.raises(error):
        await written(adapter, Delete(orders(*weaknesses), EVERYTHING, options=options))
    with pytest.raises(error):
        await written(adapter, Create(orders(*weaknesses), new(20, 21, 22), ("id", "tenant", "total"), options=options))

    assert len(adapter.rows("orders")) == 10


async def test_a_failure_half_way_says_what_was_applied_and_what_was_not() -> None:
    model = orders(Weakness.BATCHES, Weakness.ATOMIC)
    adapter = backend(Weakness.BATCHES, Weakness.ATOMIC)

    answer = await written(adapter, Create(model, new(20, 21, 22, 3, 23, 24), ("id", "tenant", "total")))

    assert (answer.affected, answer.outcome) == (2, Outcome.APPLIED)
    assert answer.failures is not None
    assert sorted(answer.failures) == [2, 3, 4, 5]
    assert "duplicate key" in answer.failures[2]
    assert answer.failures[5] == "not tried, because an earlier one failed"
    assert len(adapter.rows("orders")) == 12


async def test_a_failure_before_anything_was_applied_is_an_error() -> None:
    adapter = backend(Weakness.BATCHES)

    with pytest.raises(Conflict):
        await written(adapter, Create(orders(Weakness.BATCHES), new(3, 20, 21), ("id", "tenant", "total")))

    assert len(adapter.rows("orders")) == 10


async def test_a_batch_of_unknown_outcome_makes_the_whole_unknown() -> None:
    model = orders(Weakness.BATCHES)
    adapter = Breaking(model, 0, at=2, error=Unavailable("cut off", outcome=Outcome.UNKNOWN))

    answer = await written(adapter, Create(model, new(1, 2, 3, 4), ("id", "tenant", "total")))

    assert (answer.affected, answer.outcome) == (2, Outcome.UNKNOWN)
    assert answer.failures == {2: "cut off", 3: "cut off"}


@pytest.mark.parametrize("weaknesses", [(), KEYED])
@pytest.mark.parametrize(
    "records",
    [new(20, tenant="b"), [*new(20), {"id": 21, "tenant": None}], [{"id": 20}]],
)
async def test_a_new_record_outside_of_scope_is_forbidden_before_any_is_created(
    weaknesses: tuple[Weakness, ...], records: list[dict[str, object]]
) -> None:
    adapter = backend(*weaknesses)

    with pytest.raises(Forbidden) as caught:
        await written(adapter, Create(orders(*weaknesses), records, ("id", "tenant"), scope=OURS, check=OURS))

    assert caught.value.code == "42501"
    assert len(adapter.rows("orders")) == 10


@pytest.mark.parametrize("weaknesses", [(), KEYED])
async def test_a_record_cannot_be_moved_out_of_scope(weaknesses: tuple[Weakness, ...]) -> None:
    adapter = backend(*weaknesses)
    asked = Update(orders(*weaknesses), {"tenant": "b"}, Condition(Path("id"), Op.EQ, "4"), scope=OURS, check=OURS)

    with pytest.raises(Forbidden):
        await written(adapter, asked)

    assert adapter.rows("orders")[4]["tenant"] == "a"


async def test_a_check_is_held_against_the_record_as_it_will_be() -> None:
    check = Or((Condition(Path("tenant"), Op.EQ, "a"), Condition(Path("total"), Op.LT, "5")))
    adapter = backend()

    with pytest.raises(Forbidden):  # records of `b` would keep a total of 5 and more
        await written(adapter, Update(orders(), {"total": "8"}, EVERYTHING, check=check))
    answer = await written(adapter, Update(orders(), {"total": "8"}, OURS, check=check))

    assert answer.affected == 5


async def test_a_filter_by_json_stands_beside_a_rule() -> None:
    model = able(replace(ORDERS, fields=(*ORDERS.fields, Field("meta", FieldType.JSON))))
    adapter = MemoryAdapter([model], {"orders": [{**row, "meta": {"a": 1}} for row in rows(2)]})
    where = Condition(Path("meta"), Op.CONTAINS, '{"a":1}')

    answer = await written(adapter, Update(model, {"total": 1}, where, scope=OURS, check=OURS))

    assert answer.affected == 1


async def test_a_default_that_a_rule_depends_on_has_to_be_sent() -> None:
    fields = tuple(replace(each, default="a") if each.name == "tenant" else each for each in ORDERS.fields)
    model = able(replace(ORDERS, fields=fields))

    with pytest.raises(Refused) as caught:
        await written(MemoryAdapter([model]), Create(model, [{"id": 1}], ("id",), check=OURS))

    assert caught.value.hint == "send a value for 'tenant'"


@pytest.mark.parametrize("weaknesses", [(), (Weakness.UPSERT,), (*KEYED, Weakness.UPSERT, Weakness.RETURNING)])
@pytest.mark.parametrize(
    ("resolution", "affected", "inserted", "total"), [(Resolution.MERGE, 2, 1, 3), (Resolution.IGNORE, 1, 1, 1)]
)
async def test_an_upsert_is_a_conditional_create_then_an_update(
    weaknesses: tuple[Weakness, ...], resolution: Resolution, affected: int, inserted: int, total: int
) -> None:
    adapter = backend(*weaknesses)
    records = [{"id": 3, "total": 3}, {"id": 30, "total": 30}]
    asked = Create(
        orders(*weaknesses),
        records,
        ("id", "total"),
        upsert=Upsert(resolution, ("id",)),
        options=WriteOptions(returning=()),
    )

    answer = await written(adapter, asked)

    assert (answer.affected, answer.inserted) == (affected, inserted)
    assert adapter.rows("orders")[3]["total"] == total
    assert adapter.rows("orders")[3]["tenant"] == "b"
    assert answer.page is not None
    assert len(answer.page.records) == affected


@pytest.mark.parametrize("weaknesses", [(), (Weakness.UPSERT,)])
async def test_an_upsert_does_not_touch_a_record_outside_of_scope(weaknesses: tuple[Weakness, ...]) -> None:
    adapter = backend(*weaknesses)
    upsert = Upsert(Resolution.MERGE, ("id",))
    asked = Create(orders(*weaknesses), new(3), ("id", "tenant", "total"), upsert=upsert, scope=OURS, check=OURS)

    with pytest.raises(Forbidden):
        await written(adapter, asked)

    assert adapter.rows("orders")[3]["tenant"] == "b"


@pytest.mark.parametrize("weaknesses", [(), (Weakness.UPSERT,), KEYED])
async def test_a_default_counts_as_the_value_that_it_sets(weaknesses: tuple[Weakness, ...]) -> None:
    adapter = backend(*weaknesses)
    model = orders(*weaknesses)
    upsert = Upsert(Resolution.MERGE, ("id",))
    record = {"id": 4, "total": 1}  # of `a` now, and of nobody once its tenant is the default: none

    with pytest.raises(Forbidden):
        await written(adapter, Update(model, {}, OURS, defaults=("tenant",), scope=OURS, check=OURS))
    with pytest.raises(Forbidden):
        await written(adapter, Create(model, [record], COLUMNS, Missing.DEFAULT, upsert, scope=OURS, check=OURS))

    assert adapter.rows("orders")[4]["tenant"] == "a"


@pytest.mark.parametrize("weaknesses", [(), (Weakness.UPSERT,)])
async def test_a_record_outside_of_scope_is_forbidden_even_where_it_would_be_passed_over(
    weaknesses: tuple[Weakness, ...],
) -> None:
    upsert = Upsert(Resolution.IGNORE, ("id",))

    with pytest.raises(Forbidden):
        await written(
            backend(*weaknesses),
            Create(orders(*weaknesses), new(3, tenant="b"), ("id", "tenant"), upsert=upsert, check=OURS),
        )


@pytest.mark.parametrize("weaknesses", [(), (Weakness.UPSERT,), (Weakness.BATCHES,)])
async def test_an_upsert_cannot_meet_one_record_twice(weaknesses: tuple[Weakness, ...]) -> None:
    upsert = Upsert(Resolution.MERGE, ("id",))

    with pytest.raises(Rejected) as caught:
        await written(
            backend(*weaknesses), Create(orders(*weaknesses), new(20, 21, 20), ("id", "total"), upsert=upsert)
        )

    assert caught.value.code == "21000"


async def test_written_records_are_read_back_where_the_backend_returns_none() -> None:
    weak = (*KEYED, Weakness.RETURNING, Weakness.FEW_KEYS)
    adapter = backend(*weak)
    options = WriteOptions(returning=())

    answer = await written(adapter, Create(orders(*weak), new(20, 21, 22), ("id", "tenant", "total"), options=options))

    assert answer.page is not None
    assert [record["id"] for record in answer.page.records] == [20, 21, 22]


async def test_records_that_an_upsert_passed_over_are_not_shown() -> None:
    upsert = Upsert(Resolution.IGNORE, ("id",))
    asked = Create(
        orders(Weakness.RETURNING), new(3, 30), ("id", "total"), upsert=upsert, options=WriteOptions(returning=())
    )

    answer = await written(backend(Weakness.RETURNING), asked)

    assert answer.page is not None
    assert [record["id"] for record in answer.page.records] == [30]


async def test_records_whose_keys_stay_unknown_are_reported_as_written() -> None:
    class Silent(MemoryAdapter):
        async def create(self, op: Create, /) -> Written:
            return replace(await super().create(op), keys=[])

    generated = replace(ORDERS.fields[0], generated=True)
    model = able(replace(ORDERS, fields=(generated, *ORDERS.fields[1:])), (Weakness.RETURNING,))
    asked = Create(model, [{"total": 1}], ("total",), options=WriteOptions(returning=()))

    with pytest.raises(UpstreamFailed) as caught:
        await written(Silent([model]), asked)

    assert caught.value.outcome is Outcome.APPLIED


async def test_each_batch_has_an_idempotency_key_of_its_own() -> None:
    seen: list[str | None] = []

    class Noting(MemoryAdapter):
        async def create(self, op: Create, /) -> Written:
            seen.append(op.options.key)
            return await super().create(op)

    model = orders(Weakness.BATCHES)
    for records in (new(1, 2, 3), new(4)):
        asked = Create(model, records, ("id",), options=WriteOptions(key="k"))
        await written(Noting([model]), asked)

    assert seen == ["k-0", "k-1", "k"]


@pytest.mark.parametrize(
    ("op", "error"),
    [
        (Delete(orders(*KEYED), EVERYTHING, options=WriteOptions(dry_run=True)), Refused),
        (Delete(orders(), EVERYTHING, options=WriteOptions(etags=("1",))), Refused),
        (Delete(orders(delete_batch=0), EVERYTHING), NotAllowed),
        (Update(orders(update_batch=0), {"total": 1}, EVERYTHING), NotAllowed),
        (Create(orders(create_batch=0), new(1), ("id",)), NotAllowed),
        (Delete(replace(orders(*KEYED), key=()), EVERYTHING), Refused),
        (Update(orders(*KEYED), {"total": "x"}, EVERYTHING), BadValue),
    ],
)
async def test_what_a_backend_cannot_do_is_refused_before_it_is_asked(op: Operation, error: type[BridgeError]) -> None:
    adapter = backend(*KEYED)

    with pytest.raises(error):
        await written(adapter, op)

    assert adapter.calls == 0


async def test_a_write_on_trial_leaves_everything_as_it_was() -> None:
    adapter = backend()

    answer = await written(adapter, Delete(orders(), EVERYTHING, options=WriteOptions(dry_run=True)))

    assert answer.affected == 10
    assert len(adapter.rows("orders")) == 10


async def test_nothing_to_change_asks_nothing() -> None:
    adapter = backend()

    answer = await written(adapter, Update(orders(), {}, EVERYTHING, options=WriteOptions(returning=())))

    assert (answer.affected, adapter.calls) == (0, 0)
    assert answer.page is not None
    assert answer.page.records == []


@pytest.mark.parametrize(
    "where", [Or((OURS, Condition(Path("total"), Op.EQ, "7"))), Condition(Path("total"), Op.GT, "5")]
)
async def test_what_a_backend_does_not_filter_by_is_written_by_key(where: Filter) -> None:
    weak = (Weakness.CONJUNCTION, Weakness.EQUALITY)
    adapter, full = backend(*weak), backend()

    answer = await written(adapter, Delete(orders(*weak), where))

    assert answer.affected == (await written(full, Delete(orders(), where))).affected
    assert adapter.rows("orders") == full.rows("orders")


async def test_records_of_a_view_without_a_key_are_written_by_filter_alone() -> None:
    plain = Model("orders", (Field("id", FieldType.INTEGER), Field("total", FieldType.INTEGER)))
    adapter = MemoryAdapter([able(plain)], {"orders": [{"id": 1, "total": 1}, {"id": 1, "total": 2}]})

    answer = await written(adapter, Update(able(plain), {"total": 5}, And((Condition(Path("total"), Op.GT, "1"),))))

    assert answer.affected == 1
    page = await perform(adapter, Read(able(plain)), LIMITS)
    assert isinstance(page, Page)
    assert page.records == [{"id": 1, "total": 1}, {"id": 1, "total": 5}]


@pytest.mark.parametrize("kind", [Create, Update, Delete])
async def test_a_failure_to_show_what_was_written_does_not_deny_that_it_was(kind: type[Write]) -> None:
    weaknesses = (*KEYED, Weakness.RETURNING)
    model, adapter = orders(*weaknesses), backend(*weaknesses)
    options = WriteOptions(returning=(Column(Path("tenant"), cast="int"),))  # which "b" cannot be
    first = Condition(Path("id"), Op.EQ, "1")
    ops: dict[type[Write], Write] = {
        Create: Create(model, new(20, tenant="b"), COLUMNS, options=options),
        Update: Update(model, {"total": "77"}, first, options=options),
        Delete: Delete(model, first, options=options),
    }
    before = adapter.rows("orders")

    with pytest.raises(BadValue) as caught:
        await written(adapter, ops[kind])

    assert adapter.rows("orders") != before
    assert caught.value.outcome is Outcome.APPLIED


@pytest.mark.parametrize("kind", [Create, Update, Delete])
async def test_an_atomic_backend_that_cannot_show_what_was_written_undoes_it(kind: type[Write]) -> None:
    adapter = backend()
    options = WriteOptions(returning=(Column(Path("tenant"), cast="int"),))
    first = Condition(Path("id"), Op.EQ, "1")
    ops: dict[type[Write], Write] = {
        Create: Create(orders(), new(20, tenant="b"), COLUMNS, options=options),
        Update: Update(orders(), {"total": "77"}, first, options=options),
        Delete: Delete(orders(), first, options=options),
    }
    before = adapter.rows("orders")

    with pytest.raises(BadValue) as caught:
        await written(adapter, ops[kind])

    assert adapter.rows("orders") == before
    assert caught.value.outcome is Outcome.NOT_APPLIED
