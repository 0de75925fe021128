"""Twin databases that differ only in what a caller may not see: whatever they ask, the answers are the same bytes.

`BRIDGE_EXAMPLES=10000` runs the big round.
"""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge_core.auth.data_tokens import DataTokens
from bridge_core.auth.settings import AuthSettings
from bridge_core.config import load
from bridge_core.registry import installed
from bridge_core.server import Site
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

EXAMPLES: Final = int(os.environ.get("BRIDGE_EXAMPLES", "150"))
SECRET: Final = "q8Zb3vK1nT7xW5cJ2mR9dL4hF6gP0sYaUeIoBtXk"
CONFIG: Final = f"""
[server]
rollback = true
[auth]
secret = "{SECRET}"
[auth.audit]
enabled = false
[resources.shop]
adapter = "ADAPTER"
ADDRESS
default = true
[roles.support.shop.customers]
read = ["id", "email", "country", "notes", "meta"]
create = ["id", "email", "country", "notes"]
update = ["notes", "country"]
delete = true
rows = "country=eq.{{claims.country}}"
[roles.support.shop.orders]
read = ["id", "customer_id", "total"]
rows = "open=is.true"
[roles.admin.shop."*"]
read = true
"""
SCHEMA: Final = """
create table customers (
    id integer primary key, email text not null, country text, notes text, meta JSONTYPE, password_hash text,
    salary integer
);
create table orders (
    id integer primary key, customer_id integer references customers (id) on delete cascade, total integer,
    cost integer, open boolean not null
);
create table payroll (
    id integer primary key, customer_id integer references customers (id) on delete cascade, amount integer
);
"""


def script(twin: int, json_type: str) -> str:
    """Return a database; of what a support agent for France may see, both twins have the same."""
    lines = [SCHEMA.replace("JSONTYPE", json_type)]
    for n in range(1, 21):
        visible = n % 2 == 0
        country, notes = ("FR", f"note {n % 5}") if visible else (f"D{twin}{n}", f"hidden {n * twin}")
        email = f"user{n}@example.com" if visible else f"other{n * twin}@hidden.example"
        meta = f'{{"tier": {n % 3 if visible else n * twin}}}'
        row = (n, email, country, notes, meta, f"hash-{twin}-{n * twin}", 1_000 * twin + n)
        lines.append(f"insert into customers values {row!r};")
    for n in range(1, 41):
        is_open = n % 3 != 0
        total = n * 10 if is_open else n * 1_000 * twin
        open_text = "true" if is_open else "false"
        customer = n % 20 + 1 if is_open else (n * twin) % 20 + 1
        lines.append(f"insert into orders values ({n}, {customer}, {total}, {n * twin}, {open_text});")
        lines.append(f"insert into payroll values ({n}, {(n * twin) % 20 + 1}, {n * twin});")
    return "\n".join(lines)


@dataclass
class Twins:
    """Two servers over two databases, and how often they answered with what."""

    clients: Sequence[httpx.AsyncClient]
    support: str
    admin: str
    statuses: Counter[int] = field(default_factory=Counter)

    async def answers(self, request: dict[str, Any], token: str) -> list[tuple[int, list[tuple[str, str]], bytes]]:
        found = []
        for client in self.clients:
            headers = {**request["headers"], "authorization": f"Bearer {token}"}
            answer = await client.request(**{**request, "headers": headers})
            found.append((answer.status_code, sorted(answer.headers.items()), answer.content))
        return found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def twins(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Twins]:
    tokens = DataTokens(AuthSettings.model_validate({"secret": SECRET}), time.time)
    async with AsyncExitStack() as stack:
        clients = []
        for twin in (1, 2):
            folder = tmp_path_factory.mktemp(f"twin{twin}")
            address = database(request, folder, twin)
            path = folder / "plugins.toml"
            path.write_text(CONFIG.replace("ADAPTER", request.param).replace("ADDRESS", address), encoding="utf-8")
            site = Site(path, {}, installed())
            await site.open(load(path, {}))
            stack.push_async_callback(site.close)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://bridge")
            clients.append(await stack.enter_async_context(client))
        yield Twins(
            clients,
            tokens.issue("7", roles=("support",), claims={"country": "FR"}),
            tokens.issue("1", roles=("admin",)),
        )


def database(request: pytest.FixtureRequest, folder: Path, twin: int) -> str:
    if request.param == "sqlite":
        path = folder / "shop.db"
        with sqlite3.connect(path) as connection:
            connection.executescript(script(twin, "json"))
        connection.close()
        return f'path = "{path}"'
    server: PostgresServer = request.getfixturevalue("postgres_18")
    return f'url = "{server.database(script(twin, "jsonb") + "analyze;")}"'


