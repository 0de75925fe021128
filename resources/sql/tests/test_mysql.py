"""The MySQL adapter against a real MariaDB: what it reads and writes, and what happens when things go wrong."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal

import pytest

from bridge_core.adapter import AdapterContext
from bridge_core.errors import (
    BadValue,
    BridgeError,
    ConfigurationError,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Rejected,
    Unacceptable,
    Unavailable,
    UnknownName,
)
from bridge_core.operations import Affected, Create, Delete, Missing, Read, Resolution, Update, Upsert, WriteOptions
from bridge_core.query import And, Column, Condition, Counting, Filter, Is, Not, Op, Or, Order, Path, Quantifier, Slice
from bridge_core.schema import Cardinality, FieldType, Model
from bridge_core.upstream import Threads
from tests.support.mariadb import MariaDbServer

asyncmy = pytest.importorskip("asyncmy", reason="the driver of MySQL is not installed: pip install asyncmy")

from bridge_sql.mysql import MysqlAdapter  # noqa: E402  # behind the look for its driver
from bridge_sql.mysql_plugin import MysqlSettings, connect_mysql  # noqa: E402

pytestmark = pytest.mark.anyio

SCHEMA = """
set names utf8mb4;
create table kinds (
    id bigint primary key auto_increment, flag boolean, n bigint, x double, single float, price decimal(10, 2),
    name varchar(6000), old varchar(50) character set latin1, mood enum('sad', 'it''s ok'), day date, at time(6),
    noted datetime(6), seen timestamp(6) null, doc json, raw varbinary(20), made int as (id * 2), uid uuid
) comment 'every kind; 100 %' character set utf8mb4 collate utf8mb4_general_ci;
create table team (
    id int primary key auto_increment, name varchar(50) not null unique, size int not null default 3,
    constraint small check (size < 100)
);
create table player (
    team int not null, number int not null, name varchar(50), primary key (team, number),
    constraint plays_for foreign key (team) references team (id) on delete restrict
);
create table loose (word varchar(20), count int);
create view tall as select name, size from team where size > 10 with check option;
create view sums as select count(*) as teams from team;
create table `a"b;--` (
    `%s` int primary key, `:x` text, `$1` text, `雪 ключ` text, `select` text, `a?b` text, ```` text
);
"""
NOW = datetime(2024, 1, 1, 19, 13, tzinfo=UTC)
KINDS: Mapping[str, object] = {
    "id": 1,
    "flag": True,
    "n": 2**63 - 1,
    "x": 0.1,
    "single": 0.1,
    "price": Decimal("12.50"),
    "name": "Zoë \\ \" ' 🦊 ",
    "old": "Zoë",
    "mood": "it's ok",
    "day": date(2024, 2, 29),
    "at": clock_time(12, 30, 0, 500),
    "noted": datetime(2024, 1, 1, 19, 13, 0, 120000),  # noqa: DTZ001  # a timestamp without zone
    "seen": NOW,
    "doc": {"a": [1, Decimal("1.50"), {"b": "ü"}], "n": None},
    "raw": b"\x00\xff",
    "uid": "0b8e0f5c-7e4a-4c0e-9d6a-0123456789ab",
}
AS_JSON = (
    '[{"id":1,"flag":true,"n":9223372036854775807,"x":0.1,"single":0.1,"price":12.50,"name":"Zoë \\\\ \\" \' 🦊 ",'
    '"old":"Zoë","mood":"it\'s ok","day":"2024-02-29","at":"12:30:00.0005","noted":"2024-01-01T19:13:00.12",'
    '"seen":"2024-01-01T19:13:00+00:00","doc":{"a": [1, 1.50, {"b": "ü"}], "n": null},"raw":"\\\\x00ff","made":2,'
    '"uid":"0b8e0f5c-7e4a-4c0e-9d6a-0123456789ab"}]'
)
BACK = WriteOptions(returning=())


async def opened(url: str, **settings: object) -> MysqlAdapter:
    context = AdapterContext("shop", Threads(1), time.monotonic, lambda: time.monotonic() + 30)
    adapter = await connect_mysql(MysqlSettings.model_validate({"url": url, "poll": 0.01, **settings}), context)
    assert isinstance(adapter, MysqlAdapter)
    return adapter


@pytest.fixture
def url(mariadb: MariaDbServer) -> str:
    return mariadb.database(SCHEMA)


@pytest.fixture
async def adapter(url: str) -> AsyncIterator[MysqlAdapter]:
    adapter = await opened(url)
    await adapter.describe()
    yield adapter
    await adapter.close()


async def model(adapter: MysqlAdapter, name: str) -> Model:
    return next(each for each in await adapter.describe() if each.name == name)


async def added(adapter: MysqlAdapter, name: str, *records: Mapping[str, object]) -> Model:
    found = await model(adapter, name)
    await adapter.create(Create(found, list(records), tuple(records[0])))
    return found


def where(field: str, op: Op, value: object, quantifier: Quantifier | None = None) -> Condition:
    return Condition(Path(field), op, value, quantifier)


async def test_the_catalogue_tells_kinds_keys_enums_and_relations(adapter: MysqlAdapter) -> None:
    models = {each.name: each for each in await adapter.describe()}
    kinds = models["kinds"]

    assert [each.type for each in kinds.fields] == [
        FieldType.INTEGER, FieldType.BOOLEAN, FieldType.INTEGER, FieldType.FLOAT, FieldType.FLOAT, FieldType.DECIMAL,
        FieldType.TEXT, FieldType.TEXT, FieldType.ENUM, FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP,
        FieldType.TIMESTAMPTZ, FieldType.JSON, FieldType.BYTES, FieldType.INTEGER, FieldType.UUID,
    ]  # fmt: skip
    assert kinds.comment == "every kind; 100 %"
    assert kinds.by_name["mood"].enum == ("sad", "it's ok")
    assert kinds.by_name["old"].max_length == 50
    assert (kinds.by_name["made"].generated, kinds.by_name["made"].creatable) == (True, False)
    assert (models["player"].key, models["team"].uniques) == (("team", "number"), (("name",),))
    assert [(r.name, r.target, r.cardinality) for r in models["player"].relations] == [
        ("plays_for", "team", Cardinality.MANY_TO_ONE)
    ]
    assert models["sums"].capabilities.create_batch == 0
    assert models["tall"].capabilities.create_batch > 0
    assert (models["loose"].capabilities.returns, models["team"].capabilities.returns) == (False, True)
    assert list(models.values()) == list(await adapter.describe())


async def test_every_kind_of_value_goes_in_and_comes_out_as_json_and_as_python(adapter: MysqlAdapter) -> None:
    kinds = await added(adapter, "kinds", KINDS)

    encoded = await adapter.read(Read(kinds, encoded=True))
    (record,) = (await adapter.read(Read(kinds))).records

    assert encoded.encoded is not None
    assert encoded.encoded.decode() == AS_JSON
    assert dict(record) == {**KINDS, "made": 2}


@pytest.mark.parametrize(
    "term",
    [
        *(where(name, Op.EQ, value) for name, value in KINDS.items() if name != "doc"),
        *(where(name, Op.IN, (value, None)) for name, value in KINDS.items() if name != "doc"),
        *(Not(where(name, Op.NEQ, value)) for name, value in KINDS.items() if name != "doc"),
        where("price", Op.GTE, (Decimal(1), Decimal("12.5")), Quantifier.ALL),
        where("name", Op.NEQ, "ZOË \\ \" ' 🦊 "),
        where("name", Op.NEQ, "Zoë \\ \" ' 🦊"),
        where("name", Op.LIKE, "Zo_ \\\\ %"),
        where("name", Op.ILIKE, "ZOË%"),
        Not(where("name", Op.LIKE, "zo%")),
        where("name", Op.ILIKE, ("nothing", "%ZOË%"), Quantifier.ANY),
        where("old", Op.ISDISTINCT, None),
        where("old", Op.LT, "a"),
        where("mood", Op.GT, "a"),
        where("flag", Op.IS, Is.TRUE),
        Not(where("flag", Op.IS, Is.FALSE)),
        Not(where("flag", Op.IS, Is.UNKNOWN)),
        where("doc", Op.IS, Is.NOT_NULL),
        Not(where("n", Op.IN, ())),
        Or((where("n", Op.LT, 0), where("seen", Op.GT, NOW.replace(year=2023)))),
    ],
)
async def test_a_condition_that_holds_finds_the_record_and_its_negation_does_not(
    adapter: MysqlAdapter, term: Filter
) -> None:
    kinds = await added(adapter, "kinds", KINDS)

    found = await adapter.read(Read(kinds, where=term))
    others = await adapter.read(Read(kinds, where=Not(term)))

    assert (found.rows, others.rows) == (1, 0)


@pytest.mark.parametrize(
    "term", [where("n", Op.EQ, 1), where("n", Op.IN, (1, 2)), where("name", Op.LIKE, "a%"),
             where("name", Op.EQ, "a"), where("n", Op.GT, (1, 2), Quantifier.ALL)]
)  # fmt: skip
async def test_unknown_stays_unknown_when_it_is_negated(adapter: MysqlAdapter, term: Filter) -> None:
    kinds = await added(adapter, "kinds", {"id": 1, "n": None})

    assert (await adapter.read(Read(kinds, where=term))).rows == 0
    assert (await adapter.read(Read(kinds, where=Not(term)))).rows == 0


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ((Order(Path("name")),), [4, 1, 2, 3]),
        ((Order(Path("name"), descending=True),), [3, 2, 1, 4]),
        ((Order(Path("n")), Order(Path("id"), descending=True)), [2, 1, 4, 3]),
    ],
)
async def test_order_is_by_code_point_with_nulls_as_postgresql_has_them(
    adapter: MysqlAdapter, order: tuple[Order, ...], ids: list[int]
) -> None:
    kinds = await added(
        adapter,
        "kinds",
        {"id": 1, "name": "b", "n": 5},
        {"id": 2, "name": "é", "n": 4},
        {"id": 3, "name": None, "n": None},
        {"id": 4, "name": "B", "n": None},
    )

    page = await adapter.read(Read(kinds, order=order))
    back = await adapter.update(
        Update(kinds, {"flag": True}, where=And(()), options=WriteOptions(returning=(), order=order))
    )

    assert [record["id"] for record in page.records] == ids
    assert back.page is not None
    assert [record["id"] for record in back.page.records] == ids


async def test_windows_totals_selections_and_zones(adapter: MysqlAdapter) -> None:
    team = await added(adapter, "team", *({"id": number, "name": f"t{number}"} for number in range(1, 251)))
    kinds = await added(adapter, "kinds", KINDS)
    select = (Column(Path("price"), alias="p", cast="text"), Column(Path("seen")))

    page = await adapter.read(Read(team, order=(Order(Path("id")),), window=Slice(240, 20), count=Counting.EXACT))
    rest = await adapter.read(Read(team, order=(Order(Path("id")),), window=Slice(249)))
    chosen = await adapter.read(Read(kinds, select, encoded=True, timezone="Asia/Tokyo"))

    assert (page.rows, page.total) == (10, 250)
    assert [each["id"] for each in rest.records] == [250]
    assert chosen.encoded == b'[{"p":"12.50","seen":"2024-01-02T04:13:00+09:00"}]'


async def test_hostile_names_are_only_names(adapter: MysqlAdapter) -> None:
    record = {"%s": 1, ":x": "a", "$1": "b", "雪 ключ": "c", "select": "d", "a?b": "e", "`": "f"}
    odd = await added(adapter, 'a"b;--', record)

    for field, value in record.items():
        assert (await adapter.read(Read(odd, where=where(field, Op.EQ, value)))).records == [record]
    await adapter.update(Update(odd, {"a?b": "'; drop table team;--"}, where=where("select", Op.EQ, "d")))
    gone = await adapter.delete(Delete(odd, where("%s", Op.EQ, 1), options=BACK))

    assert gone.page is not None
    assert gone.page.records == [{**record, "a?b": "'; drop table team;--"}]


async def test_reads_by_key_find_one_and_many_of_one_and_two_parts(adapter: MysqlAdapter) -> None:
    team = await added(adapter, "team", *({"id": number, "name": f"t{number}"} for number in range(1, 5)))
    places = [(1, 1), (1, 2), (2, 1), (2, 2)]
    player = await added(adapter, "player", *({"team": t, "number": n, "name": f"{t}{n}"} for t, n in places))

    assert {r["id"] for r in (await adapter.read(Read(team, keys=((3,), (1,), (99,))))).records} == {1, 3}
    assert (await adapter.read(Read(team, keys=()))).rows == 0
    assert [r["name"] for r in (await adapter.read(Read(player, keys=((2, 1),)))).records] == ["21"]
    assert {r["name"] for r in (await adapter.read(Read(player, keys=((2, 1), (1, 2))))).records} == {"21", "12"}


async def test_scope_limits_writes_and_policy_refuses_new_images(adapter: MysqlAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a", "size": 1}, {"id": 2, "name": "b", "size": 2})
    mine = where("size", Op.EQ, 1)

    assert (await adapter.update(Update(team, {"name": "x"}, where=And(()), scope=mine, check=mine))).affected == 1
    with pytest.raises(Forbidden):
        await adapter.update(Update(team, {"size": 9}, where=And(()), scope=mine, check=mine))
    with pytest.raises(Forbidden):
        await adapter.create(Create(team, [{"name": "c", "size": 2}], ("name", "size"), check=mine))
    assert (await adapter.delete(Delete(team, And(()), scope=mine))).affected == 1

    assert [(r["name"], r["size"]) for r in (await adapter.read(Read(team))).records] == [("b", 2)]


async def test_defaults_numbers_and_changed_keys_come_back(adapter: MysqlAdapter) -> None:
    team = await model(adapter, "team")
    records: list[Mapping[str, object]] = [{"name": "a"}, {"name": "b", "size": 7}]

    made = await adapter.create(Create(team, records, ("name", "size"), missing=Missing.DEFAULT, options=BACK))
    moved = await adapter.update(
        Update(team, {"id": 70}, where=where("name", Op.EQ, "b"), defaults=("size",), options=BACK)
    )

    assert made.page is not None
    assert [(each["id"], each["name"], each["size"]) for each in made.page.records] == [(1, "a", 3), (2, "b", 7)]
    assert made.keys == [{"id": 1}, {"id": 2}]
    assert moved.page is not None
    assert [(each["id"], each["size"]) for each in moved.page.records] == [(70, 3)]


@pytest.mark.parametrize(
    ("resolution", "names", "affected"), [(Resolution.MERGE, ["new a", "b"], 2), (Resolution.IGNORE, ["a", "b"], 1)]
)
async def test_an_upsert_merges_or_ignores(
    adapter: MysqlAdapter, resolution: Resolution, names: list[str], affected: int
) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a"})
    records = [{"id": 1, "name": "new a"}, {"id": 2, "name": "b"}]

    done = await adapter.create(Create(team, records, ("id", "name"), upsert=Upsert(resolution, ("id",))))

    assert (done.affected, done.inserted) == (affected, 1)
    assert [each["name"] for each in (await adapter.read(Read(team, order=(Order(Path("id")),)))).records] == names


async def test_an_upsert_minds_its_target_and_the_scope(adapter: MysqlAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "theirs", "size": 50})
    mine = where("size", Op.LT, 10)
    fields = ("id", "name", "size")
    target = Upsert(Resolution.MERGE, ("id",))

    with pytest.raises(Forbidden):
        await adapter.create(Create(team, [{"id": 1, "name": "x", "size": 1}], fields, scope=mine, upsert=target))
    with pytest.raises(Conflict):  # another constraint than the target's is not what the caller spoke of
        await adapter.create(Create(team, [{"id": 2, "name": "theirs", "size": 1}], fields, upsert=target))

    assert [(r["id"], r["size"]) for r in (await adapter.read(Read(team))).records] == [(1, 50)]


@pytest.mark.parametrize(
    ("affected", "error", "code"),
    [
        (Affected(most=1), Rejected, "PGRST124"),
        (Affected(least=1, most=1, singular=True), Unacceptable, "PGRST116"),
    ],
)
async def test_a_write_outside_of_its_bounds_is_not_applied(
    adapter: MysqlAdapter, affected: Affected, error: type[BridgeError], code: str
) -> None:
    team = await added(adapter, "team", {"name": "a"}, {"name": "b"})

    with pytest.raises(error) as caught:
        await adapter.delete(Delete(team, And(()), options=WriteOptions(affected=affected)))

    assert caught.value.code == code
    assert (await adapter.read(Read(team))).rows == 2


async def test_a_dry_run_answers_and_leaves_nothing(adapter: MysqlAdapter) -> None:
    team = await model(adapter, "team")
    trial = WriteOptions(returning=(), dry_run=True)

    done = await adapter.create(Create(team, [{"name": "a"}], ("name",), missing=Missing.DEFAULT, options=trial))

    assert done.page is not None
    assert done.page.records[0]["name"] == "a"
    assert (await adapter.read(Read(team))).rows == 0


@pytest.mark.parametrize(
    ("name", "record", "error", "code", "word"),
    [
        ("team", {"name": "taken' for key 'x", "size": 1}, Conflict, "23505", '"name"'),
        ("team", {"id": 1, "name": "x", "size": 1}, Conflict, "23505", '"PRIMARY"'),
        ("team", {"name": "x", "size": 100}, BadValue, "23514", '"small"'),
        ("team", {"name": None, "size": 1}, BadValue, "23502", '"name"'),
        ("team", {"name": "y" * 51, "size": 1}, BadValue, "22001", '"name"'),
        ("team", {"name": "x", "size": 2**40}, BadValue, "22003", '"size"'),
        ("player", {"team": 77, "number": 1}, Conflict, "23503", '"plays_for"'),
    ],
)
@pytest.mark.parametrize("options", [WriteOptions(), BACK], ids=["plain", "returning"])
async def test_a_constraint_is_named_and_nothing_of_the_batch_stays(
    adapter: MysqlAdapter,
    name: str,
    record: dict[str, object],
    error: type[BridgeError],
    code: str,
    word: str,
    options: WriteOptions,
) -> None:
    await added(adapter, "team", {"id": 1, "name": "taken' for key 'x", "size": 1})
    target = await model(adapter, name)
    fine: Mapping[str, object] = {"name": "fine", "size": 1} if name == "team" else {"team": 1, "number": 1}
    fine = {**fine, "id": 5} if "id" in record else fine

    with pytest.raises(error) as caught:
        await adapter.create(Create(target, [fine, record], tuple(record), options=options))

    assert (caught.value.code, word in caught.value.message) == (code, True)
    assert "taken" not in caught.value.message
    assert (await adapter.read(Read(target))).rows == (1 if name == "team" else 0)


async def test_a_table_without_a_key_can_be_read_and_written_but_gives_nothing_back(adapter: MysqlAdapter) -> None:
    loose = await model(adapter, "loose")
    records = [{"word": f"w{number}", "count": number} for number in range(1_001)]

    done = await adapter.create(Create(loose, records, ("word", "count")))
    changed = await adapter.update(Update(loose, {"count": 0}, where=where("count", Op.LT, 10)))

    assert (done.affected, done.inserted, changed.affected) == (1_001, 1_001, 10)
    assert (await adapter.read(Read(loose, where=where("count", Op.EQ, 0)))).rows == 10
    with pytest.raises(Rejected, match="no key"):
        await adapter.update(Update(loose, {"count": 1}, where=And(()), options=BACK))


async def test_a_large_answer_comes_in_pieces_that_are_one_array(url: str) -> None:
    adapter = await opened(url, pool_size=1)
    kinds = await added(
        adapter, "kinds", *({"id": n, "price": Decimal("1.10"), "single": 0.1} for n in range(1, 5_001))
    )
    columns = (Column(Path("id")), Column(Path("price")), Column(Path("single")))
    all_of_them = Read(kinds, columns, where("price", Op.GT, Decimal(1)), order=(Order(Path("id")),), encoded=True)

    page = await adapter.read(all_of_them)
    assert page.stream is not None
    pieces = [piece async for piece in page.stream]
    left = await adapter.read(all_of_them)
    assert left.stream is not None
    first = await anext(left.stream)
    await left.stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert len(pieces) > 5
    assert b"".join(pieces).startswith(b'[{"id":1,"price":1.10,"single":0.1}')
    assert [each["id"] for each in json.loads(b"".join(pieces))] == list(range(1, 5_001))
    assert first.startswith(b"[")
    assert (await adapter.read(Read(kinds))).rows == 5_000
    await adapter.close()


async def test_the_reading_pool_cannot_write(adapter: MysqlAdapter) -> None:
    async with adapter._reads.lent("team") as session:
        with pytest.raises(asyncmy.errors.OperationalError) as caught:
            await session.run("INSERT INTO team (name) VALUES (?)", ("x",))

    assert caught.value.args[0] == 1792


async def test_many_writers_and_readers_lose_nothing(adapter: MysqlAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a", "size": 0})

    async def add(number: int) -> None:
        await adapter.create(Create(team, [{"name": f"w{number}", "size": 1}], ("name", "size")))

    async def look() -> int:
        return (await adapter.read(Read(team, count=Counting.EXACT))).total or 0

    await asyncio.gather(*(task for number in range(60) for task in (add(number), look())))

    assert await look() == 61


async def test_a_statement_ends_with_its_time_limit(url: str, mariadb: MariaDbServer) -> None:
    mariadb.sql("create view slow as select sleep(30) as nap", url.rsplit("/", 1)[1])
    adapter = await opened(url, statement_timeout=0.2)
    slow = await model(adapter, "slow")

    with pytest.raises(DeadlineExceeded):
        await adapter.read(Read(slow))

    assert (await adapter.read(Read(await model(adapter, "team")))).rows == 0
    await adapter.close()


async def test_a_cancelled_read_ends_on_the_server_too(url: str, mariadb: MariaDbServer) -> None:
    name = url.rsplit("/", 1)[1]
    mariadb.sql("create view slow as select sleep(30) as nap", name)
    adapter = await opened(url, pool_size=1)
    slow = await model(adapter, "slow")
    running = f"select count(*) from information_schema.processlist where db = '{name}' and info like '%slow%'"

    task = asyncio.create_task(adapter.read(Read(slow)))
    while mariadb.sql(running) != "1":
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        while mariadb.sql(running) != "0":
            await asyncio.sleep(0.01)

    assert (await adapter.read(Read(await model(adapter, "team")))).rows == 0
    await adapter.close()


async def test_a_lost_connection_is_an_error_once_and_the_outcome_of_a_write_is_unknown(
    url: str, mariadb: MariaDbServer
) -> None:
    adapter = await opened(url, pool_size=1)
    team = await model(adapter, "team")
    await adapter.create(Create(team, [{"name": "a", "size": 1}], ("name", "size")))
    name = url.rsplit("/", 1)[1]
    for number in mariadb.sql(f"select id from information_schema.processlist where db = '{name}'").split():
        mariadb.sql(f"kill {number}")

    with pytest.raises(Unavailable) as read:
        await adapter.read(Read(team))
    with pytest.raises(Unavailable) as write:
        await adapter.create(Create(team, [{"name": "b", "size": 1}], ("name", "size")))

    assert (read.value.outcome.value, write.value.outcome.value) == ("not_applied", "unknown")
    assert (await adapter.read(Read(team))).rows == 1
    assert (await adapter.create(Create(team, [{"name": "c", "size": 1}], ("name", "size")))).affected == 1
    await adapter.close()


async def test_a_changed_schema_is_noticed_and_statements_follow_it(
    adapter: MysqlAdapter, url: str, mariadb: MariaDbServer
) -> None:
    team = await added(adapter, "team", {"name": "a", "size": 3})
    changed = asyncio.create_task(adapter.changed())
    await adapter.read(Read(team))
    assert not changed.done()

    mariadb.sql("alter table team change size height int not null default 3", url.rsplit("/", 1)[1])
    await asyncio.wait_for(changed, 5)
    with pytest.raises(UnknownName):
        await adapter.read(Read(team))
    again = await model(adapter, "team")

    assert [field.name for field in again.fields] == ["id", "name", "height"]
    assert (await adapter.read(Read(again))).records[0]["height"] == 3


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("correct-horse", "wrong"), ConfigurationError),
        (("/test_", "/nothing_"), ConfigurationError),
        (("mysql://", "http://"), ConfigurationError),
        (("127.0.0.1:", "127.0.0.1:1"), Unavailable),
    ],
)
async def test_what_cannot_be_opened_is_an_error_at_the_start_that_keeps_the_password(
    url: str, change: tuple[str, str], error: type[BridgeError]
) -> None:
    wrong = url.replace(*change) if change[0] != "127.0.0.1:" else "mysql://bridge:wrong@127.0.0.1:1/shop"

    with pytest.raises(error) as caught:
        await opened(wrong)

    assert "wrong" not in str(caught.value)
    assert "correct-horse" not in str(caught.value)
