"""The backend in memory does what it declares, and refuses loudly what it does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge_core.errors import BadValue, Conflict
from bridge_core.operations import Act, Create, Delete, Operation, Read, Update, WriteOptions
from bridge_core.query import EVERYTHING, After, Column, Condition, Counting, Op, Or, Order, Path, Slice
from bridge_core.schema import Field, FieldType, Model
from bridge_core.testing.memory import MemoryAdapter, Weakness, able
from tests.planning.backends import ORDERS, backend, orders

pytestmark = pytest.mark.anyio

FOURTH = Condition(Path("id"), Op.EQ, 4)


@pytest.mark.parametrize(
    ("weakness", "ask"),
    [
        (Weakness.FILTER, lambda model: Read(model, where=FOURTH)),
        (Weakness.FILTER, lambda model: Read(model, scope=FOURTH)),
        (Weakness.CONJUNCTION, lambda model: Read(model, where=Or((FOURTH, FOURTH)))),
        (Weakness.DNF, lambda model: Read(model, where=Or((FOURTH,) * 4))),
        (Weakness.EQUALITY, lambda model: Read(model, where=Condition(Path("id"), Op.GT, 4))),
        (Weakness.IN, lambda model: Read(model, where=Condition(Path("id"), Op.IN, (1, 2, 3)))),
        (Weakness.CURSOR, lambda model: Read(model, window=Slice(0, 1))),
        (Weakness.WHOLE, lambda model: Read(model, window=Slice(0, 1))),
        (Weakness.PAGES, lambda model: Read(model, window=Slice(0, 4))),
        (Weakness.PAGES, Read),
        (Weakness.OFFSET, lambda model: Read(model, window=Slice(5, 1))),
        (Weakness.SORT, lambda model: Read(model, order=(Order(Path("id")),))),
        (Weakness.COUNT, lambda model: Read(model, count=Counting.EXACT)),
        (Weakness.PROJECTION, lambda model: Read(model, select=(Column(Path("id")),))),
        (Weakness.PROJECTION, lambda model: Read(model, encoded=True)),
        (Weakness.KEYS, lambda model: Read(model, keys=((1,),))),
        (Weakness.FEW_KEYS, lambda model: Read(model, keys=((1,), (2,), (3,)))),
        (Weakness.KEY_WRITES, lambda model: Delete(model, FOURTH)),
        (Weakness.KEY_WRITES, lambda model: Update(model, {"total": 1}, FOURTH)),
        (Weakness.BATCHES, lambda model: Create(model, [{"id": at} for at in (20, 21, 22)], ("id",))),
        (Weakness.RETURNING, lambda model: Delete(model, FOURTH, options=WriteOptions(returning=()))),
        (Weakness.ATOMIC, lambda model: Delete(model, FOURTH, options=WriteOptions(dry_run=True))),
        (None, lambda model: Read(model, window=After(None, 1))),
        (None, lambda model: Delete(model, EVERYTHING, keys=((1,),))),
        (None, lambda model: Create(model, [{"id": 20}], ("id",), check=FOURTH)),
    ],
)
async def test_what_is_not_declared_is_refused_loudly(
    weakness: Weakness | None, ask: Callable[[Model], Operation]
) -> None:
    weaknesses = () if weakness is None else (weakness,)
    adapter = backend(*weaknesses)

    with pytest.raises(AssertionError):
        await _ask(adapter, ask(orders(*weaknesses)))

    assert len(adapter.rows("orders")) == 10


@pytest.mark.parametrize(
    ("op", "error", "code"),
    [
        (Create(able(ORDERS), [{"id": 20}, {"id": 4}], ("id",)), Conflict, "23505"),
        (Create(able(ORDERS), [{"id": 20}, {"id": None}], ("id",)), BadValue, "23502"),
        (Update(able(ORDERS), {"id": 4}, EVERYTHING), Conflict, "23505"),
        (Update(able(ORDERS), {"id": None}, FOURTH), BadValue, "23502"),
    ],
)
async def test_a_write_that_breaks_a_constraint_leaves_everything_as_it_was(
    op: Operation, error: type[Exception], code: str
) -> None:
    adapter = backend()
    before = adapter.rows("orders")

    with pytest.raises(error) as caught:
        await _ask(adapter, op)

    assert getattr(caught.value, "code", None) == code
    assert adapter.rows("orders") == before


async def test_a_value_that_is_unique_may_be_missing_often() -> None:
    model = able(replace(ORDERS, uniques=(("tenant", "status"),)))
    adapter = MemoryAdapter([model])
    two = [{"id": 1, "tenant": "a"}, {"id": 2, "tenant": "a"}]

    written = await adapter.create(Create(model, two, ("id", "tenant")))

    assert written.affected == 2


async def test_a_key_that_the_backend_makes_is_the_next_number() -> None:
    made = Field("id", FieldType.INTEGER, nullable=False, generated=True)
    model = able(replace(ORDERS, fields=(made, *ORDERS.fields[1:])))
    adapter = MemoryAdapter([model], {"orders": [{"id": 7, "tenant": None, "status": None, "total": 1}]})

    written = await adapter.create(Create(model, [{"total": 1}, {"total": 2}], ("total",)))

    assert written.keys == [{"id": 8}, {"id": 9}]


async def test_records_come_encoded_where_that_is_asked_for() -> None:
    page = await backend(count=1).read(Read(orders(), select=(Column(Path("id")),), encoded=True))

    assert (page.encoded, page.rows) == (b'[{"id":0}]', 1)


async def _ask(adapter: MemoryAdapter, op: Operation) -> object:
    match op:
        case Read():
            return await adapter.read(op)
        case Create():
            return await adapter.create(op)
        case Update():
            return await adapter.update(op)
        case Delete():
            return await adapter.delete(op)
        case Act():
            raise AssertionError("a backend in memory has no actions")
