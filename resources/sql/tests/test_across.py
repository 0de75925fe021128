"""One request over two databases: orders in PostgreSQL, customers in SQLite, and relations declared between them."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from bridge_sql.plugin import PostgresSettings, connect_postgresql
from bridge_sql.sqlite_plugin import SqliteSettings, connect_sqlite
from pydantic import SecretStr

from bridge_core.adapter import AdapterContext
from bridge_core.bridge import Bridge, described
from bridge_core.call import Principal
from bridge_core.errors import Unavailable
from bridge_core.grammar import filter_of
from bridge_core.operations import Verb
from bridge_core.policy import Policy, Rule
from bridge_core.relations import Declared, End, Through
from bridge_core.router import Served
from bridge_core.surfaces.rest import RestApp, RestSettings
from bridge_core.upstream import Threads
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

ORDERS = """
create table seller (id int primary key, name text);
create table orders (
    id int primary key, customer text, total numeric(8, 2), placed timestamptz, seller int references seller
);
create table likes (customer text, seller int, primary key (customer, seller));
insert into seller values (1, 'Sam'), (2, 'Tia');
insert into orders values
    (1, 'c1', 10.50, '2024-01-01T10:00:00+02', 1), (2, 'c1', 5, null, 2), (3, 'c2', 7.25, null, 1),
    (4, null, 1, null, 1), (5, 'gone', 2, null, null);
insert into likes values ('c1', 1), ('c1', 2), ('c2', 2);
"""
CUSTOMERS = """
create table customers (id text primary key, name text, country text, secret text);
create table cards (id integer primary key, customer text references customers, number text);
insert into customers values ('c1', 'Ada', 'DE', 's1'), ('c2', 'Bo', 'FR', 's2'), ('c3', 'Cy', 'DE', 's3');
insert into cards values (1, 'c1', '4242'), (2, 'c1', '1111'), (3, 'c2', '2222');
"""
RELATIONS = (
    Declared("buyer", End("shop", "orders", "customer"), End("crm", "customers", "id")),
    Declared(
        "favourite",
        End("crm", "customers", "id"),
        End("shop", "seller", "id"),
        Through("shop", "likes", "customer", "seller"),
    ),
)
EVERY = dict.fromkeys(Verb)
RULES = {
    ("admin", "*", "*"): Rule(EVERY),
    ("clerk", "shop", "orders"): Rule(EVERY),
    ("clerk", "crm", "customers"): Rule({Verb.READ: frozenset({"id", "name"})}, filter_of("country=eq.DE")),
    ("porter", "shop", "orders"): Rule(EVERY),
}
ADA, BO = {"name": "Ada"}, {"name": "Bo"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Share one loop, and so the adapters, between the tests."""
    return "asyncio"


@pytest.fixture(scope="module")
async def bridge(postgres_18: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    folder = tmp_path_factory.mktemp("across")
    with closing(sqlite3.connect(folder / "crm.db")) as database:
        database.executescript(CUSTOMERS)
    shop = await connect_postgresql(PostgresSettings(url=SecretStr(postgres_18.database(ORDERS))), None)  # type: ignore[arg-type]  # the context is not used
    context = AdapterContext("crm", Threads(2), time.monotonic, lambda: float("inf"), folder)
    crm = await connect_sqlite(SqliteSettings(path=Path("crm.db")), context)
    served = [Served("shop", shop, await described("shop", shop)), Served("crm", crm, await described("crm", crm))]
    opened = Bridge(served, Policy(RULES), relations=RELATIONS)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def client(bridge: Bridge) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(bridge) as opened:
        yield opened


def _client(bridge: Bridge, max_rows: int | None = None) -> httpx.AsyncClient:
    def who(authorization: str | None, apikey: str | None) -> Principal:
        return Principal(authorization or "admin", (authorization or "admin",))

    app = RestApp(bridge, who, RestSettings(aggregates=True, rollback=True, max_rows=max_rows))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge/rest")  # type: ignore[arg-type]  # a plain ASGI callable


async def _get(client: httpx.AsyncClient, path: str, role: str = "admin") -> Any:
    answer = await client.get(path, headers={"authorization": role})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/shop/orders?select=id,customer:buyer(name)&order=id",
         [{"id": 1, "customer": ADA}, {"id": 2, "customer": ADA}, {"id": 3, "customer": BO},
          {"id": 4, "customer": None}, {"id": 5, "customer": None}]),
        ("/shop/orders?select=id,placed,total,seller(name),customers(name,cards(number))&id=in.(1,4)&order=id"
         "&customers.cards.order=number",
         [{"id": 1, "placed": "2024-01-01T08:00:00+00:00", "total": 10.5, "seller": {"name": "Sam"},
           "customers": {"name": "Ada", "cards": [{"number": "1111"}, {"number": "4242"}]}},
          {"id": 4, "placed": None, "total": 1.0, "seller": {"name": "Sam"}, "customers": None}]),
        ("/crm/customers?select=name,orders(id,seller(name))&order=name&orders.order=id.desc&orders.limit=1",
         [{"name": "Ada", "orders": [{"id": 2, "seller": {"name": "Tia"}}]},
          {"name": "Bo", "orders": [{"id": 3, "seller": {"name": "Sam"}}]}, {"name": "Cy", "orders": []}]),
        ("/crm/customers?select=name,favourite(name)&order=name&favourite.order=name",
         [{"name": "Ada", "favourite": [{"name": "Sam"}, {"name": "Tia"}]},
          {"name": "Bo", "favourite": [{"name": "Tia"}]}, {"name": "Cy", "favourite": []}]),
        ("/shop/seller?select=name,favourite!inner(name)&favourite.name=eq.Bo", [{"name": "Tia", "favourite": [BO]}]),
        ("/shop/orders?select=id,buyer!inner(name)&buyer.country=eq.DE&order=id",
         [{"id": 1, "buyer": ADA}, {"id": 2, "buyer": ADA}]),
        ("/shop/orders?select=id,buyer()&buyer=is.null&order=id", [{"id": 4}, {"id": 5}]),
        ("/shop/orders?select=id,buyer(name)&order=buyer(name).desc.nullslast,id&limit=2",
         [{"id": 3, "buyer": BO}, {"id": 1, "buyer": ADA}]),
        ("/shop/orders?select=id,...buyer(who:name)&id=lt.3&order=id",
         [{"id": 1, "who": "Ada"}, {"id": 2, "who": "Ada"}]),
        ("/shop/orders?select=...buyer(country),total.sum(),n:count()&order=n.desc,buyer(country).nullslast",
         [{"country": "DE", "sum": 15.5, "n": 2}, {"country": None, "sum": 3, "n": 2},
          {"country": "FR", "sum": 7.25, "n": 1}]),
        ("/crm/customers?select=name,orders(total.sum(),count())&order=name",
         [{"name": "Ada", "orders": [{"sum": 15.5, "count": 2}]}, {"name": "Bo", "orders": [{"sum": 7.25, "count": 1}]},
          {"name": "Cy", "orders": [{"sum": None, "count": 0}]}]),
        ("/crm/customers?select=country,count()&order=country",
         [{"country": "DE", "count": 2}, {"country": "FR", "count": 1}]),
    ],
)  # fmt: skip
async def test_records_of_two_databases_come_in_one_answer(
    client: httpx.AsyncClient, path: str, expected: list[object]
) -> None:
    assert await _get(client, path) == expected


