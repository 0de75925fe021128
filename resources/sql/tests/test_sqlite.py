"""The SQLite adapter against real files: what it reads and writes, and what happens when things go wrong."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path as File

import pytest
from bridge_sql.sqlite import SqliteAdapter
from bridge_sql.sqlite_connections import Database, FileSettings

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
from bridge_core.operations import (
    Affected,
    Create,
    Delete,
    Missing,
    Read,
    Resolution,
    Update,
    Upsert,
    WriteOptions,
)
from bridge_core.query import (
    And,
    Column,
    Condition,
    Counting,
    Filter,
    Is,
    Not,
    Op,
    Or,
    Order,
    Path,
    Quantifier,
    Slice,
    Step,
)
from bridge_core.schema import Cardinality, FieldType, Model
from bridge_core.upstream import Threads
from bridge_core.values import JSON_NULL

pytestmark = pytest.mark.anyio

SCHEMA = """
create table kinds (
    id integer primary key, flag boolean, n integer, x real, price decimal(10, 2), exact decimal_text, name text,
    nick text collate nocase, mood text check (mood in ('sad', 'it''s ok')), uid uuid, day date, at time,
    noted timestamp, seen timestamp with time zone, doc json, raw blob, thing
);
create table team (id integer primary key, name text not null unique, size int not null default 3 check (size < 100));
create table player (
    team int not null references team (id) on delete restrict, number int not null, name text,
    primary key (team, number)
) without rowid;
create table pair (left int references team (id), right int references team (id), primary key (left, right));
create view tall as select name, size from team where size > 10;
create table "a""b;--" ("%s" integer primary key, ":x" text, "$1" text, "🦊 ключ" text, "select" text, "a?b" text);
"""
NOW = datetime(2024, 1, 1, 19, 13, tzinfo=UTC)
KINDS: Mapping[str, object] = {
    "id": 1,
    "flag": True,
    "n": 2**63 - 1,
    "x": 0.1,
    "price": Decimal("12.50"),
    "exact": Decimal("12345678901234567890.1230"),
    "name": "Zoë \\ \" '",
    "nick": "Ab",
    "mood": "it's ok",
    "uid": "0b8e0f5c-7e4a-4c0e-9d6a-0123456789ab",
    "day": date(2024, 2, 29),
    "at": clock_time(12, 30, 0, 500),
    "noted": datetime(2024, 1, 1, 19, 13, 0, 120000),  # noqa: DTZ001  # a timestamp without zone
    "seen": NOW,
    "doc": {"a": [1, Decimal("1.50"), {"b": "ü"}], "n": None},
    "raw": b"\x00\xff",
    "thing": "anything",
}
AS_JSON = (
    '[{"id":1,"flag":true,"n":9223372036854775807,"x":0.1,"price":12.50,"exact":12345678901234567890.1230,'
    '"name":"Zoë \\\\ \\" \'","nick":"Ab","mood":"it\'s ok","uid":"0b8e0f5c-7e4a-4c0e-9d6a-0123456789ab",'
    '"day":"2024-02-29","at":"12:30:00.0005","noted":"2024-01-01T19:13:00.12","seen":"2024-01-01T19:13:00+00:00",'
    '"doc":{"a": [1, 1.50, {"b": "ü"}], "n": null},"raw":"\\\\x00ff","thing":"anything"}]'
)
BACK = WriteOptions(returning=())


def context(seconds: float = 30.0) -> AdapterContext:
    end = time.monotonic() + seconds
    return AdapterContext("shop", Threads(8), time.monotonic, lambda: end)


def opened(path: File, seconds: float = 30.0, **settings: float) -> SqliteAdapter:
    return SqliteAdapter(Database(FileSettings(path, **settings), context(seconds)), poll=0.01)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: File) -> File:
    file = tmp_path / "shop # 100%?.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(SCHEMA)
    return file


@pytest.fixture
async def adapter(path: File) -> AsyncIterator[SqliteAdapter]:
    adapter = opened(path)
    await adapter.describe()
    yield adapter
    await adapter.close()


async def model(adapter: SqliteAdapter, name: str) -> Model:
    return next(each for each in await adapter.describe() if each.name == name)


async def added(adapter: SqliteAdapter, name: str, *records: Mapping[str, object]) -> Model:
    found = await model(adapter, name)
    await adapter.create(Create(found, list(records), tuple(records[0])))
    return found


def where(field: str, op: Op, value: object, **more: object) -> Condition:
    return Condition(Path(field), op, value, **more)  # type: ignore[arg-type]


async def test_every_kind_of_value_goes_in_and_comes_out_as_json_and_as_python(adapter: SqliteAdapter) -> None:
    kinds = await added(adapter, "kinds", KINDS)

    encoded = await adapter.read(Read(kinds, encoded=True))
    (record,) = (await adapter.read(Read(kinds))).records

    assert encoded.encoded is not None
    assert encoded.encoded.decode() == AS_JSON
    assert dict(record) == dict(KINDS)


async def test_no_value_is_null_in_every_kind(adapter: SqliteAdapter) -> None:
    kinds = await added(adapter, "kinds", {"id": 1, **{name: None for name in KINDS if name != "id"}})

    page = await adapter.read(Read(kinds, encoded=True))

    assert json.loads(page.encoded or b"") == [{"id": 1, **{name: None for name in KINDS if name != "id"}}]


async def test_what_a_column_should_not_hold_is_shown_as_it_is(adapter: SqliteAdapter, path: File) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "insert into kinds (id, flag, n, x, price, name, day, seen, doc, uid) values (1, 'yes', 'many', 'x',"
            " 'free', x'00ff', 20240101, 'soon', '{broken', x'0b8e0f5c7e4a4c0e9d6a0123456789ab')"
        )
        other.commit()
    kinds = await model(adapter, "kinds")

    page = await adapter.read(Read(kinds, encoded=True))

    (found,) = json.loads(page.encoded or b"")
    assert {name: value for name, value in found.items() if value is not None} == {
        "id": 1, "flag": "yes", "n": "many", "x": "x", "price": "free", "name": "\\x00ff", "day": 20240101,
        "seen": "soon", "doc": "{broken", "uid": "0b8e0f5c-7e4a-4c0e-9d6a-0123456789ab",
    }  # fmt: skip


@pytest.mark.parametrize(
    "term",
    [
        *(where(name, Op.EQ, value) for name, value in KINDS.items()),
        *(where(name, Op.IN, (value, None)) for name, value in KINDS.items()),
        *(Not(where(name, Op.NEQ, value)) for name, value in KINDS.items()),
        where("price", Op.GTE, (Decimal(1), Decimal("12.5")), quantifier=Quantifier.ALL),
        where("name", Op.GTE, ("A", "B"), quantifier=Quantifier.ALL),
        where("price", Op.GT, Decimal(9)),
        where("exact", Op.GT, Decimal(9)),
        where("exact", Op.EQ, Decimal("12345678901234567890.123")),
        where("nick", Op.NEQ, "ab"),
        where("name", Op.LIKE, "Zo_ \\\\ %"),
        where("name", Op.ILIKE, "ZOË%"),
        where("name", Op.LIKE, ("Z%", "%'"), quantifier=Quantifier.ALL),
        where("name", Op.ILIKE, ("nothing", "%ZOË%"), quantifier=Quantifier.ANY),
        where("x", Op.ISDISTINCT, None),
        where("flag", Op.IS, Is.TRUE),
        where("flag", Op.IS, Is.NOT_NULL),
        Not(where("flag", Op.IS, Is.UNKNOWN)),
        Not(where("n", Op.EQ, (), quantifier=Quantifier.ANY)),
        where("n", Op.EQ, (), quantifier=Quantifier.ALL),
        Or((where("n", Op.LT, 0), where("seen", Op.GT, NOW.replace(year=2023)))),
        Condition(Path("doc", (Step("a"), Step(-1), Step("b", text=True))), Op.EQ, "ü"),
        Condition(Path("doc", (Step("a"), Step(1))), Op.GT, Decimal("1.4")),
        Condition(Path("doc", (Step("a"), Step(1))), Op.EQ, Decimal("1.5")),
        Condition(Path("doc", (Step("a"), Step(1, text=True))), Op.EQ, "1.50"),
        Condition(Path("doc", (Step("n"),)), Op.EQ, JSON_NULL),
        Condition(Path("doc", (Step("n", text=True),)), Op.IS, Is.NULL),
        Condition(Path("doc", (Step("missing"),)), Op.IS, Is.NULL),
    ],
)  # fmt: skip
async def test_a_condition_that_holds_finds_the_record_and_its_negation_does_not(
    adapter: SqliteAdapter, term: Filter
) -> None:
    kinds = await added(adapter, "kinds", KINDS)

    found = await adapter.read(Read(kinds, where=term))
    others = await adapter.read(Read(kinds, where=Not(term)))

    assert (found.rows, others.rows) == (1, 0)


@pytest.mark.parametrize(
    "term",
    [
        where("n", Op.EQ, 1),
        where("n", Op.IN, (1, 2)),
        where("name", Op.LIKE, "a%"),
        where("name", Op.ILIKE, "a%"),
        where("n", Op.GT, (1, 2), quantifier=Quantifier.ANY),
        where("n", Op.GT, (1, 2), quantifier=Quantifier.ALL),
        Condition(Path("doc", (Step("a"),)), Op.EQ, 1),
    ],
)
async def test_unknown_stays_unknown_when_it_is_negated(adapter: SqliteAdapter, term: Filter) -> None:
    kinds = await added(adapter, "kinds", {"id": 1, "n": None})

    assert (await adapter.read(Read(kinds, where=term))).rows == 0
    assert (await adapter.read(Read(kinds, where=Not(term)))).rows == 0


@pytest.mark.parametrize(
    ("pattern", "text", "like", "ilike"),
    [
        ("a%", "Abc", False, True),
        ("%É", "cafÉ", True, True),
        ("%é", "cafÉ", False, True),
        ("a_c", "abc", True, True),
        ("a_c", "ac", False, False),
        ("a\\%c", "a%c", True, True),
        ("a\\%c", "abc", False, False),
        ("%b%b%", "ab", False, False),
        ("%b%b", "abab", True, True),
        ("a%a", "a", False, False),
        ("a\nb%", "a\nbc", True, True),
        ("[a]*?", "[a]*?", True, True),
        ("%", "", True, True),
        ("", "x", False, False),
        ("%" * 40 + "b", "a" * 5_000, False, False),
        ("%a" * 60 + "b", "a" * 5_000, False, False),
    ],
)
async def test_patterns_mind_case_or_do_not_and_never_take_long(
    adapter: SqliteAdapter, pattern: str, text: str, like: bool, ilike: bool
) -> None:
    kinds = await added(adapter, "kinds", {"id": 1, "name": text})

    found = [(await adapter.read(Read(kinds, where=where("name", op, pattern)))).rows for op in (Op.LIKE, Op.ILIKE)]

    assert found == [like, ilike]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ((Order(Path("name")),), [4, 1, 2, 3]),
        ((Order(Path("name"), descending=True),), [3, 2, 1, 4]),
        ((Order(Path("exact")),), [2, 1, 4, 3]),
        ((Order(Path("doc", (Step("k"),))), Order(Path("id"), descending=True)), [2, 1, 4, 3]),
    ],
)
async def test_order_is_by_code_point_and_by_meaning_with_nulls_as_postgresql_has_them(
    adapter: SqliteAdapter, order: tuple[Order, ...], ids: list[int]
) -> None:
    kinds = await added(
        adapter,
        "kinds",
        {"id": 1, "name": "b", "exact": Decimal(9), "doc": {"k": 10}},
        {"id": 2, "name": "é", "exact": Decimal("-1.5"), "doc": {"k": 9}},
        {"id": 3, "name": None, "exact": None, "doc": None},
        {"id": 4, "name": "B", "exact": Decimal(10), "doc": {"k": {"x": 1}}},
    )

    page = await adapter.read(Read(kinds, order=order))
    back = await adapter.update(
        Update(kinds, {"flag": True}, where=And(()), options=WriteOptions(returning=(), order=order))
    )

    assert [record["id"] for record in page.records] == ids
    assert back.page is not None
    assert [record["id"] for record in back.page.records] == ids


async def test_a_window_and_an_exact_total_speak_of_the_same_state(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", *({"id": number, "name": f"t{number}"} for number in range(1, 251)))

    page = await adapter.read(
        Read(team, order=(Order(Path("id")),), window=Slice(240, 20), count=Counting.EXACT, encoded=True)
    )

    assert (page.rows, page.total) == (10, 250)
    assert [each["id"] for each in json.loads(page.encoded or b"")] == list(range(241, 251))


async def test_columns_are_selected_renamed_looked_into_and_cast(adapter: SqliteAdapter) -> None:
    kinds = await added(adapter, "kinds", KINDS)
    select = (
        Column(Path("price"), alias="p", cast="text"),
        Column(Path("doc", (Step("a"), Step(2), Step("b")))),
        Column(Path("doc", (Step("a"), Step(0, text=True))), alias="first", cast="int"),
        Column(Path("doc", (Step("nowhere"),)), alias="none"),
    )

    page = await adapter.read(Read(kinds, select=select, encoded=True))
    (record,) = (await adapter.read(Read(kinds, select=select))).records

    assert page.encoded == '[{"p":"12.50","b":"ü","first":1,"none":null}]'.encode()
    assert record == {"p": "12.50", "b": "ü", "first": 1, "none": None}


async def test_times_are_shown_in_the_zone_of_the_request(adapter: SqliteAdapter) -> None:
    kinds = await added(adapter, "kinds", {"id": 1, "seen": NOW})

    page = await adapter.read(Read(kinds, (Column(Path("seen")),), encoded=True, timezone="Asia/Tokyo"))

    assert page.encoded == b'[{"seen":"2024-01-02T04:13:00+09:00"}]'


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (("2024-01-01T19:13:00Z", "2024-01-02T00:00:00Z"), "2024-01-01T19:13:00Z"),
        (("2024-01-01 19:13:00.000000", "2024-01-02 00:00:00.500000"), "2024-01-01 19:13:00.000000"),
        (("2024-01-01 19:13:00.000+00:00", "2024-01-02 00:00:00.500+00:00"), "2024-01-01 19:13:00.000+00:00"),
        (("2024-01-01 19:13:00", "2024-01-02T00:00:00.5+03:00"), "2024-01-01 19:13:00+00:00"),
    ],
)
async def test_moments_are_compared_and_written_in_the_form_of_their_column(
    path: File, stored: tuple[str, str], wanted: str
) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.executemany("insert into kinds (seen) values (?)", [(each,) for each in stored])
        other.commit()
    adapter = opened(path)
    kinds = await model(adapter, "kinds")

    equal = await adapter.read(Read(kinds, where=where("seen", Op.EQ, NOW)))
    later = await adapter.read(Read(kinds, where=where("seen", Op.GT, NOW)))
    await adapter.create(Create(kinds, [{"id": 9, "seen": NOW}], ("id", "seen")))
    await adapter.close()

    assert ([each["id"] for each in equal.records], [each["id"] for each in later.records]) == ([1], [2])
    with closing(sqlite3.connect(path)) as other:
        ((written,),) = other.execute("select seen from kinds where id = 9").fetchall()
    assert written == wanted


async def test_hostile_names_are_only_names(adapter: SqliteAdapter) -> None:
    name = 'a"b;--'
    record = {"%s": 1, ":x": "a", "$1": "b", "🦊 ключ": "c", "select": "d", "a?b": "e"}
    odd = await added(adapter, name, record)

    for field, value in record.items():
        assert (await adapter.read(Read(odd, where=where(field, Op.EQ, value)))).records == [record]
    await adapter.update(Update(odd, {"a?b": "'; drop table team;--"}, where=where("select", Op.EQ, "d")))
    gone = await adapter.delete(Delete(odd, where("%s", Op.EQ, 1), options=BACK))

    assert gone.page is not None
    assert gone.page.records == [{**record, "a?b": "'; drop table team;--"}]


async def test_reads_by_key_find_one_and_many_of_one_and_two_parts(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", *({"id": number, "name": f"t{number}"} for number in range(1, 5)))
    places = [(1, 1), (1, 2), (2, 1), (2, 2)]
    player = await added(adapter, "player", *({"team": t, "number": n, "name": f"{t}{n}"} for t, n in places))

    assert [r["id"] for r in (await adapter.read(Read(team, keys=((3,),)))).records] == [3]
    assert {r["id"] for r in (await adapter.read(Read(team, keys=((3,), (1,), (99,))))).records} == {1, 3}
    assert (await adapter.read(Read(team, keys=()))).rows == 0
    assert [r["name"] for r in (await adapter.read(Read(player, keys=((2, 1),)))).records] == ["21"]
    assert {r["name"] for r in (await adapter.read(Read(player, keys=((2, 1), (1, 2))))).records} == {"21", "12"}


async def test_scope_limits_reads_updates_and_deletes(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a", "size": 1}, {"id": 2, "name": "b", "size": 2})
    mine = where("size", Op.EQ, 1)

    assert (await adapter.read(Read(team, scope=mine))).rows == 1
    assert (await adapter.update(Update(team, {"name": "x"}, where=And(()), scope=mine))).affected == 1
    assert (await adapter.delete(Delete(team, And(()), scope=mine))).affected == 1
    assert [each["name"] for each in (await adapter.read(Read(team))).records] == ["b"]


async def test_a_record_that_policy_refuses_is_not_written(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a", "size": 1})
    small = where("size", Op.LT, 5)

    with pytest.raises(Forbidden):
        await adapter.create(
            Create(team, [{"name": "b", "size": 2}, {"name": "c", "size": 9}], ("name", "size"), check=small)
        )
    with pytest.raises(Forbidden):
        await adapter.update(Update(team, {"size": 9}, where=And(()), check=small))

    assert [(each["name"], each["size"]) for each in (await adapter.read(Read(team))).records] == [("a", 1)]


async def test_missing_fields_become_null_or_their_default(adapter: SqliteAdapter) -> None:
    team = await model(adapter, "team")
    records: list[Mapping[str, object]] = [{"name": "a"}, {"name": "b", "size": 7}]

    made = await adapter.create(Create(team, records, ("name", "size"), missing=Missing.DEFAULT, options=BACK))
    with pytest.raises(BadValue) as caught:
        await adapter.create(Create(team, [{"name": "c"}], ("name", "size")))

    assert made.page is not None
    assert [(each["name"], each["size"]) for each in made.page.records] == [("a", 3), ("b", 7)]
    assert made.keys == [{"id": 1}, {"id": 2}]
    assert (caught.value.code, "team.size" in caught.value.message) == ("23502", True)


async def test_an_update_can_put_a_default_back(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", {"name": "a", "size": 9})

    await adapter.update(Update(team, {}, where=And(()), defaults=("size",)))

    assert (await adapter.read(Read(team))).records[0]["size"] == 3


@pytest.mark.parametrize(
    ("resolution", "names", "affected", "inserted"),
    [(Resolution.MERGE, ["new a", "b"], 2, 1), (Resolution.IGNORE, ["a", "b"], 1, 1)],
)
async def test_an_upsert_merges_or_ignores(
    adapter: SqliteAdapter, resolution: Resolution, names: list[str], affected: int, inserted: int
) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a"})
    records = [{"id": 1, "name": "new a"}, {"id": 2, "name": "b"}]

    done = await adapter.create(Create(team, records, ("id", "name"), upsert=Upsert(resolution, ("id",))))

    assert (done.affected, done.inserted) == (affected, inserted)
    assert [each["name"] for each in (await adapter.read(Read(team, order=(Order(Path("id")),)))).records] == names


async def test_an_upsert_does_not_touch_records_outside_of_the_scope(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "theirs", "size": 50})
    mine = where("size", Op.LT, 10)
    op = Create(team, [{"id": 1, "name": "mine", "size": 1}], ("id", "name", "size"), scope=mine, check=mine,
                upsert=Upsert(Resolution.MERGE, ("id",)))  # fmt: skip

    with pytest.raises(Forbidden):
        await adapter.create(op)

    assert (await adapter.read(Read(team))).records[0]["name"] == "theirs"


@pytest.mark.parametrize("resolution", list(Resolution))
async def test_scope_and_check_of_an_upsert_keep_their_own_values(
    adapter: SqliteAdapter, resolution: Resolution
) -> None:
    team = await model(adapter, "team")
    op = Create(team, [{"id": 1, "name": "a", "size": 5}], ("id", "name", "size"), scope=where("size", Op.EQ, 99),
                check=where("size", Op.EQ, 5), upsert=Upsert(resolution, ("id",)))  # fmt: skip

    assert (await adapter.create(op)).affected == 1


@pytest.mark.parametrize(
    ("affected", "error", "code"),
    [
        (Affected(most=1), Rejected, "PGRST124"),
        (Affected(least=1, most=1, singular=True), Unacceptable, "PGRST116"),
    ],
)
async def test_a_write_outside_of_its_bounds_is_not_applied(
    adapter: SqliteAdapter, affected: Affected, error: type[BridgeError], code: str
) -> None:
    team = await added(adapter, "team", {"name": "a"}, {"name": "b"})

    with pytest.raises(error) as caught:
        await adapter.delete(Delete(team, And(()), options=WriteOptions(affected=affected)))

    assert caught.value.code == code
    assert (await adapter.read(Read(team))).rows == 2


async def test_a_dry_run_answers_and_leaves_nothing(adapter: SqliteAdapter) -> None:
    team = await model(adapter, "team")

    done = await adapter.create(
        Create(team, [{"name": "a"}], ("name",), options=WriteOptions(returning=(), dry_run=True))
    )

    assert done.page is not None
    assert done.page.records[0]["name"] == "a"
    assert (await adapter.read(Read(team))).rows == 0


@pytest.mark.parametrize(
    ("name", "record", "error", "code", "word"),
    [
        ("team", {"name": "taken", "size": 1}, Conflict, "23505", "team.name"),
        ("team", {"id": 1, "name": "x", "size": 1}, Conflict, "23505", "team.id"),
        ("team", {"name": "x", "size": 100}, BadValue, "23514", "size < 100"),
        ("team", {"name": None, "size": 1}, BadValue, "23502", "team.name"),
        ("player", {"team": 77, "number": 1}, Conflict, "23503", "player"),
    ],
)
async def test_a_constraint_is_named_and_nothing_of_the_batch_stays(
    adapter: SqliteAdapter, name: str, record: dict[str, object], error: type[BridgeError], code: str, word: str
) -> None:
    await added(adapter, "team", {"id": 1, "name": "taken", "size": 1})
    target = await model(adapter, name)
    fine = {"name": "fine", "size": 1} if name == "team" else {"team": 1, "number": 1}

    with pytest.raises(error) as caught:
        await adapter.create(Create(target, [{**record, **fine}, record], tuple(record), options=BACK))

    assert (caught.value.code, word in caught.value.message) == (code, True)
    assert "taken" not in caught.value.message
    assert (await adapter.read(Read(target))).rows == (1 if name == "team" else 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2**63),
        ("price", Decimal("123456789.00")),
        ("price", Decimal("NaN")),
        ("x", float("nan")),
        ("name", "\ud800"),
    ],
)
async def test_a_value_that_cannot_be_kept_is_refused(adapter: SqliteAdapter, field: str, value: object) -> None:
    kinds = await model(adapter, "kinds")

    with pytest.raises(BadValue):
        await adapter.create(Create(kinds, [{field: value}], (field,)))
    assert (await adapter.read(Read(kinds))).rows == 0


async def test_a_large_answer_comes_in_pieces_that_are_one_array(adapter: SqliteAdapter) -> None:
    kinds = await added(adapter, "kinds", *({"id": number, "price": Decimal("1.10")} for number in range(1, 5_001)))

    page = await adapter.read(Read(kinds, (Column(Path("id")),), order=(Order(Path("id")),), encoded=True))
    assert page.stream is not None
    pieces = [piece async for piece in page.stream]

    assert len(pieces) > 5
    assert json.loads(b"".join(pieces)) == [{"id": number} for number in range(1, 5_001)]


async def test_a_stream_that_is_left_early_gives_its_connection_back(path: File) -> None:
    adapter = opened(path, readers=1)
    kinds = await added(adapter, "kinds", *({"id": number} for number in range(1, 3_001)))

    page = await adapter.read(Read(kinds, encoded=True))
    assert page.stream is not None
    assert (await anext(page.stream)).startswith(b"[")
    await page.stream.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert (await adapter.read(Read(kinds))).rows == 3_000
    await adapter.close()


async def test_many_writers_and_readers_lose_nothing(adapter: SqliteAdapter) -> None:
    team = await added(adapter, "team", {"id": 1, "name": "a", "size": 0})

    async def add(number: int) -> None:
        await adapter.create(Create(team, [{"name": f"w{number}"}], ("name",)))

    async def look() -> int:
        return (await adapter.read(Read(team, count=Counting.EXACT))).total or 0

    seen = await asyncio.gather(*(task for number in range(100) for task in (add(number), look())))

    assert await look() == 101
    assert max(total for total in seen if total is not None) <= 101


async def test_a_file_that_another_process_holds_is_busy_not_broken(path: File) -> None:
    adapter = opened(path, busy_timeout=0.05)
    team = await model(adapter, "team")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")

        with pytest.raises(Unavailable) as caught:
            await adapter.create(Create(team, [{"name": "a"}], ("name",)))
        assert (await adapter.read(Read(team))).rows == 0
        other.execute("rollback")

    assert (caught.value.outcome.value, caught.value.retry_after > 0) == ("not_applied", True)
    assert (await adapter.create(Create(team, [{"name": "a"}], ("name",)))).affected == 1
    await adapter.close()


def endless(kinds: Model) -> Read:
    """Return a read whose conditions take hours: every record against a pattern, sorted, many times over."""
    term = where("name", Op.ILIKE, tuple(f"%{number}%x" for number in range(20_000)), quantifier=Quantifier.ALL)
    return Read(kinds, where=Not(term), count=Counting.EXACT)


async def many(path: File) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
            " insert into kinds (id, name) select i, 'name ' || i from n"
        )
        other.commit()


async def test_a_read_ends_with_the_deadline(path: File) -> None:
    await many(path)
    adapter = opened(path, seconds=0.5)
    kinds = await model(adapter, "kinds")
    began = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        await adapter.read(endless(kinds))

    assert time.monotonic() - began < 3
    await adapter.close()


async def test_a_cancelled_read_stops_the_work_and_gives_the_connection_back(path: File) -> None:
    await many(path)
    adapter = opened(path, readers=1)
    kinds = await model(adapter, "kinds")
    task = asyncio.create_task(adapter.read(endless(kinds)))
    while threading.active_count() < 2:
        await asyncio.sleep(0.001)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await adapter.read(Read(kinds, window=Slice(0, 5_000)))).rows == 5_000  # needs the only connection
    await adapter.close()


async def test_a_cancelled_write_is_not_applied(adapter: SqliteAdapter) -> None:
    team = await model(adapter, "team")
    records = [{"name": f"n{number}"} for number in range(50_000)]
    task = asyncio.create_task(adapter.create(Create(team, records, ("name",))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await adapter.create(Create(team, [{"name": "after"}], ("name",)))

    assert [each["name"] for each in (await adapter.read(Read(team))).records] == ["after"]


async def test_a_long_read_with_a_small_limit_does_not_hold_the_event_loop(path: File) -> None:
    await many(path)
    adapter = opened(path)
    kinds = await model(adapter, "kinds")
    pauses: list[float] = []

    async def heartbeat() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            pauses.append(time.monotonic() - began)

    beat = asyncio.create_task(heartbeat())
    for _ in range(5):
        await adapter.read(Read(kinds, where=where("name", Op.ILIKE, "%NO SUCH%"), window=Slice(0, 10)))
    beat.cancel()

    assert max(pauses) < 0.1
    await adapter.close()


async def test_a_changed_schema_is_noticed_and_statements_follow_it(adapter: SqliteAdapter, path: File) -> None:
    team = await added(adapter, "team", {"name": "a"})
    changed = asyncio.create_task(adapter.changed())
    await adapter.read(Read(team))
    assert not changed.done()

    with closing(sqlite3.connect(path)) as other:
        other.execute("alter table team rename column size to height")
        other.commit()
    await asyncio.wait_for(changed, 5)
    with pytest.raises(UnknownName):
        await adapter.read(Read(team))
    again = await model(adapter, "team")

    assert [field.name for field in again.fields] == ["id", "name", "height"]
    assert (await adapter.read(Read(again))).records[0]["height"] == 3


def test_the_catalogue_tells_kinds_keys_enums_and_relations(path: File) -> None:
    models = {each.name: each for each in asyncio.run(_described(path))}

    assert [each.type for each in models["kinds"].fields] == [
        FieldType.INTEGER, FieldType.BOOLEAN, FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL, FieldType.DECIMAL,
        FieldType.TEXT, FieldType.TEXT, FieldType.ENUM, FieldType.UUID, FieldType.DATE, FieldType.TIME,
        FieldType.TIMESTAMP, FieldType.TIMESTAMPTZ, FieldType.JSON, FieldType.BYTES, FieldType.OTHER,
    ]  # fmt: skip
    assert models["kinds"].by_name["mood"].enum == ("sad", "it's ok")
    assert models["player"].key == ("team", "number")
    assert models["team"].uniques == (("name",),)
    assert models["tall"].capabilities.create_batch == 0
    assert not models["team"].by_name["id"].nullable
    (across,) = [r for r in models["team"].relations if r.junction and r.junction.near == ("left",)]
    assert (across.target, across.cardinality, across.self_referring) == ("team", Cardinality.MANY_TO_MANY, True)


async def test_what_a_view_computes_is_compared_as_what_it_is(adapter: SqliteAdapter, path: File) -> None:
    await added(adapter, "team", *({"name": f"t{number}", "size": number} for number in (5, 50)))
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "create view sums as select name, size * 2 as double, size / 4.0 as part, name || '!' as loud from team"
        )
        other.execute("create view broken as select x from nowhere")
        other.commit()
    sums = await model(adapter, "sums")

    found = await adapter.read(Read(sums, where=where("double", Op.GT, 9), order=(Order(Path("double")),)))

    assert [each.type for each in sums.fields] == [FieldType.TEXT, FieldType.INTEGER, FieldType.FLOAT, FieldType.TEXT]
    assert [each["double"] for each in found.records] == [10, 100]


async def _described(path: File) -> list[Model]:
    adapter = opened(path)
    models = list(await adapter.describe())
    assert models == list(await adapter.describe())
    await adapter.close()
    return models


@pytest.mark.parametrize(
    "spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"no database at all" * 100)]
)
def test_a_file_that_is_missing_or_no_database_is_an_error_at_the_start(
    path: File, spoil: Callable[[File], object]
) -> None:
    for extra in path.parent.glob(f"{path.name}-*"):
        extra.unlink()
    spoil(path)

    with pytest.raises(ConfigurationError, match="shop"):
        opened(path)
