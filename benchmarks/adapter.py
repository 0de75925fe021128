"""The PostgreSQL adapter alone, without HTTP: processor microseconds of one call, beside asyncpg's for the same SQL.

python -m benchmarks.adapter [postgresql://...]
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import uvloop
from bridge_sql.plugin import PostgresSettings, connect_postgresql
from pydantic import SecretStr

from benchmarks import ceiling, dataset
from bridge_core.adapter import AdapterContext
from bridge_core.bridge import Bridge, described
from bridge_core.call import ANONYMOUS, Call, deadline
from bridge_core.operations import Create, Operation, Read, Update, WriteOptions
from bridge_core.policy import EVERY_RIGHT, Policy
from bridge_core.query import Condition, Counting, Op, Order, Path, Slice
from bridge_core.router import Served
from bridge_core.schema import Model
from bridge_core.upstream import Threads
from tests.support.postgres import running

_TASKS: Final = 32
_CALLS: Final = 4_000
_Once = Callable[[int], Awaitable[object]]


async def cost(once: _Once, calls: int = _CALLS) -> float:
    """Return the processor microseconds of one call, many tasks at once, after a warm-up."""

    async def several(first: int, number: int) -> None:
        for each in range(first, first + number):
            await once(each)

    async def all_tasks(number: int) -> None:
        await asyncio.gather(*(several(task * number, number) for task in range(_TASKS)))

    await all_tasks(20)
    begun = time.process_time()
    await all_tasks(calls // _TASKS)
    return (time.process_time() - begun) / calls * 1e6


def operations(model: Model) -> dict[str, Callable[[int], Operation]]:
    """Return the operation of each workload, by a number that varies its values."""
    newest = (Order(Path("created_at"), descending=True),)
    states = dataset.OPEN_STATES
    back = WriteOptions(returning=(), encoded=True)

    def listed(n: int, count: Counting = Counting.NONE) -> Read:
        where = Condition(Path("status"), Op.EQ, states[n % len(states)])
        return Read(model, where=where, order=newest, window=Slice(0, 25), count=count, encoded=True)

    return {
        "get": lambda n: Read(model, where=Condition(Path("id"), Op.EQ, str(n + 1)), encoded=True),
        "list25": listed,
        "list25count": lambda n: listed(n, Counting.EXACT),
        "insert": lambda n: Create(model, [_record(n)], tuple(_record(n)), options=back),
        "update": lambda n: Update(model, {"note": "x"}, Condition(Path("id"), Op.EQ, str(n + 1)), options=back),
    }


def statements(pool: Any) -> dict[str, _Once]:
    """Return the same through asyncpg alone."""
    states = dataset.OPEN_STATES
    return {
        "get": lambda n: pool.fetchval(ceiling.GET, n + 1),
        "list25": lambda n: pool.fetchval(ceiling.LIST25, states[n % len(states)]),
        "list25count": lambda n: pool.fetchrow(ceiling.LIST25_COUNTED, states[n % len(states)]),
        "insert": lambda n: pool.fetchval(ceiling.INSERT, _BODY),
        "update": lambda n: pool.fetchval(ceiling.UPDATE, n + 1, b'{"note": "x", "total": 5}'),
    }


async def measure(url: str) -> Sequence[tuple[str, float, float, float]]:
    """Return, for each workload, the microseconds of asyncpg, of the adapter, and of the adapter behind all layers."""
    settings = PostgresSettings(url=SecretStr(url), schemas=("shop",))
    context = AdapterContext("shop", Threads(1), time.monotonic, deadline)
    adapter = await connect_postgresql(settings, context)
    models = await described("shop", adapter)
    bridge = Bridge(
        [Served("shop", adapter, models)], Policy({("all", "*", "*"): EVERY_RIGHT}, anonymous_roles=("all",))
    )
    pool = await asyncpg.create_pool(
        url, min_size=10, max_size=10, connection_class=ceiling.Connection, init=ceiling.pass_json_through
    )
    found = []
    for name, operation in operations(models["orders"]).items():
        raw = await cost(statements(pool)[name])
        alone = await cost(_alone(adapter, operation))
        whole = await cost(_behind_layers(bridge, operation))
        found.append((name, raw, alone, whole))
    await pool.close()
    await bridge.close()
    return found


def _alone(adapter: Any, operation: Callable[[int], Operation]) -> _Once:
    verbs: dict[type, Callable[[Operation], Awaitable[object]]] = {
        Read: adapter.read,
        Create: adapter.create,
        Update: adapter.update,
    }

    def once(n: int) -> Awaitable[object]:
        op = operation(n)
        return verbs[type(op)](op)

    return once


def _behind_layers(bridge: Bridge, operation: Callable[[int], Operation]) -> _Once:
    return lambda n: bridge.handle(Call(operation(n), ANONYMOUS, time.monotonic() + 30))


def _record(n: int) -> dict[str, object]:
    return {
        "customer_id": 1 + n % 100,
        "status": "new",
        "total": "5.00",
        "currency": "EUR",
        "note": None,
        "meta": {"weight": 1},
        "is_paid": True,
        "created_at": "2022-12-01T10:00:00+00:00",
        "updated_at": "2022-12-01T10:00:00+00:00",
    }


_BODY: Final = (
    b'{"customer_id":1,"status":"new","total":5.00,"currency":"EUR","note":null,"meta":{"weight":1},"is_paid":true,'
    b'"created_at":"2022-12-01T10:00:00+00:00","updated_at":"2022-12-01T10:00:00+00:00"}'
)


def _main(url: str) -> None:
    print(f"{'microseconds of a call':24}{'asyncpg':>10}{'adapter':>10}{'bridge':>10}")
    for name, *costs in uvloop.run(measure(url)):
        print(f"{name:24}" + "".join(f"{each:10.1f}" for each in costs))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _main(sys.argv[1])
    else:
        with running(18) as server:
            _main(dataset.create(server, dataset.SMALL))
