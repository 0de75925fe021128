"""The stand-in is held to what Stripe itself declares in its SDK, and to what its documentation promises."""

import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import stripe
from bridge_stripe.catalogue import CATALOGUE
from bridge_stripe.fake import KEY, Account, Server, seed
from bridge_stripe.fake.account import Asked
from bridge_stripe.fake.objects import KINDS
from bridge_stripe.shapes import (
    Anything,
    Either,
    Nested,
    Plain,
    Reference,
    Several,
    Shape,
    Sublist,
    Table,
    Words,
    object_fields,
    parameters,
)

pytestmark = pytest.mark.anyio

HEADERS = {"authorization": f"Bearer {KEY}"}
PYTHON: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "bool": (bool,), "float": (float, int), "Decimal": (str,)
}  # fmt: skip


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Account:
    made = Account(clock)
    seed(made, 12)
    return made


def ask(account: Account, method: str, path: str, text: str = "", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return account.answer(Asked(method, path, text, {**HEADERS, **named}))


SIMPLE: Mapping[type, Callable[[Any, Any], bool]] = {
    Plain: lambda shape, value: type(value) in PYTHON[shape.kind],
    Words: lambda _, value: isinstance(value, str | bool),
    Reference: lambda _, value: isinstance(value, str | dict),
    Sublist: lambda _, value: value["object"] == "list",
    Either: lambda _, value: True,
    Anything: lambda _, value: True,
}


def wrong(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """Yield what does not fit what Stripe declares."""
    if value is None:
        return
    match shape:
        case Several(item):
            for at, each in enumerate(value):
                yield from wrong(item, each, f"{where}[{at}]")
        case Nested(fields):
            yield from undeclared(value, fields, where)
        case Table(item):
            for name, each in value.items():
                yield from wrong(item, each, f"{where}.{name}")
        case _ if not SIMPLE[type(shape)](shape, value):
            yield f"{where} is {value!r}, no {shape}"


def undeclared(found: Mapping[str, Any], declared: Mapping[str, Any], where: str) -> Iterator[str]:
    for name, value in found.items():
        if name not in declared:
            yield f"{where}.{name} is not declared"
        else:
            yield from wrong(declared[name].shape, value, f"{where}.{name}")
    for name, each in declared.items():
        if not each.optional and found.get(name) is None and not isinstance(each.shape, Reference | Anything | Either):
            yield f"{where}.{name} is lacking"


def test_every_key_of_every_answer_is_declared_by_stripe(account: Account) -> None:
    draft = next(each for each in account.test.all_of("invoices") if each["status"] == "draft")
    for verb in ("finalize", "pay"):
        ask(account, "POST", f"invoices/{draft['id']}/{verb}")
    complaints = [
        complaint
        for kind in CATALOGUE
        for each in ask(account, "GET", kind.path, "limit=100").body.get("data", [])
        for complaint in undeclared(each, object_fields(kind.sdk), kind.name)
    ]

    assert sum(len(account.test.all_of(each.path)) for each in CATALOGUE) > 100
    assert not complaints


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)
def test_what_stripe_does_not_declare_is_refused(account: Account, kind: Any) -> None:
    calls = [("GET", kind.path)]
    calls += [("POST", kind.path)] if parameters(kind.sdk, "Create") else []
    for method, path in calls:
        answer = ask(account, method, path, "no_such_parameter=1")

        assert answer.status == 400
        assert answer.body["error"]["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("limit=0", "parameter_invalid_integer"),
        ("limit=101", "parameter_invalid_integer"),
        ("limit=x", "parameter_invalid_int"),
        ("starting_after=cus_nobody", "resource_missing"),
        ("email=", "parameter_invalid_empty"),
        ("created[around]=1", "parameter_unknown"),
    ],
)
def test_bad_parameters_of_a_list_are_refused(account: Account, text: str, code: str) -> None:
    answer = ask(account, "GET", "customers", text)

    assert (answer.status, answer.body["error"]["code"]) == (400, code)
    assert answer.headers["Request-Id"].startswith("req_")


def test_lists_are_newest_first_and_walk_both_ways(account: Account) -> None:
    everything = [each["id"] for each in ask(account, "GET", "customers", "limit=100").body["data"]]
    third = everything[2]
    after = ask(account, "GET", "customers", f"limit=2&starting_after={third}").body
    before = ask(account, "GET", "customers", f"limit=2&ending_before={third}").body

    assert everything == [each["id"] for each in reversed(account.test.all_of("customers"))]
    assert ([each["id"] for each in after["data"]], after["has_more"]) == (everything[3:5], True)
    assert ([each["id"] for each in before["data"]], before["has_more"]) == (everything[:2], False)


