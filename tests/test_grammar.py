"""The grammar of filters, orders and logic trees."""

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core.condition import condition_of
from bridge_core.errors import Malformed
from bridge_core.grammar import Key, Word, filter_of, key_of, logic_of, names_of, order_of, path_of
from bridge_core.query import And, Condition, Filter, Is, Not, Nulls, Op, Or, Order, Path, Quantifier, Step

A = Path("a")
B = Path("b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eq.18", Condition(A, Op.EQ, "18")),
        ("eq.", Condition(A, Op.EQ, "")),
        ('eq."x", (y).z', Condition(A, Op.EQ, '"x", (y).z')),
        ("not.eq.2", Not(Condition(A, Op.EQ, "2"))),
        ("like.*x%_", Condition(A, Op.LIKE, "%x%_")),
        ("not.ilike.*", Not(Condition(A, Op.ILIKE, "%"))),
        ("match.^x.*$", Condition(A, Op.MATCH, "^x.*$")),
        ("is.NULL", Condition(A, Op.IS, Is.NULL)),
        ("not.is.not_null", Not(Condition(A, Op.IS, Is.NOT_NULL))),
        ("is.UnKnOwN", Condition(A, Op.IS, Is.UNKNOWN)),
        ("in.(1,2)", Condition(A, Op.IN, ("1", "2"))),
        ("in.()", Condition(A, Op.IN, ())),
        ("in.( )", Condition(A, Op.IN, ())),
        ("in.( ,3)", Condition(A, Op.IN, ("", "3"))),
        ('in.("")', Condition(A, Op.IN, ("",))),
        ('in.(x,"b,c")', Condition(A, Op.IN, ("x", "b,c"))),
        ('in.("a\\"b","\\\\")', Condition(A, Op.IN, ('a"b', "\\"))),
        ('in.(")', Condition(A, Op.IN, ('"',))),
        ('in.(Double"Quote"McGraw")', Condition(A, Op.IN, ('Double"Quote"McGraw"',))),
        ("in.(/\\Slash/\\)", Condition(A, Op.IN, ("/\\Slash/\\",))),
        ("eq(any).{3,4}", Condition(A, Op.EQ, ("3", "4"), Quantifier.ANY)),
        ("lt(all).{}", Condition(A, Op.LT, (), Quantifier.ALL)),
        ('not.like(any).{O*,"P,*"}', Not(Condition(A, Op.LIKE, ("O%", "P,%"), Quantifier.ANY))),
        ("fts(english).cat", Condition(A, Op.FTS, "cat", None, "english")),
        ("cs.{1,2}", Condition(A, Op.CONTAINS, "{1,2}")),
        ("isdistinct.2", Condition(A, Op.ISDISTINCT, "2")),
    ],
)
def test_a_condition_is_read_with_its_values_as_written(text: str, expected: Filter) -> None:
    assert condition_of(A, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "eq", "foo.1", "not.1", "not.not.eq.1", "is.nil", "in.1", "in.(1", "in.(1)2", "in.(a(7))",
        "eq(some).{1}", "cs(any).{1}", "eq(any).1", "eq(any).{1", "eq(any).{1}}", "fts(x y).1", "fts(.a", "EQ.1",
    ],
)  # fmt: skip
def test_a_condition_that_does_not_parse_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        condition_of(A, text)


def test_a_syntax_error_names_the_place_and_what_was_expected() -> None:
    with pytest.raises(Malformed) as caught:
        order_of("id.asc.nullslasttt")

    assert caught.value.code == "PGRST100"
    assert caught.value.message == '"failed to parse order (id.asc.nullslasttt)" (line 1, column 17)'
    assert caught.value.details == 'unexpected "t" expecting "," or end of input'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select", Key(Word.SELECT)),
        ("on_conflict", Key(Word.ON_CONFLICT)),
        ("order", Key(Word.ORDER)),
        ("or", Key(Word.OR)),
        ("not.and", Key(Word.AND, negated=True)),
        ("orders.not.or", Key(Word.OR, ("orders",), negated=True)),
        ("roles.actors.limit", Key(Word.LIMIT, ("roles", "actors"))),
        ("age", Key(Word.FILTER, (), Path("age"))),
        ("name[1]", Key(Word.FILTER, (), Path("name"))),
        ("Just A Model", Key(Word.FILTER, (), Path("Just A Model"))),
        ("field-with_sep", Key(Word.FILTER, (), Path("field-with_sep"))),
        ("هویت", Key(Word.FILTER, (), Path("هویت"))),
        ('"a.b"', Key(Word.FILTER, (), Path("a.b"))),
        ('"order"', Key(Word.FILTER, (), Path("order"))),
        ("data->a->>0", Key(Word.FILTER, (), Path("data", (Step("a"), Step(0, text=True))))),
        ("data->-1", Key(Word.FILTER, (), Path("data", (Step(-1),)))),
        ('data->>"x.y"', Key(Word.FILTER, (), Path("data", (Step("x.y", text=True),)))),
        ("data->23-xy-45", Key(Word.FILTER, (), Path("data", (Step("23-xy-45"),)))),
        ("orders.status", Key(Word.FILTER, ("orders",), Path("status"))),
    ],
)
def test_a_key_says_what_it_speaks_of(text: str, expected: Key) -> None:
    assert key_of(text) == expected


