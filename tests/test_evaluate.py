"""Evaluate: the meaning of every operator, unknown included."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core.arrange import ordered, shaped
from bridge_core.compare import ordering
from bridge_core.errors import BadValue, Refused
from bridge_core.evaluate import predicate
from bridge_core.operations import Record
from bridge_core.patterns import like
from bridge_core.query import (
    EVERYTHING,
    NOTHING,
    And,
    Column,
    Condition,
    Is,
    Not,
    Nulls,
    Op,
    Or,
    Order,
    Path,
    Quantifier,
    Step,
)
from bridge_core.schema import Field, FieldType, Model
from bridge_core.values import JSON_NULL
from tests.values.strategies import JSON_VALUES

T = Model(
    "t",
    (
        Field("n", FieldType.INTEGER),
        Field("x", FieldType.FLOAT),
        Field("d", FieldType.DECIMAL),
        Field("s", FieldType.TEXT),
        Field("b", FieldType.BOOLEAN),
        Field("e", FieldType.ENUM, enum=("low", "high")),
        Field("at", FieldType.TIMESTAMPTZ),
        Field("j", FieldType.JSON),
        Field("a", FieldType.ARRAY, item=FieldType.INTEGER),
        Field("r", FieldType.OTHER),
        Field("hidden", FieldType.TEXT, readable=False),
    ),
)
NAN = float("nan")
SECRET = {"a": {"b": [1, None, "x"]}, "n": Decimal("1.0"), "none": None}


@pytest.mark.parametrize(
    ("name", "op", "wanted", "value", "truth"),
    [
        ("n", Op.EQ, 1, 1, True),
        ("n", Op.EQ, 1, None, None),
        ("n", Op.EQ, None, 1, None),
        ("n", Op.NEQ, 1, None, None),
        ("d", Op.EQ, Decimal("1.50"), Decimal("1.5"), True),
        ("d", Op.GT, Decimal("0.1"), 0.1, True),  # the float is a little more than the decimal
        ("x", Op.GT, float("inf"), NAN, True),
        ("x", Op.EQ, NAN, NAN, True),
        ("x", Op.LT, NAN, 1.0, True),
        ("d", Op.EQ, Decimal("NaN"), NAN, True),
        ("s", Op.LT, "a", "B", True),  # by code point
        ("e", Op.GT, "low", "high", True),  # by the order of the declaration
        ("at", Op.EQ, datetime(2024, 1, 1, 2, tzinfo=UTC), datetime.fromisoformat("2024-01-01T05:00+03:00"), True),
        ("n", Op.IN, (), None, False),
        ("n", Op.IN, (), 1, False),
        ("n", Op.IN, (1, 2), 2, True),
        ("n", Op.IN, (1, None), 1, True),
        ("n", Op.IN, (1, None), 2, None),
        ("n", Op.IN, (1,), None, None),
        ("n", Op.IS, Is.NULL, None, True),
        ("n", Op.IS, Is.NOT_NULL, None, False),
        ("b", Op.IS, Is.TRUE, None, False),
        ("b", Op.IS, Is.UNKNOWN, None, True),
        ("b", Op.IS, Is.FALSE, False, True),
        ("n", Op.ISDISTINCT, 1, None, True),
        ("n", Op.ISDISTINCT, None, None, False),
        ("n", Op.ISDISTINCT, 1, 1, False),
        ("s", Op.LIKE, "a%", "abc", True),
        ("s", Op.LIKE, "A%", "abc", False),
        ("s", Op.ILIKE, "A_C", "abc", True),
        ("s", Op.LIKE, "a\\%", "a%", True),
        ("s", Op.LIKE, "a\\%", "ab", False),
        ("s", Op.LIKE, "%", None, None),
        ("s", Op.LIKE, "%b%b%", "abb", True),
        ("s", Op.LIKE, "%bb%b", "abb", False),
        ("s", Op.LIKE, "a%a", "a", False),
        ("s", Op.ILIKE, "straße", "STRAßE", True),
        ("s", Op.ILIKE, "İ_", "İx", True),
        ("s", Op.MATCH, "^a+$", "aaa", True),
        ("s", Op.MATCH, "A", "a", False),
        ("s", Op.IMATCH, "A", "a", True),
        ("a", Op.CONTAINS, (1, 1), (1, 2), True),
        ("a", Op.CONTAINS, (None,), (None,), False),
        ("a", Op.CONTAINED, (1, 2, 3), (2, 3), True),
        ("a", Op.CONTAINED, (1,), (None,), False),
        ("a", Op.OVERLAPS, (5, 1), (1, 2), True),
        ("a", Op.OVERLAPS, (None,), (None,), False),
        ("a", Op.LT, (1, 2), (1,), True),
        ("a", Op.GT, (1, 2), (1, None), True),
        ("a", Op.EQ, (1, None), (1, None), True),
        ("j", Op.CONTAINS, {"a": {}}, SECRET, True),
        ("j", Op.CONTAINS, {"n": 1}, SECRET, True),
        ("j", Op.CONTAINS, {"n": True}, SECRET, False),
        ("j", Op.CONTAINS, 1, [1, 2], True),
        ("j", Op.CONTAINS, [[1]], [1], False),
        ("j", Op.CONTAINS, [{"a": 1}], [{"a": 1, "b": 2}], True),
        ("j", Op.CONTAINED, [1, 2], [2], True),
        ("j", Op.EQ, {"b": 1, "a": 2}, {"a": 2, "b": Decimal("1.0")}, True),
        ("j", Op.EQ, 1, True, False),
        ("j", Op.GT, [1, 2, 3], {}, True),
        ("j", Op.LT, JSON_NULL, [], True),
        ("r", Op.EQ, "[1,2)", "[1,2)", True),
    ],
)
def test_an_operator_means_what_it_means_in_postgresql(
    name: str, op: Op, wanted: object, value: object, truth: bool | None
) -> None:
    condition = Condition(Path(name), op, wanted)

    assert predicate(T, condition)({name: value}) is truth
    assert predicate(T, Not(condition))({name: value}) is (None if truth is None else not truth)


@pytest.mark.parametrize(
    ("steps", "wanted", "truth"),
    [
        ((Step("a"), Step("b"), Step(0)), 1, True),
        ((Step("a"), Step("b"), Step(-1, text=True)), "x", True),
        ((Step("a"), Step("b"), Step(0, text=True)), "1", True),
        ((Step("n", text=True),), "1.0", True),
        ((Step("n"),), 1, True),
        ((Step("a"), Step("b"), Step(9)), 1, None),
        ((Step("none"),), JSON_NULL, True),
        ((Step("none", text=True),), "null", None),
        ((Step("a"), Step("b", text=True)), '[1, null, "x"]', True),
        ((Step(0),), 1, None),
    ],
)
def test_a_path_leads_into_json(steps: tuple[Step, ...], wanted: object, truth: bool | None) -> None:
    assert predicate(T, Condition(Path("j", steps), Op.EQ, wanted))({"j": SECRET}) is truth


@pytest.mark.parametrize(
    ("quantifier", "value", "truth"),
    [
        (Quantifier.ANY, 7, True),
        (Quantifier.ANY, 1, False),
        (Quantifier.ANY, None, None),
        (Quantifier.ALL, 7, False),
        (Quantifier.ALL, 12, True),
        (Quantifier.ALL, 1, False),
    ],
)
def test_a_quantifier_asks_for_any_or_all(quantifier: Quantifier, value: object, truth: bool | None) -> None:
    assert predicate(T, Condition(Path("n"), Op.GT, (5, 10), quantifier))({"n": value}) is truth


def test_no_values_at_all_decide_even_where_there_is_no_value() -> None:
    assert predicate(T, Condition(Path("n"), Op.GT, (), Quantifier.ANY))({"n": None}) is False
    assert predicate(T, Condition(Path("n"), Op.GT, (), Quantifier.ALL))({"n": None}) is True


@pytest.mark.parametrize(
    ("terms", "conjunction", "disjunction"),
    [
        ((), True, False),
        ((1, 1), True, True),
        ((1, 2), False, True),
        ((1, None), None, True),
        ((2, None), False, None),
        ((None, None), None, None),
    ],
)
def test_unknown_is_neither_true_nor_false(
    terms: tuple[int | None, ...], conjunction: bool | None, disjunction: bool | None
) -> None:
    conditions = tuple(Condition(Path("n"), Op.EQ, each) for each in terms)

    assert predicate(T, And(conditions))({"n": 1}) is conjunction
    assert predicate(T, Or(conditions))({"n": 1}) is disjunction
    assert predicate(T, EVERYTHING)({}) is True
    assert predicate(T, NOTHING)({}) is False


@pytest.mark.parametrize(
    ("name", "op", "value"),
    [("r", Op.STRICTLY_LEFT, "[1,2)"), ("r", Op.GT, "[1,2)"), ("r", Op.CONTAINS, "1"), ("s", Op.FTS, "word")],
)
def test_what_only_a_backend_can_answer_is_refused_with_a_way_out(name: str, op: Op, value: object) -> None:
    with pytest.raises(Refused) as caught:
        predicate(T, Condition(Path(name), op, value))

    assert caught.value.hint


@pytest.mark.parametrize(
    ("op", "value", "code"),
    [(Op.LIKE, "a\\", "22025"), (Op.MATCH, "(", "2201B"), (Op.MATCH, r"(a)\1", "2201B"), (Op.IS, Is.TRUE, "42804")],
)
def test_a_pattern_or_test_that_makes_no_sense_is_a_bad_value(op: Op, value: object, code: str) -> None:
    with pytest.raises(BadValue) as caught:
        predicate(T, Condition(Path("s"), op, value))

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("op", "pattern"),
    [(Op.LIKE, "%a" * 200 + "%b"), (Op.LIKE, "%_a" * 200 + "%b"), (Op.MATCH, "(a*)*b"), (Op.MATCH, "(a|aa)+$b")],
)
def test_no_pattern_takes_more_than_a_moment(op: Op, pattern: str) -> None:
    test = predicate(T, Condition(Path("s"), op, pattern))
    begin = time.process_time()

    assert test({"s": "a" * 50_000}) is False
    assert time.process_time() - begin < 2


@given(st.text("ab%_\\", max_size=6), st.text("ab%_\\", max_size=6))
def test_like_agrees_with_a_slow_and_simple_reading(pattern: str, text: str) -> None:
    def simple(wanted: str, rest: str) -> bool:
        if not wanted:
            return not rest
        if wanted[0] == "%":
            return any(simple(wanted[1:], rest[at:]) for at in range(len(rest) + 1))
        if wanted[0] == "\\":
            wanted = wanted[1:]
            return bool(rest) and rest[0] == wanted[0] and simple(wanted[1:], rest[1:])
        return bool(rest) and wanted[0] in ("_", rest[0]) and simple(wanted[1:], rest[1:])

    if (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 0:
        assert like(pattern)(text) is simple(pattern, text)


@given(st.lists(JSON_VALUES.map(lambda value: JSON_NULL if value is None else value), max_size=6))
def test_any_json_values_can_be_ordered(values: list[object]) -> None:
    rank = ordering(T.field("j"))

    assert sorted(map(rank, values)) == sorted(map(rank, reversed(values)))


@pytest.mark.parametrize(
    ("descending", "nulls", "expected"),
    [
        (False, None, [1, 2, None, None]),
        (True, None, [None, None, 2, 1]),
        (False, Nulls.FIRST, [None, None, 1, 2]),
        (True, Nulls.LAST, [2, 1, None, None]),
    ],
)
def test_an_order_puts_nulls_where_it_says(descending: bool, nulls: Nulls | None, expected: list[int | None]) -> None:
    records: list[Record] = [{"n": 2}, {"n": None}, {"n": 1}, {"n": None}]

    result = ordered(T, records, [Order(Path("n"), descending, nulls)])

    assert [record["n"] for record in result] == expected


def test_the_first_term_of_an_order_decides_before_the_second() -> None:
    records: list[Record] = [{"n": 1, "s": "b"}, {"n": 2, "s": "c"}, {"n": 1, "s": "a"}]

    result = ordered(T, records, [Order(Path("n"), descending=True), Order(Path("s"))])

    assert [record["s"] for record in result] == ["c", "a", "b"]


def test_a_record_is_shaped_as_selected() -> None:
    select = (
        Column(Path("j", (Step("a"), Step("b")))),
        Column(Path("j", (Step("n", text=True),)), alias="m", cast="numeric"),
        Column(Path("n"), alias="number", cast="text"),
    )

    assert shaped(T, select)({"j": SECRET, "n": 5}) == {"b": [1, None, "x"], "m": Decimal("1.0"), "number": "5"}
    assert "hidden" not in shaped(T, ())({"n": 1, "hidden": "x"})