def test_search_finds_by_its_own_language_and_what_is_no_longer_new(account: Account, clock: Clock) -> None:
    ask(account, "POST", "customers", "email=late@example.com&metadata[tier]=gold")

    def found(query: str) -> int | str:
        from urllib.parse import urlencode

        answer = ask(account, "GET", "customers/search", urlencode({"query": query, "limit": 100}))
        return len(answer.body["data"]) if answer.status == 200 else str(answer.body["error"]["message"])

    assert found('email:"late@example.com"') == 0
    clock.now += 61
    assert found('email:"LATE@example.com"') == 1
    assert found('email~"example"') == 13
    assert found('metadata["tier"]:"gold" AND -email:"late@example.com"') == 6
    assert found('email:"late@example.com" OR name:"Customer 1"') == 2
    assert found("created>1790000000") == 1
    assert found("phone:NULL") == 13
    assert "not by both" in str(found('email:"a" AND name:"b" OR name:"c"'))
    assert "unsupported" in str(found('address:"b"'))
    assert "unable to parse" in str(found("email"))


def test_search_pages_by_a_token(account: Account) -> None:
    first = ask(account, "GET", "customers/search", "query=email~%22example%22&limit=10").body
    second = ask(
        account, "GET", "customers/search", f"query=email~%22example%22&limit=10&page={first['next_page']}"
    ).body

    assert [first["object"], len(first["data"]), first["has_more"]] == ["search_result", 10, True]
    assert [len(second["data"]), second["has_more"], second["next_page"]] == [2, False, None]


def test_a_write_is_replayed_under_its_key_for_a_day(account: Account, clock: Clock) -> None:
    first = ask(account, "POST", "customers", "name=Ada", idempotency_key="k")
    again = ask(account, "POST", "customers", "name=Ada", idempotency_key="k")
    other = ask(account, "POST", "customers", "name=Bob", idempotency_key="k")
    clock.now += 86_401
    later = ask(account, "POST", "customers", "name=Ada", idempotency_key="k")

    assert first.body == again.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status, other.body["error"]["type"]) == (400, "idempotency_error")
    assert later.body["id"] != first.body["id"]


def test_a_refused_write_does_not_use_up_its_key(account: Account) -> None:
    refused = ask(account, "POST", "customers", "email=nobody", idempotency_key="k")
    mended = ask(account, "POST", "customers", "email=a@b.c", idempotency_key="k")

    assert (refused.status, mended.status) == (400, 200)


def test_rates_are_limited_by_its_own_clock(clock: Clock) -> None:
    account = Account(clock, per_second=2)
    answers = [ask(account, "GET", "customers").status for _ in range(3)]
    clock.now += 1

    assert answers == [200, 200, 429]
    assert ask(account, "GET", "customers").status == 200


def test_ids_are_expanded_where_they_stand(account: Account) -> None:
    invoice = account.test.all_of("invoices")[0]["id"]
    one = ask(account, "GET", f"invoices/{invoice}", "expand[]=customer").body
    many = ask(account, "GET", "invoices", "expand[]=data.customer").body
    deep = ask(account, "GET", "invoices", "expand[]=data.a.b.c.d")

    assert one["customer"]["object"] == "customer"
    assert all(each["customer"]["object"] == "customer" for each in many["data"])
    assert deep.status == 400


def test_a_deleted_customer_is_known_as_such_and_ends_its_subscriptions(account: Account) -> None:
    key = account.test.all_of("customers")[0]["id"]
    ask(account, "DELETE", f"customers/{key}")

    assert ask(account, "GET", f"customers/{key}").body == {"id": key, "object": "customer", "deleted": True}
    assert ask(account, "POST", f"customers/{key}", "name=x").status == 404
    assert ask(account, "GET", "subscriptions", f"customer={key}").body["data"] == []
    assert len(ask(account, "GET", "subscriptions", f"customer={key}&status=all").body["data"]) == 1


LIVES: dict[str, tuple[list[tuple[str, int]], str]] = {
    "an invoice is finalized, then paid": ([("finalize", 200), ("pay", 200), ("pay", 400)], "paid"),
    "an invoice is finalized, then void": ([("void", 400), ("finalize", 200), ("void", 200), ("pay", 400)], "void"),
    "an invoice is sent": ([("send", 200), ("finalize", 400)], "open"),
}


