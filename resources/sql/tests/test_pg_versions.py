"""Versions of PostgreSQL's records, and what became of a transaction whose end was not seen: on a real server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from bridge_sql.plugin import PostgresSettings, connect_postgresql
from bridge_sql.postgresql import PostgresAdapter
from pydantic import SecretStr

from bridge_core.bridge import Bridge, described
from bridge_core.call import Call, Principal
from bridge_core.errors import BridgeError, Outcome, PreconditionFailed, Refused
from bridge_core.operations import Create, Delete, Page, Read, Update, Verb, WriteOptions, Written
from bridge_core.policy import Policy, Rule
from bridge_core.query import EVERYTHING, Condition, Op, Path, Slice
from bridge_core.router import Served
from bridge_core.schema import Model, Precondition
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SCHEMA = """
create type mood as enum ('sad', 'ok');
create table account (
    id int primary key, n int not null, secret text, mood mood, doc json, docb jsonb, tags text[], at timestamptz,
    money numeric(12, 2), raw bytea, x float8, span interval, r int4range, odd oid
);
create view seen as select id, n from account;
insert into account values
    (1, 0, 's', 'ok', '{"a": 1}', '{"b": [1]}', '{x,y}', '2024-01-01 00:00+01', 1.50, '\\x00ff', 0.1, '1 day',
     '[1,5)', 7);
