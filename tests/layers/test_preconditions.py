"""A write that names a version changes that one, or nothing; over records in memory, as any adapter can do it."""

import time
from dataclasses import replace
from typing import Any

import pytest

from bridge_core.bridge import Bridge
from bridge_core.call import Call, Principal
from bridge_core.errors import Outcome, PreconditionFailed, Refused
from bridge_core.operations import Create, Delete, Key, Page, Read, Update, Verb, Write, WriteOptions, Written
from bridge_core.policy import Policy, Rule
from bridge_core.query import EVERYTHING, And, Condition, Filter, Op, Or, Path, Slice
from bridge_core.router import Served
from bridge_core.schema import Field, FieldType, Model, Precondition
from bridge_core.testing.memory import MemoryAdapter, able
from bridge_core.values import etag

pytestmark = pytest.mark.anyio

FIELDS = (
    Field("shelf", FieldType.TEXT, nullable=False),
    Field("at", FieldType.INTEGER, nullable=False),
    Field("title", FieldType.TEXT),
    Field("secret", FieldType.TEXT),
)
PLAIN = able(Model("books", FIELDS, key=("shelf", "at"), resource="shop"))
BOOKS = replace(PLAIN, capabilities=replace(PLAIN.capabilities, precondition=Precondition.ETAG))
ROWS = [{"shelf": "a", "at": at, "title": f"t{at}", "secret": "s"} for at in range(3)]
CLERK, ADMIN = Principal("clerk", ("clerk",)), Principal("admin", ("admin",))
RULES = {
    ("admin", "*", "*"): Rule(dict.fromkeys(Verb)),
    ("clerk", "shop", "books"): Rule({verb: frozenset({"shelf", "at", "title"}) for verb in Verb}),
}


def one(at: int = 1, op: Op = Op.EQ) -> Filter:
    return And((Condition(Path("shelf"), Op.EQ, "a"), Condition(Path("at"), op, at)))


ONE = one()


def bridge_over(model: Model = BOOKS) -> tuple[Bridge, MemoryAdapter]:
    adapter = MemoryAdapter([model], {"books": ROWS})
    return Bridge([Served("shop", adapter, {"books": model})], Policy(RULES)), adapter


async def version(bridge: Bridge, who: Principal = ADMIN) -> str:
    read = Read(bridge.model(who, "shop", "books"), where=ONE, window=Slice(0, 2), versions=True)
    page = await bridge.handle(Call(read, who, time.monotonic() + 10))
    assert isinstance(page, Page)
    assert page.etags is not None
    (found,) = page.etags
    return found


async def write(bridge: Bridge, op: Write, who: Principal = ADMIN) -> Written:
    answer = await bridge.handle(Call(op, who, time.monotonic() + 10))
    assert isinstance(answer, Written)
    return answer


def update(bridge: Bridge, *etags: str, who: Principal = ADMIN, where: Filter = ONE, **values: Any) -> Update:
    model = bridge.model(who, "shop", "books")
    return Update(model, values or {"title": "new"}, where, options=WriteOptions(etags=etags))


async def test_the_version_that_was_seen_is_changed_and_then_it_is_another() -> None:
    bridge, _ = bridge_over()
    seen = await version(bridge)

    assert (await write(bridge, update(bridge, seen))).affected == 1
    with pytest.raises(PreconditionFailed) as caught:
        await write(bridge, update(bridge, seen, title="newer"))

    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await version(bridge) != seen


async def test_a_record_that_is_not_there_has_no_version() -> None:
    bridge, adapter = bridge_over()

    for etags in (("*",), ("x",)):
        with pytest.raises(PreconditionFailed):
            await write(bridge, update(bridge, *etags, where=one(at=99)))

    assert adapter.rows("books") == ROWS


async def test_any_version_will_do_for_a_star() -> None:
    bridge, adapter = bridge_over()

    await write(bridge, Delete(bridge.model(ADMIN, "shop", "books"), ONE, options=WriteOptions(etags=("*",))))

    assert len(adapter.rows("books")) == 2


async def test_a_change_that_a_caller_cannot_see_does_not_change_their_version() -> None:
    bridge, _ = bridge_over()
    seen, whole = await version(bridge, CLERK), await version(bridge, ADMIN)
    await write(bridge, Update(bridge.model(ADMIN, "shop", "books"), {"secret": "other"}, ONE))

    assert await version(bridge, CLERK) == seen
    assert await version(bridge, ADMIN) != whole
    assert seen != whole
    assert (await write(bridge, update(bridge, seen, who=CLERK), CLERK)).affected == 1


@pytest.mark.parametrize(
    "where",
    [
        EVERYTHING,
        Condition(Path("shelf"), Op.EQ, "a"),
        one(op=Op.GTE),
        And((Condition(Path("shelf"), Op.EQ, "a"), Condition(Path("at"), Op.IN, (1, 2)))),
        Or((ONE, one(at=2))),
    ],
)
async def test_a_version_is_that_of_one_record(where: Filter) -> None:
    bridge, adapter = bridge_over()

    with pytest.raises(Refused, match="one record"):
        await write(bridge, update(bridge, "x", where=where))

    assert adapter.rows("books") == ROWS


@pytest.mark.parametrize(("keys", "refused"), [((("a", 1),), False), ((("a", 1), ("a", 2)), True)])
async def test_a_record_can_be_named_by_its_key(keys: tuple[Key, ...], refused: bool) -> None:
    bridge, _ = bridge_over()
    op = replace(update(bridge, "*", where=EVERYTHING), keys=keys)
    if refused:
        with pytest.raises(Refused):
            await write(bridge, op)
    else:
        assert (await write(bridge, op)).affected == 1


async def test_who_cannot_tell_versions_apart_says_so() -> None:
    bridge, adapter = bridge_over(PLAIN)
    new = Create(PLAIN, [{"shelf": "b", "at": 1}], ("shelf", "at"), options=WriteOptions(etags=("x",)))

    for op in (update(bridge, "x"), new):
        with pytest.raises(Refused):
            await write(bridge, op)

    assert adapter.rows("books") == ROWS


async def test_a_new_record_has_no_version() -> None:
    bridge, _ = bridge_over()
    new = Create(BOOKS, [{"shelf": "b", "at": 1}], ("shelf", "at"), options=WriteOptions(etags=("x",)))

    with pytest.raises(Refused, match="no version yet"):
        await write(bridge, new)


def test_two_records_that_look_alike_have_one_version() -> None:
    assert etag(BOOKS, {"shelf": "a", "at": 1}) == etag(BOOKS, {"at": 1, "shelf": "a", "title": None, "secret": None})
    assert etag(BOOKS, {"shelf": "a", "at": 1}) != etag(BOOKS, {"shelf": "a", "at": 2})