@pytest.mark.parametrize(("verbs", "status"), LIVES.values(), ids=LIVES)
def test_an_invoice_lives_as_it_should(account: Account, verbs: list[tuple[str, int]], status: str) -> None:
    draft = next(each["id"] for each in account.test.all_of("invoices") if each["status"] == "draft")
    answers = [(verb, ask(account, "POST", f"invoices/{draft}/{verb}").status) for verb, _ in verbs]

    assert answers == verbs
    assert ask(account, "GET", f"invoices/{draft}").body["status"] == status


def test_no_more_is_refunded_than_was_paid(account: Account) -> None:
    charge = account.test.all_of("charges")[0]
    statuses = [
        ask(account, "POST", "refunds", f"charge={charge['id']}&amount={amount}").status
        for amount in (400, charge["amount"], charge["amount"] - 400, 1)
    ]

    assert statuses == [200, 400, 200, 400]


def test_every_step_leaves_an_event(account: Account) -> None:
    key = ask(account, "POST", "customers", "name=Ada").body["id"]
    ask(account, "DELETE", f"customers/{key}")
    events = ask(account, "GET", "events", "limit=2").body["data"]

    assert [each["type"] for each in events] == ["customer.deleted", "customer.created"]


async def test_the_real_sdk_speaks_to_it(empty_server: Server) -> None:
    http = stripe.HTTPXClient(timeout=5)
    client = stripe.StripeClient(KEY, base_addresses={"api": empty_server.url}, max_network_retries=0, http_client=http)
    made = await client.v1.products.create_async({"name": "Tea"})
    price = await client.v1.prices.create_async({"product": made.id, "currency": "eur", "unit_amount": 250})
    found = [each.id async for each in (await client.v1.prices.list_async({"limit": 1})).auto_paging_iter()]
    await http.close_async()  # type: ignore[no-untyped-call]

    assert found == [price.id]
    assert price.unit_amount_decimal == Decimal(250)


def test_one_command_starts_it() -> None:
    line = [sys.executable, "-m", "bridge_stripe.fake", "--port", "0", "--customers", "3"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.terminate()
        process.wait(10)

    assert "listens on http://127.0.0.1:" in said
    assert KEY in said
    assert process.returncode == 0


LOCALSTRIPE = """
import sys
from localstripe import resources, server
from aiohttp import web
resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""


@contextmanager
def localstripe() -> Iterator[str]:
    """Run somebody else's stand-in, as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", LOCALSTRIPE, str(port)]) as process:
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port), 0.1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def _story(url: str) -> list[Any]:
    """Do the same with any stand-in, and return what can be compared."""
    http = stripe.HTTPXClient(timeout=5)
    client = stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=0, http_client=http)
    seen: list[Any] = []

    async def call(method: str, path: str, **params: Any) -> Any:
        try:
            answer = await client.raw_request_async(method, f"/v1/{path}", **params)
        except stripe.StripeError as error:
            seen.append((method, path.partition("/")[0], error.http_status))
            return {}
        seen.append((method, path.partition("/")[0], answer.code, answer.data.get("object"), answer.data.get("status")))
        return answer.data

    customer = await call("post", "customers", email="ada@example.com", name="Ada", metadata={"a": "1"})
    key = customer["id"]
    changed = await call("post", f"customers/{key}", metadata={"b": "2"}, name="Ada L")
    seen.append((changed["name"], dict(changed["metadata"]), changed["email"]))
    await call("get", f"customers/{key}")
    await call("get", "customers/cus_nobody")
    listed = await call("get", "customers", limit=1)
    seen.append((len(listed["data"]), listed["has_more"]))
    product = await call("post", "products", name="Tea", type="service")
    seen.append((product["name"], product["active"]))
    await call("get", f"products/{product['id']}")
    await call("delete", f"customers/{key}")
    await call("get", "no_such_things")
    await http.close_async()  # type: ignore[no-untyped-call]
    return json.loads(json.dumps(seen))


async def test_it_agrees_with_a_stand_in_that_others_wrote(empty_server: Server) -> None:
    if importlib.util.find_spec("localstripe") is None:
        pytest.skip("localstripe is not installed")
    with localstripe() as other:
        theirs = await _story(other)
    ours = await _story(empty_server.url)

    assert ours == theirs


def test_every_path_of_the_catalogue_is_known() -> None:
    assert set(KINDS) == {each.path for each in CATALOGUE}