@pytest.mark.parametrize("text", ["", ".", "a.", "a:b", 'a"b;--', "a->", "a->>b->c", "a->(x", '"a', "a=b", "*"])
def test_a_key_that_does_not_parse_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        key_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a.eq.1)", Or((Condition(A, Op.EQ, "1"),))),
        ("(a.eq.1, b.eq.2 )", Or((Condition(A, Op.EQ, "1"), Condition(B, Op.EQ, "2")))),
        ("(a.eq.1,b.neq.2))", Or((Condition(A, Op.EQ, "1"), Condition(B, Op.NEQ, "2")))),
        (
            "(and(a.gt.1,a.lt.5),not.or(b.is.null,b.not.eq.x))",
            Or(
                (
                    And((Condition(A, Op.GT, "1"), Condition(A, Op.LT, "5"))),
                    Not(Or((Condition(B, Op.IS, Is.NULL), Not(Condition(B, Op.EQ, "x"))))),
                )
            ),
        ),
        ('(a.eq."(x,y.z)")', Or((Condition(A, Op.EQ, "(x,y.z)"),))),
        ('(a.like."*,4*")', Or((Condition(A, Op.LIKE, "%,4%"),))),
        ('(a.in.("1",2),b.cs.{1,2})', Or((Condition(A, Op.IN, ("1", "2")), Condition(B, Op.CONTAINS, "{1,2}")))),
        ('(a.cs.{"k":{"x":"}"}},b.eq.1)', Or((Condition(A, Op.CONTAINS, '{"k":{"x":"}"}}'), Condition(B, Op.EQ, "1")))),
        ("(a->b->>c.eq.1)", Or((Condition(Path("a", (Step("b"), Step("c", text=True))), Op.EQ, "1"),))),
        ("(and_x.eq.1)", Or((Condition(Path("and_x"), Op.EQ, "1"),))),
        ("(not.eq.1)", Or((Condition(Path("not"), Op.EQ, "1"),))),
        ("(a.plfts(german).Art Spass)", Or((Condition(A, Op.PLFTS, "Art Spass", None, "german"),))),
    ],
)
def test_a_logic_tree_keeps_its_shape(text: str, expected: Filter) -> None:
    assert logic_of(Key(Word.OR), text) == expected


@pytest.mark.parametrize(
    "text", ["", "()", "(a)", "(a.eq.1", "a.eq.1", "(a.eq.1,)", "(a.eq.{1)", "(a.eq.1)b", "(and())"]
)
def test_a_logic_tree_that_does_not_parse_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        logic_of(Key(Word.OR), text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", (Order(A),)),
        ("a.desc.nullslast, b.asc", (Order(A, True, Nulls.LAST), Order(B))),
        ("a.nullsfirst", (Order(A, False, Nulls.FIRST),)),
        ("a->x->>0.desc", (Order(Path("a", (Step("x"), Step(0, text=True))), True),)),
        ('"a.b".desc', (Order(Path("a.b"), True),)),
    ],
)
def test_an_order_is_read_term_by_term(text: str, expected: tuple[Order, ...]) -> None:
    assert order_of(text) == expected


@pytest.mark.parametrize("text", ["", "a,", "a.down", "a.asc.desc", "a.nullslast.desc", "a b.c", ",a"])
def test_an_order_that_does_not_parse_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        order_of(text)


def test_an_order_may_go_through_an_embed() -> None:
    assert order_of("directors(name).desc,id") == (
        Order(Path("name", embed="directors"), descending=True),
        Order(Path("id")),
    )


def test_names_may_be_quoted_and_count_once() -> None:
    assert names_of('"a", b,"c,d",a', "columns parameter") == ("a", "b", "c,d")


def test_policy_reads_row_rules_with_the_same_grammar() -> None:
    assert filter_of("a=eq.x%26y&or=(b.eq.1,b.is.null)") == And(
        (Condition(A, Op.EQ, "x&y"), Or((Condition(B, Op.EQ, "1"), Condition(B, Op.IS, Is.NULL))))
    )


def _any_reader(text: str) -> list[Callable[[], object]]:
    return [
        lambda: condition_of(A, text),
        lambda: key_of(text),
        lambda: logic_of(Key(Word.OR), text),
        lambda: logic_of(Key(Word.AND, negated=True), f"({text})"),
        lambda: order_of(text),
        lambda: path_of(text),
        lambda: names_of(text, "columns parameter"),
        lambda: filter_of(text),
    ]


_PIECES = st.sampled_from(
    ["a", "b", ".", ",", "(", ")", "{", "}", '"', "\\", "->", "->>", "not.", "and(", "or(", "eq", "in", "is", "null",
     "eq(any)", "like", "fts(x)", "[0]", "desc", "nullslast", "::", ":", "*", " ", "=", "&", "%", "\x00", "\ud800", "²"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
def test_any_text_is_read_or_malformed_and_nothing_else(text: str) -> None:
    for read in _any_reader(text):
        with contextlib.suppress(Malformed):
            read()


@pytest.mark.parametrize(
    "unit",
    ["(", "((((", "not.", "and(", "{", '"', "\\", '\\"', "a.eq.{,", 'a.eq."', "a,", "a.eq.1,", "->", "a.", "[", ")",
     "or(a.eq.1,", '{"', "in.(", '","', "a(", ":"],
)  # fmt: skip
def test_a_hostile_text_costs_no_more_than_its_length(unit: str) -> None:
    text = (unit * 65_536)[:65_536]
    began = time.process_time()

    for prefix in ("", "in.(", "eq(any).{", "a.in.(", "a.cs.{"):
        for read in _any_reader(prefix + text):
            with contextlib.suppress(Malformed):
                read()

    assert time.process_time() - began < 40 * 0.05  # 40 readings, 50 ms each
