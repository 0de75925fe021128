"""Reads are split by what a backend declares, bounded, and never silently short."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge_core.errors import Malformed, Refused, UpstreamFailed
from bridge_core.operations import Page, Part, Read
from bridge_core.planner import Limits, Strategy, perform, plan
from bridge_core.query import (
    EVERYTHING,
    After,
    Aggregate,
    And,
    Column,
    Condition,
    Counting,
    Filter,
    Not,
    Op,
    Or,
    Order,
    Path,
    Slice,
    conditions,
)
from bridge_core.schema import Literals, Model, Paging
from bridge_core.testing.memory import Weakness, able
from tests.planning.backends import ORDERS, Breaking, Modest, backend, orders
from tests.planning.requests import RULES, TABLES, THINGS, WEAKNESSES, typed_rows
from tests.planning.test_emulation import now, weak_backend

LIMITS = Limits(max_scan=100, ceiling=500)
PAID = Condition(Path("status"), Op.EQ, "paid")
CHEAP = Condition(Path("total"), Op.LT, "5")
THIRD = Condition(Path("id"), Op.EQ, "3")
BY_TOTAL = (Order(Path("total"), descending=True),)

pytestmark = pytest.mark.anyio


def test_a_backend_that_takes_everything_gets_the_operation_as_it_is() -> None:
    asked = Read(orders(literals=Literals.NATIVE), where=Condition(Path("id"), Op.EQ, "no number"), order=BY_TOTAL)

    found = plan(asked, LIMITS)

    assert found.strategy is Strategy.DIRECT
    assert found.sent[0] is asked


@pytest.mark.parametrize(
    ("weaknesses", "asked", "strategy", "residual"),
    [
        ((), {"where": PAID, "order": BY_TOTAL, "window": Slice(0, 5), "count": Counting.EXACT}, "direct", ""),
        ((Weakness.PROJECTION,), {"where": PAID}, "direct", "select"),
        ((Weakness.CONJUNCTION,), {"where": And((PAID, CHEAP))}, "direct", ""),
        ((Weakness.CONJUNCTION,), {"where": Or((PAID, CHEAP))}, "scan", "select window"),
        ((Weakness.FILTER,), {"where": PAID}, "scan", "select where window"),
        ((Weakness.SORT,), {"order": BY_TOTAL, "window": Slice(0, 2)}, "scan", "order select window"),
        ((Weakness.COUNT,), {"count": Counting.EXACT}, "scan", "count"),
        ((Weakness.CURSOR,), {"window": Slice(4, 2), "order": BY_TOTAL}, "scan", "window"),
        ((Weakness.CURSOR,), {"window": After(None, 2), "order": BY_TOTAL}, "direct", ""),
        ((Weakness.WHOLE,), {}, "direct", ""),
        ((Weakness.WHOLE,), {"window": Slice(0, 2)}, "scan", "window"),
        ((Weakness.PAGES,), {"window": Slice(2, 3)}, "direct", ""),
        ((Weakness.PAGES,), {"window": Slice(2, 4)}, "scan", "window"),
        (
            (Weakness.EQUALITY,),
            {"where": And((CHEAP, Condition(Path("id"), Op.EQ, "3")))},
            "keys",
            "select where window",
        ),
        ((Weakness.EQUALITY, Weakness.KEYS), {"where": And((CHEAP, PAID))}, "scan", "select where window"),
    ],
)
def test_a_read_is_split_by_what_the_backend_declares(
    weaknesses: tuple[Weakness, ...], asked: dict[str, object], strategy: str, residual: str
) -> None:
    found = plan(Read(orders(*weaknesses), **asked), LIMITS)  # type: ignore[arg-type]  # each row names real attributes

    assert found.strategy == strategy
    assert " ".join(sorted(part.value for part in found.residual)) == residual


@pytest.mark.parametrize(
    ("weaknesses", "where", "questions"),
    [
        ((Weakness.CONJUNCTION, Weakness.IN), Condition(Path("total"), Op.IN, ("1", "2", "3")), 2),
        ((Weakness.CONJUNCTION,), Or((PAID, CHEAP)), 2),
        ((Weakness.CONJUNCTION, Weakness.EQUALITY), Not(Condition(Path("status"), Op.IN, ("new", "paid"))), 1),
        ((Weakness.CONJUNCTION, Weakness.EQUALITY), Condition(Path("status"), Op.NEQ, "new"), 1),
        ((Weakness.DNF,), Or((PAID, CHEAP)), 1),
        ((Weakness.CONJUNCTION,), Not(Or((PAID, CHEAP))), 1),
        ((Weakness.CONJUNCTION,), Condition(Path("total"), Op.IN, ()), 0),
    ],
)
async def test_an_equivalent_question_is_asked_before_anything_is_emulated(
    weaknesses: tuple[Weakness, ...], where: Filter, questions: int
) -> None:
    adapter = backend(*weaknesses)
    asked = Read(orders(*weaknesses), where=where)

    found = plan(asked, LIMITS)
    answer = await perform(adapter, asked, LIMITS)

    assert len(found.sent) == questions
    assert Part.WHERE not in found.residual
    assert sorted(_ids(answer), key=str) == _ids(await perform(backend(), Read(orders(), where=where), LIMITS))


async def test_a_filter_that_fixes_the_key_becomes_look_ups_in_batches() -> None:
    weak = (Weakness.FILTER, Weakness.FEW_KEYS)
    adapter = backend(*weak)
    where = And((Condition(Path("id"), Op.IN, ("1", "5", "7", "99")), PAID))
    asked = Read(orders(*weak), where=where, scope=Condition(Path("tenant"), Op.EQ, "b"))

    found = plan(asked, LIMITS)
    answer = await perform(adapter, asked, LIMITS)

    assert (found.strategy, found.calls, found.records) == (Strategy.KEYS, 2, 4)
    assert _ids(answer) == [1, 5]
    assert (adapter.calls, adapter.records) == (2, 3)


async def test_beyond_its_bound_a_read_is_refused_with_what_is_missing_and_what_would_work() -> None:
    adapter = backend(Weakness.SORT, Weakness.COUNT, count=101)
    asked = Read(orders(Weakness.SORT, Weakness.COUNT), order=BY_TOTAL, window=Slice(0, 5))

    with pytest.raises(Refused) as caught:
        await perform(adapter, asked, LIMITS)

    assert "an order" in caught.value.message
    assert "100" in caught.value.message
    assert caught.value.hint is not None
    assert "filter by id" in caught.value.hint
    assert adapter.records <= 101


@pytest.mark.parametrize(("asked_for", "count", "fits"), [(200, 200, True), (200, 201, False), (9_999, 501, False)])
async def test_a_caller_raises_the_bound_up_to_the_ceiling(asked_for: int, count: int, fits: bool) -> None:
    adapter = backend(Weakness.SORT, count=count)
    asked = Read(orders(Weakness.SORT), order=BY_TOTAL, max_scan=asked_for)

    if fits:
        assert len(_ids(await perform(adapter, asked, LIMITS))) == count
    else:
        with pytest.raises(Refused):
            await perform(adapter, asked, LIMITS)


async def test_a_window_is_filled_from_as_many_pages_as_it_takes_and_no_more() -> None:
    adapter = backend(Weakness.FILTER, Weakness.CURSOR, Weakness.PAGES, count=50)
    model = orders(Weakness.FILTER, Weakness.CURSOR, Weakness.PAGES)

    answer = await perform(adapter, Read(model, where=PAID, window=Slice(1, 2)), LIMITS)

    assert _ids(answer) == [5, 9]
    assert adapter.calls == 4


async def test_a_guessed_count_gives_way_where_an_exact_one_is_refused() -> None:
    model = orders(Weakness.COUNT)
    asked = Read(model, window=Slice(0, 5), count=Counting.ESTIMATED)

    answer = await perform(backend(Weakness.COUNT, count=200), asked, LIMITS)

    assert isinstance(answer, Page)
    assert (len(answer.records), answer.total) == (5, None)
    with pytest.raises(Refused):
        await perform(backend(Weakness.COUNT, count=200), replace(asked, count=Counting.EXACT), LIMITS)


@pytest.mark.parametrize("paging", [Weakness.CURSOR, Weakness.PAGES])
async def test_a_failure_on_the_second_page_is_an_error_and_never_a_short_list(paging: Weakness) -> None:
    model = orders(Weakness.FILTER, Weakness.PAGES, paging)
    adapter = Breaking(model, 20, at=2, error=UpstreamFailed("broken"))

    with pytest.raises(UpstreamFailed):
        await perform(adapter, Read(model, where=PAID), LIMITS)


@pytest.mark.parametrize(
    "undone",
    [
        {Part.WHERE, Part.WINDOW, Part.SELECT, Part.COUNT},
        {Part.ORDER, Part.WINDOW, Part.SELECT},
        {Part.COUNT},
        {Part.WHERE, Part.ORDER, Part.WINDOW, Part.SELECT, Part.COUNT},
    ],
)
async def test_what_an_adapter_leaves_undone_is_finished_by_the_core(undone: set[Part]) -> None:
    asked = Read(
        able(ORDERS),
        select=(Column(Path("id")),),
        where=CHEAP,
        scope=Condition(Path("tenant"), Op.EQ, "a"),
        order=BY_TOTAL,
        window=Slice(1, 2),
        count=Counting.EXACT,
    )

    answer = await perform(Modest(20, undone), asked, LIMITS)
    full = await perform(backend(count=20), asked, LIMITS)

    assert isinstance(answer, Page)
    assert isinstance(full, Page)
    assert (answer.records, answer.total) == (full.records, full.total)


async def test_encoded_records_that_still_need_work_are_a_failure_of_the_adapter() -> None:
    class Hasty(Modest):
        async def read(self, op: Read, /) -> Page:
            return Page(encoded=b"[]", unfinished=frozenset({Part.WHERE, Part.WINDOW, Part.SELECT}))

    with pytest.raises(UpstreamFailed):
        await perform(Hasty(5, ()), Read(able(ORDERS), where=PAID), LIMITS)


async def test_a_scope_on_a_hidden_field_holds_and_the_field_stays_hidden() -> None:
    def hidden(model: Model) -> Model:
        tenant = model.field("tenant")
        return replace(model, fields=tuple(each for each in model.fields if each != tenant), backstage=(tenant,))

    adapter = backend(Weakness.FILTER, count=6)
    asked = Read(hidden(orders(Weakness.FILTER)), scope=Condition(Path("tenant"), Op.EQ, "b"))

    answer = await perform(adapter, asked, LIMITS)

    assert isinstance(answer, Page)
    assert _ids(answer) == [1, 3, 5]
    assert all("tenant" not in record for record in answer.records)


@settings(max_examples=100, deadline=None)
@given(TABLES, WEAKNESSES, RULES, st.integers(1, 5), st.booleans(), st.booleans())
def test_a_walk_by_cursor_meets_every_record_once(
    table: list[dict[str, object]], weaknesses: frozenset[Weakness], rules: tuple[object, ...], limit: int,
    filtered: bool, ordered: bool,
) -> None:  # fmt: skip
    adapter = weak_backend(table, weaknesses - {Weakness.OFFSET}, rules)  # type: ignore[arg-type]  # as generated
    model = now(adapter.describe())[0]
    where: Filter = Condition(Path("n"), Op.GTE, "0") if filtered else EVERYTHING
    order = (Order(Path("name")), Order(Path("id"))) if ordered else ()
    met: list[object] = []
    cursor: str | None = None
    for _ in range(len(table) + 2):
        page = now(perform(adapter, Read(model, where=where, order=order, window=After(cursor, limit)), LIMITS))
        assert isinstance(page, Page)
        met += [record["id"] for record in page.records]
        cursor = page.cursor
        if cursor is None:
            break

    wanted = [row["id"] for row in typed_rows(THINGS, table) if not filtered or row["n"] in range(9)]
    assert cursor is None
    assert sorted(map(str, met)) == sorted(map(str, wanted))


@pytest.mark.parametrize("cursor", ["~", "~x~", "~1", "~99999999999~", "~-1~", "17"])
async def test_a_cursor_that_was_never_given_is_malformed(cursor: str) -> None:
    with pytest.raises(Malformed):
        await perform(
            backend(Weakness.SORT), Read(orders(Weakness.SORT), order=BY_TOTAL, window=After(cursor, 2)), LIMITS
        )


def test_a_plan_is_printed_as_json_without_a_value_of_the_caller() -> None:
    asked = Read(orders(Weakness.FILTER, Weakness.KEYS), where=Condition(Path("tenant"), Op.EQ, "secret"))

    text = json.dumps(plan(asked, LIMITS).described())

    assert "secret" not in text
    assert json.loads(text)["parts"]["where"] == "emulated: the backend lacks the filter tenant=eq"


@pytest.mark.parametrize(
    "asked",
    [
        {"select": (Column(Path("total"), aggregate=Aggregate.SUM),)},
        {"where": Condition(Path("name", embed="customer"), Op.EQ, "x")},
        {"order": (Order(Path("name", embed="customer")),)},
    ],
)
def test_what_reaches_beyond_one_model_is_refused_rather_than_left_out(asked: dict[str, object]) -> None:
    found = plan(Read(orders(), **asked), LIMITS)  # type: ignore[arg-type]  # each row names real attributes

    assert found.refused is not None


def test_a_plan_that_cannot_run_says_so() -> None:
    asked = Read(orders(Weakness.FILTER), where=Condition(Path("tenant"), Op.FTS, "word"))

    found = plan(asked, LIMITS)

    assert found.refused is not None
    assert found.described()["strategy"] == "refused"
    assert found.calls == 0


def test_pages_of_an_unlimited_backend_are_asked_for_in_pieces() -> None:
    found = plan(Read(orders(Weakness.FILTER, Weakness.KEYS), where=PAID), Limits(max_scan=5_000))

    (question,) = found.sent
    assert isinstance(question, Read)
    assert question.window == Slice(0, 1_000)
    assert found.records == 5_001
    assert list(conditions(question.where)) == []
    assert question.model.capabilities.paging is Paging.OFFSET


def _ids(answer: object) -> list[object]:
    assert isinstance(answer, Page)
    return [record["id"] for record in answer.records]