"""
ALL = Rule(dict.fromkeys(Verb))
PART = Rule({Verb.READ: frozenset({"id", "n"}), Verb.UPDATE: frozenset({"n"})})
ADMIN, CLERK = Principal("admin", ("admin",)), Principal("clerk", ("clerk",))


@pytest.fixture
async def adapter(postgres: PostgresServer) -> AsyncIterator[PostgresAdapter]:
    opened = await _opened(postgres.database(SCHEMA))
    yield opened
    await opened.close()


async def _opened(url: str) -> PostgresAdapter:
    opened = await connect_postgresql(PostgresSettings(url=SecretStr(url)), None)  # type: ignore[arg-type]  # not used
    assert isinstance(opened, PostgresAdapter)
    return opened


async def bridge_over(adapter: PostgresAdapter) -> Bridge:
    models = await described("shop", adapter)
    policy = Policy({("admin", "*", "*"): ALL, ("clerk", "shop", "account"): PART})
    return Bridge([Served("shop", adapter, models)], policy)


ONE = Condition(Path("id"), Op.EQ, "1")


async def see(bridge: Bridge, who: Principal, timezone: str | None = None) -> tuple[str, Any]:
    model = bridge.model(who, "shop", "account")
    read = Read(model, where=ONE, window=Slice(0, 2), encoded=True, versions=True, timezone=timezone)
    page = await bridge.handle(Call(read, who, time.monotonic() + 10))
    assert isinstance(page, Page)
    assert page.encoded is not None
    assert page.etags is not None
    (version,) = page.etags
    return version, json.loads(page.encoded)[0]


async def change(bridge: Bridge, who: Principal, values: dict[str, object], *etags: str, **options: Any) -> Written:
    model = bridge.model(who, "shop", "account")
    update = Update(model, values, ONE, options=WriteOptions(etags=etags or None, **options))
    answer = await bridge.handle(Call(update, who, time.monotonic() + 10))
    assert isinstance(answer, Written)
    return answer


async def test_a_version_lasts_until_the_record_changes(adapter: PostgresAdapter) -> None:
    bridge = await bridge_over(adapter)
    first, _ = await see(bridge, ADMIN)
    again, _ = await see(bridge, ADMIN)
    elsewhere, _ = await see(bridge, ADMIN, timezone="Asia/Tokyo")
    await change(bridge, ADMIN, {"n": 1}, first)
    second, _ = await see(bridge, ADMIN)

    assert first == again == elsewhere
    assert second != first


async def test_a_stale_version_changes_nothing(adapter: PostgresAdapter) -> None:
    bridge = await bridge_over(adapter)
    version, _ = await see(bridge, ADMIN)
    await change(bridge, ADMIN, {"n": 1}, version)

    for options in ({}, {"timezone": "Asia/Tokyo"}):
        with pytest.raises(PreconditionFailed):
            await change(bridge, ADMIN, {"n": 7}, version, **options)
    gone = Delete(bridge.model(ADMIN, "shop", "account"), ONE, options=WriteOptions(etags=(version,)))
    with pytest.raises(PreconditionFailed):
        await bridge.handle(Call(gone, ADMIN, time.monotonic() + 10))

    assert (await see(bridge, ADMIN))[1]["n"] == 1


async def test_one_of_several_versions_is_enough_and_a_star_is_any(adapter: PostgresAdapter) -> None:
    bridge = await bridge_over(adapter)
    version, _ = await see(bridge, ADMIN)

    assert (await change(bridge, ADMIN, {"n": 1}, "x", version)).affected == 1
    assert (await change(bridge, ADMIN, {"n": 2}, "*")).affected == 1


async def test_a_hidden_change_does_not_show(adapter: PostgresAdapter) -> None:
    bridge = await bridge_over(adapter)
    before, _ = await see(bridge, CLERK)
    whole, _ = await see(bridge, ADMIN)
    await change(bridge, ADMIN, {"secret": "other"})

    assert (await see(bridge, CLERK))[0] == before
    assert (await see(bridge, ADMIN))[0] != whole
    assert (await change(bridge, CLERK, {"n": 5}, before)).affected == 1


async def test_of_fifty_who_count_up_at_once_one_wins_each_version(adapter: PostgresAdapter) -> None:
    bridge = await bridge_over(adapter)
    won = 0

    async def count_up() -> None:
        nonlocal won
        for _ in range(200):
            version, record = await see(bridge, ADMIN)
            try:
                await change(bridge, ADMIN, {"n": record["n"] + 1}, version)
            except PreconditionFailed:
                continue
            won += 1
            return

    await asyncio.gather(*(count_up() for _ in range(50)))

    assert won == 50
    assert (await see(bridge, ADMIN))[1]["n"] == 50


async def test_what_has_no_versions_says_so(adapter: PostgresAdapter) -> None:
    bridge = await bridge_over(adapter)
    seen = bridge.model(ADMIN, "shop", "seen")
    account = bridge.model(ADMIN, "shop", "account")
    options = WriteOptions(etags=("x",))

    refused = [
        Update(seen, {"n": 1}, ONE, options=options),
        Update(account, {"n": 1}, EVERYTHING, options=options),
        Update(account, {"n": 1}, Condition(Path("id"), Op.IN, ("1", "2")), options=options),
        Create(account, [{"id": 2}], ("id",), options=options),
    ]

    assert seen.capabilities.precondition is Precondition.NONE
    for op in refused:
        with pytest.raises(Refused):
            await bridge.handle(Call(op, ADMIN, time.monotonic() + 10))


async def test_nobody_pays_for_versions_who_does_not_ask(adapter: PostgresAdapter) -> None:
    model = next(model for model in await adapter.describe() if model.name == "account")

    assert "sha256" not in await adapter.explain(Read(model, where=ONE))
    assert "sha256" not in await adapter.explain(Update(model, {"n": 1}, ONE))
    assert "sha256" in await adapter.explain(replace(Read(model, where=ONE), versions=True))


async def _model(adapter: PostgresAdapter) -> Model:
    return next(model for model in await adapter.describe() if model.name == "account")


def _create(model: Model, witness: Any, number: int = 2, **options: Any) -> Create:
    chosen = WriteOptions(witness=witness, returning=(), encoded=True, **options)
    return Create(model, [{"id": number, "n": 1}], ("id", "n"), options=chosen)


class Notary:
    """Takes down tokens, and asks about each at once."""

    def __init__(self, adapter: PostgresAdapter, failure: BaseException | None = None) -> None:
        self._adapter = adapter
        self._failure = failure
        self.token = ""
        self.answer: Written | None = None
        self.meanwhile: Outcome | None = Outcome.UNKNOWN

    async def __call__(self, token: str, answer: Written) -> None:
        self.token, self.answer = token, answer
        self.meanwhile = await self._adapter.outcome_of(token)
        if self._failure is not None:
            raise self._failure


async def test_a_witness_learns_token_and_answer_before_the_commit(adapter: PostgresAdapter) -> None:
    notary = Notary(adapter)

    answer = await adapter.create(_create(await _model(adapter), notary))

    assert notary.answer == answer
    assert notary.meanwhile is None
    assert await adapter.outcome_of(notary.token) is Outcome.APPLIED


async def test_a_witness_who_objects_has_nothing_applied(adapter: PostgresAdapter) -> None:
    model = await _model(adapter)
    notary = Notary(adapter, BridgeError("no"))

    with pytest.raises(BridgeError, match="no"):
        await adapter.create(_create(model, notary))

    assert await adapter.outcome_of(notary.token) is Outcome.NOT_APPLIED
    page = await adapter.read(Read(model, where=Condition(Path("id"), Op.EQ, "2")))
    assert page.rows == 0


async def test_records_of_several_statements_are_one_transaction(adapter: PostgresAdapter) -> None:
    model = await _model(adapter)
    tokens: list[str] = []

    async def witness(token: str, answer: Written) -> None:
        tokens.append(token)

    records: Sequence[dict[str, object]] = [{"id": 5, "n": 1}, {"id": 6, "n": 1, "secret": "s"}]
    await adapter.create(replace(_create(model, witness), records=records, columns=("id", "n", "secret")))

    assert len(tokens) == 1


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_connection_that_is_cut_around_the_commit_leaves_a_known_outcome(
    adapter: PostgresAdapter, postgres: PostgresServer, at: str
) -> None:
    """The session is ended between the witness and COMMIT, or COMMIT itself is delayed past the end of the caller."""
    model = await _model(adapter)
    tokens: list[str] = []

    async def witness(token: str, answer: Written) -> None:
        tokens.append(token)
        if at == "before":
            killer = await asyncpg.connect(postgres.url("postgres"))
            await killer.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'"
            )
            await killer.close()

    if at == "before":
        with pytest.raises(BridgeError) as caught:
            await adapter.create(_create(model, witness))
        assert caught.value.outcome is not Outcome.APPLIED
    else:
        await adapter.create(_create(model, witness))

    wanted = Outcome.NOT_APPLIED if at == "before" else Outcome.APPLIED
    assert await adapter.outcome_of(tokens[0]) is wanted


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: f"1{token}",  # another cluster
        lambda token: token.replace(":00000001:", ":00000002:"),  # a replica took over
        lambda token: token.rpartition(":")[0] + ":999999999",  # a transaction that was not yet
        lambda token: token.rpartition(":")[0] + ":3",  # one of long ago
    ],
)
async def test_a_token_from_elsewhere_proves_nothing(adapter: PostgresAdapter, spoil: Any) -> None:
    notary = Notary(adapter)
    await adapter.create(_create(await _model(adapter), notary))

    assert spoil(notary.token) != notary.token
    assert await adapter.outcome_of(spoil(notary.token)) is not Outcome.NOT_APPLIED


async def test_an_ordinary_role_can_be_given_tokens(postgres: PostgresServer) -> None:
    url = postgres.database(
        SCHEMA + "drop role if exists plain; create role plain login password 'plain'; grant all on account to plain;"
    )
    adapter = await _opened(url.replace("bridge:correct-horse", "plain:plain"))
    try:
        notary = Notary(adapter)
        await adapter.create(_create(await _model(adapter), notary))
        assert await adapter.outcome_of(notary.token) is Outcome.APPLIED
    finally:
        await adapter.close()