async def test_decimals_keep_their_scale_and_counts_are_right(client: httpx.AsyncClient) -> None:
    path = "/shop/orders?select=id,total,buyer!inner(name)&order=id&limit=2"
    answer = await client.get(path, headers={"prefer": "count=exact"})

    assert '"total":10.50' in answer.text
    assert answer.headers["content-range"] == "0-1/3"


async def test_the_most_records_of_an_answer_are_the_most_of_each_embed(bridge: Bridge) -> None:
    async with _client(bridge, max_rows=1) as client:
        assert await _get(client, "/crm/customers?select=id,orders(id),cards(id)&orders.order=id&cards.order=id") == [
            {"id": "c1", "orders": [{"id": 1}], "cards": [{"id": 1}]}
        ]
        assert await _get(client, "/shop/seller?select=id,orders(id)&orders.order=id") == [
            {"id": 1, "orders": [{"id": 1}]}
        ]


async def test_policy_holds_at_both_ends(client: httpx.AsyncClient) -> None:
    orders = await _get(client, "/shop/orders?select=id,buyer(name)&order=id&id=lt.4", "clerk")
    secret = await client.get("/shop/orders?select=id,buyer(secret)", headers={"authorization": "clerk"})
    sorted_by = await client.get(
        "/shop/orders?select=id,buyer(name)&order=buyer(secret)", headers={"authorization": "clerk"}
    )
    hidden = await client.get("/shop/orders?select=id,buyer(name)", headers={"authorization": "porter"})

    assert [order["buyer"] for order in orders] == [ADA, ADA, None]  # Bo is outside of the clerk's rows
    assert (secret.status_code, secret.json()["code"]) == (400, "42703")
    assert (sorted_by.status_code, sorted_by.json()["code"]) == (400, "42703")
    assert (hidden.status_code, hidden.json()["code"]) == (400, "PGRST200")
    assert await _get(client, "/shop/orders?select=id,buyer!inner()&order=id", "clerk") == [{"id": 1}, {"id": 2}]


async def test_a_write_answers_with_records_of_the_other_database(client: httpx.AsyncClient) -> None:
    answer = await client.patch(
        "/shop/orders?id=eq.3&select=id,total,buyer(name),seller(name)",
        json={"total": 8},
        headers={"prefer": "return=representation, tx=rollback"},
    )

    assert answer.json() == [{"id": 3, "total": 8.0, "buyer": BO, "seller": {"name": "Sam"}}]


async def test_a_plan_is_answered_instead_of_records(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/shop/orders?select=id,buyer(name),seller(name)&id=eq.1&limit=25",
        headers={"accept": "application/vnd.bridge.plan+json"},
    )
    deletion = await client.delete("/shop/orders?id=eq.1", headers={"accept": "application/vnd.bridge.plan+json"})

    assert answer.headers["content-type"] == "application/vnd.bridge.plan+json; charset=utf-8"
    plan = answer.json()
    assert (plan["resource"], plan["calls"]) == ("shop", 1)
    assert [(each["embed"], each["resource"], each["times"]) for each in plan["related"]] == [("buyer", "crm", 1)]
    assert plan["in_all"]["calls"] == 2
    assert deletion.json()["strategy"] == "direct"
    assert len(await _get(client, "/shop/orders?id=eq.1")) == 1


async def test_a_resource_that_is_away_is_an_error_and_not_an_empty_embed(bridge: Bridge) -> None:
    crm = replace(bridge.resources()["crm"], adapter=None, failure=Unavailable("the CRM does not answer"))
    broken = Bridge([bridge.resources()["shop"], crm], Policy(RULES))
    async with _client(broken) as client:
        embedded = await client.get("/shop/orders?select=id,buyer(name)")
        alone = await client.get("/shop/orders?select=id")

    assert embedded.status_code == 503
    assert alone.status_code == 200