VISIBLE = st.sampled_from(["id", "email", "country", "notes", "meta", "meta->tier", "meta->>tier"])
HIDDEN = st.sampled_from(["password_hash", "salary", "nowhere"])
COLUMN = st.one_of(*[VISIBLE] * 9, HIDDEN)
TEXTS = ("FR", "D11", "D21", "note 1", "hidden 2", "hash-1-1", "hash-2-4", "user2@example.com", "*", "%", "null", "")
VALUE = st.one_of(st.integers(-1, 45).map(str), st.sampled_from(TEXTS))
OPERATOR = st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "isdistinct"])
CONDITION = st.one_of(
    st.tuples(OPERATOR, VALUE).map(".".join),
    st.lists(VALUE.filter(bool), max_size=3).map(lambda values: f"in.({','.join(values)})"),
    st.sampled_from(["is.null", "is.not_null", "is.true", "not.is.null"]),
    st.tuples(OPERATOR, VALUE).map(lambda pair: f"not.{pair[0]}.{pair[1]}"),
    VALUE.map(lambda value: f"like(any).{{{value}*,x}}"),
)
LOGIC = st.sampled_from(["and", "or", "not.and", "not.or"])
TREE = st.recursive(
    st.tuples(COLUMN, CONDITION).map(".".join),
    lambda inner: st.tuples(LOGIC, st.lists(inner, min_size=1, max_size=3).map(",".join)).map(
        lambda pair: f"{pair[0]}({pair[1]})"
    ),
    max_leaves=4,
)
ITEM = st.one_of(
    COLUMN,
    COLUMN.map(lambda name: f"alias:{name}"),
    COLUMN.map(lambda name: f"{name}::text"),
    st.sampled_from(["*", "id.count()", "salary.sum()", "id.max()", "salary.max()", "password_hash.min()"]),
    st.sampled_from(["orders(*)", "orders(id,total)", "orders!inner(id)", "orders(cost)", "orders(total.sum())"]),
    st.sampled_from(["payroll(*)", "payroll(amount.sum())", "...orders(total)"]),
)
ORDER = st.tuples(COLUMN, st.sampled_from(["", ".desc", ".asc.nullsfirst", ".desc.nullslast"])).map("".join)
NESTED = st.sampled_from(["orders.total", "orders.cost", "orders.limit", "orders.order", "payroll.amount"])
PARAMETER = st.one_of(
    st.tuples(COLUMN, CONDITION),
    st.tuples(COLUMN, CONDITION),
    st.tuples(LOGIC, st.lists(TREE, min_size=1, max_size=3).map(lambda terms: f"({','.join(terms)})")),
    st.tuples(st.just("select"), st.lists(ITEM, min_size=1, max_size=3, unique=True).map(",".join)),
    st.tuples(st.just("order"), st.lists(ORDER, min_size=1, max_size=2).map(",".join)),
    st.tuples(st.sampled_from(["limit", "offset"]), st.integers(0, 12).map(str)),
    st.tuples(NESTED, st.one_of(CONDITION, st.just("3"), st.just("total"))),
    st.tuples(st.just("orders"), st.sampled_from(["is.null", "not.is.null"])),
)
CUSTOMERS = ["/rest/shop/customers"] * 6
READS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "GET", "GET", "HEAD"]),
        "url": st.sampled_from(
            [*CUSTOMERS, "/rest/v1/customers", "/rest/shop/orders", "/rest/shop/payroll", "/rest/shop/"]
        ),
        "params": st.lists(PARAMETER, max_size=3),
        "headers": st.sampled_from(
            [
                {},
                {"prefer": "count=exact"},
                {"prefer": "count=planned"},
                {"prefer": "count=estimated"},
                {"accept": "text/csv"},
                {"accept": "application/vnd.pgrst.object+json"},
            ]
        ),
    }
)
RECORD = st.dictionaries(
    st.sampled_from(["id", "email", "country", "notes", "notes", "salary", "password_hash", "nowhere"]),
    st.one_of(st.sampled_from(["FR", "FR", "D11", "x"]), st.integers(1, 30), st.none()),
    min_size=1,
    max_size=3,
)
PREFERENCES = st.sampled_from(
    [
        "return=representation",
        "return=headers-only",
        "resolution=merge-duplicates",
        "resolution=ignore-duplicates",
        "missing=default",
        "count=exact",
    ]
)
WRITES = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["POST", "PATCH", "PATCH", "DELETE", "PUT"]),
        "url": st.sampled_from([*CUSTOMERS, "/rest/shop/orders", "/rest/shop/payroll"]),
        "params": st.lists(st.one_of(PARAMETER, st.just(("on_conflict", "id"))), max_size=2),
        "json": st.one_of(RECORD, RECORD, st.lists(RECORD, max_size=2)),
        "headers": st.lists(PREFERENCES, max_size=3).map(lambda chosen: {"prefer": ",".join([*chosen, "tx=rollback"])}),
    }
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(request_=st.one_of(READS, READS, READS, WRITES))
async def test_no_answer_depends_on_what_is_hidden(twins: Twins, request_: dict[str, Any]) -> None:
    one, other = await twins.answers(request_, twins.support)

    twins.statuses[one[0]] += 1
    assert one == other
    assert one[0] < 500, one


