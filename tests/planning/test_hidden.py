"""What a rule hides from a caller is not named to them either: in no error, no hint, and no plan."""

from dataclasses import replace

import pytest

from bridge_core.errors import Refused
from bridge_core.layers import authorize
from bridge_core.operations import Create, Delete, Operation, Read, Update
from bridge_core.planner import Limits, perform, plan
from bridge_core.policy import Grant, narrowed
from bridge_core.query import EVERYTHING, Condition, Op, Order, Path
from bridge_core.schema import Field, FieldType
from bridge_core.testing.memory import MemoryAdapter, Weakness, able
from tests.planning.backends import ORDERS, rows

pytestmark = pytest.mark.anyio

FEW = Limits(max_scan=5)
SEEN = frozenset({"id", "total"})
TENANT = Field("tenant", FieldType.TEXT, default="'a'")


@pytest.mark.parametrize(
    "op",
    [
        Read(ORDERS, order=(Order(Path("total")),)),
        Update(ORDERS, {"total": 1}, EVERYTHING),
        Delete(ORDERS, EVERYTHING),
        Create(ORDERS, [{"id": 99, "total": 1}], ("id", "total")),
    ],
    ids=["read", "update", "delete", "create"],
)
async def test_neither_an_error_nor_a_plan_names_a_hidden_field(op: Operation) -> None:
    fields = tuple(TENANT if each.name == "tenant" else each for each in ORDERS.fields)
    weak = able(replace(ORDERS, fields=fields), (Weakness.FILTER, Weakness.KEY_WRITES))
    grant = Grant(narrowed(weak, SEEN, SEEN, SEEN), Condition(Path("tenant"), Op.EQ, "a"))
    granted = authorize.narrowed(replace(op, model=grant.model), grant)

    with pytest.raises(Refused) as caught:
        await perform(MemoryAdapter([weak], {"orders": rows(50)}), granted, FEW)

    said = [caught.value.message, caught.value.hint, plan(granted, FEW).described()]
    assert "tenant" not in repr(said)