async def test_the_questions_were_worth_asking(twins: Twins) -> None:
    total = sum(twins.statuses.values())
    answered = sum(number for status, number in twins.statuses.items() if status < 300)

    assert total >= min(EXAMPLES, 100)
    assert answered > total / 10, twins.statuses


@pytest.mark.parametrize(
    "path", ["customers?select=password_hash", "customers?id=eq.1", "orders?select=cost", "payroll"]
)
async def test_who_may_see_everything_can_tell_the_twins_apart(twins: Twins, path: str) -> None:
    one, other = await twins.answers({"method": "GET", "url": f"/rest/shop/{path}", "headers": {}}, twins.admin)

    assert one[0] == other[0] == 200
    assert one[2] != other[2]


@pytest.mark.parametrize("guess", ["hash-1-1*", "hash*", "*", "hash-2*"])
@pytest.mark.parametrize("place", ["{}", "and=(password_hash.{})", "not.or=(id.gt.3,password_hash.not.{})"])
async def test_a_hidden_hash_cannot_be_guessed_letter_by_letter(twins: Twins, guess: str, place: str) -> None:
    condition = f"like.{guess}"
    query = place.format(condition) if "=" in place else f"password_hash={condition}"

    answers = await twins.answers(
        {"method": "GET", "url": f"/rest/shop/customers?{query}", "headers": {}}, twins.support
    )

    assert {answer[0] for answer in answers} == {400}


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_writes_reach_only_what_is_visible(twins: Twins, method: str) -> None:
    request = {
        "method": method,
        "url": "/rest/shop/customers?id=gt.0",
        "json": {"notes": "changed"},
        "headers": {"prefer": "tx=rollback,return=representation,count=exact"},
    }

    for status, headers, content in await twins.answers(request, twins.support):
        assert (status, dict(headers)["content-range"]) == (200, "0-9/10" if method == "PATCH" else "*/10")
        assert content.count(b'"FR"') == 10


@pytest.mark.parametrize("country", ["DE", None, "D11"])
async def test_no_record_is_moved_out_of_sight(twins: Twins, country: str | None) -> None:
    move = {"method": "PATCH", "url": "/rest/shop/customers?id=eq.2", "json": {"country": country}, "headers": {}}
    record = {"id": 99, "email": "x", "country": country}
    made = {"method": "POST", "url": "/rest/shop/customers", "json": record, "headers": {}}

    for request in (move, made):
        assert {answer[0] for answer in await twins.answers(request, twins.support)} == {403}
    still = {"method": "GET", "url": "/rest/shop/customers?id=in.(2,99)&select=id,country", "headers": {}}
    for _, _, content in await twins.answers(still, twins.admin):
        assert content == b'[{"id":2,"country":"FR"}]'


@pytest.mark.parametrize("resolution", ["merge-duplicates", "ignore-duplicates"])
async def test_an_upsert_does_not_overwrite_what_is_hidden(twins: Twins, resolution: str) -> None:
    request = {
        "method": "POST",
        "url": "/rest/shop/customers?columns=id,notes,country",
        "json": {"id": 1, "notes": "taken over", "country": "FR"},
        "headers": {"prefer": f"resolution={resolution},return=representation"},
    }

    answers = await twins.answers(request, twins.support)

    assert answers[0][0] == answers[1][0]
    assert all(b"hidden" not in content for _, _, content in answers)
    look = {"method": "GET", "url": "/rest/shop/customers?id=eq.1&select=notes", "headers": {}}
    for _, _, content in await twins.answers(look, twins.admin):
        assert b"taken over" not in content
