"""The meaning of values and operators, held against a real PostgreSQL."""

from collections.abc import Mapping
from itertools import product
from typing import TypeAlias

import pytest

from bridge_core.errors import BadValue
from bridge_core.evaluate import predicate
from bridge_core.query import Condition, Op, Path
from bridge_core.schema import Field, FieldType, Model
from bridge_core.values import cast, encode, text_of, typed
from tests.support.postgres import PostgresServer

_JSON = ("null", "1", "1.0", "true", "[]", "{}", '"a"', "[1, 2]", '[[1], {"a": 1}]', '{"a": 1}', '{"b": 1, "aa": null}')
TEXTS: Mapping[str, tuple[str, ...]] = {
    "boolean": ("true", "f", "on", "maybe", "o", " Yes "),
    "integer": ("0", "-7", " 12 ", "9999999999", "1.5", "x", ""),
    "numeric": ("0", "-0.00", "1.50", "1.5", "1e3", "1E-7", ".5", "5.", "NaN", "Infinity", "x", "1e", "1e-17000"),
    "double precision": ("0", "-0", "1.5", "1e15", "1e14", "123456789012345680", "1e-7", "NaN", "-inf", "1e999", "0.1"),
    "text": ("", "a", "B", "ä", "é", "a b", "10", "9", "😀", "z"),
    "uuid": (
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
        "a0ee",
        "a0eebc999c0b4ef8-bb6d-6bb9bd380a12",
    ),
    "date": ("2024-02-29", "2023-02-29", "20240101", "2024-1-2", "2024-01-01 10:00", "x", "9999-12-31"),
    "time": ("10:00", "10:00:00.5", "25:00", "04:05:06.7890126", "x"),
    "timestamp": (
        "2024-01-01",
        "2024-01-01T10:00:00.120",
        "2024-01-01 10:00+02",
        "2024-01-01 24:00",
        "2024-13-01",
        "x",
    ),
    "timestamptz": (
        "2024-01-01 10:00Z",
        "2024-01-01 10:00+05:30",
        "2024-01-01T10:00:00.000001-0800",
        "2024-01-01",
        "x",
    ),
    "bytea": ("\\x00ff", "\\X", "ab\\\\c", "\\001", "\\x0", "\\xzz", "a\\b"),
    "jsonb": (*_JSON, "{", "nul", "[1,]"),
    "text[]": ("{}", "{a}", '{"b c",NULL,null,"NULL"}', "{ a , b }", "{a,}", "{a", "x", '{"a\\"b",\\\\}', "{a b}"),
    "integer[]": ("{1,2}", "{1}", "{2,NULL}", "{NULL}", "{}", "{1,1}", "{x}"),
}
TYPES: Mapping[str, Field] = {
    "boolean": Field("v", FieldType.BOOLEAN),
    "integer": Field("v", FieldType.INTEGER, native="int4"),
    "numeric": Field("v", FieldType.DECIMAL),
    "double precision": Field("v", FieldType.FLOAT),
    "text": Field("v", FieldType.TEXT),
    "uuid": Field("v", FieldType.UUID),
    "date": Field("v", FieldType.DATE),
    "time": Field("v", FieldType.TIME),
    "timestamp": Field("v", FieldType.TIMESTAMP),
    "timestamptz": Field("v", FieldType.TIMESTAMPTZ),
    "bytea": Field("v", FieldType.BYTES),
    "jsonb": Field("v", FieldType.JSON),
    "text[]": Field("v", FieldType.ARRAY, item=FieldType.TEXT),
    "integer[]": Field("v", FieldType.ARRAY, item=FieldType.INTEGER),
}
COMPARISONS: Mapping[Op, str] = {
    Op.EQ: "=", Op.NEQ: "<>", Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<=", Op.ISDISTINCT: "is distinct from",
}  # fmt: skip
CONTAINMENT: Mapping[Op, str] = {Op.CONTAINS: "@>", Op.CONTAINED: "<@", Op.OVERLAPS: "&&"}
PATTERNS: Mapping[Op, str] = {Op.LIKE: "like", Op.ILIKE: "ilike", Op.MATCH: "~", Op.IMATCH: "~*"}
CASTS = ("text", "integer", "bigint", "numeric", "numeric(6,2)", "double precision", "boolean", "date", "timestamp",
         "timestamptz", "varchar(2)", "smallint", "time")  # fmt: skip
Oracle: TypeAlias = tuple[PostgresServer, str]
ATTEMPT = """
create function attempt(expression text) returns text language plpgsql as $$
declare result text;
begin
  execute 'select (' || expression || ')::text' into result;
  return coalesce(result, '<null>');
exception when others then return '!' || sqlstate;
end $$;
"""


@pytest.fixture(scope="module")
def oracle(postgres_18: PostgresServer) -> Oracle:
    """Make a database that tells what an expression is, or the code of its error."""
    return postgres_18, postgres_18.database(ATTEMPT).rpartition("/")[2]


@pytest.mark.parametrize("name", TEXTS)
def test_text_becomes_the_value_that_postgresql_makes_of_it(oracle: Oracle, name: str) -> None:
    theirs = _asked(oracle, [f"{_quoted(text)}::{name}" for text in TEXTS[name]])

    assert {text: _printed(name, text) for text in TEXTS[name]} == dict(zip(TEXTS[name], theirs, strict=True))


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_looks_in_json_as_postgresql_shows_it(oracle: Oracle, name: str) -> None:
    texts = [text for text in TEXTS[name] if not _printed(name, text).startswith("!")]
    theirs = _asked(oracle, [f"to_json({_quoted(text)}::{name})::jsonb" for text in texts])

    ours = [encode([{"v": typed(TYPES[name], text)}])[6:-2].decode() for text in texts]

    assert _asked(oracle, [f"{_quoted(text)}::jsonb" for text in ours]) == theirs


@pytest.mark.parametrize("name", TEXTS)
def test_values_compare_as_in_postgresql(oracle: Oracle, name: str) -> None:
    signs = {**COMPARISONS, **(CONTAINMENT if name.endswith("[]") else {})}
    signs |= {Op.CONTAINS: "@>", Op.CONTAINED: "<@"} if name == "jsonb" else {}
    texts = [text for text in TEXTS[name] if not _printed(name, text).startswith("!")]
    cases = list(product(signs, [*texts, None], [*texts, None]))
    theirs = _asked(oracle, [f"{_value(a, name)} {signs[op]} {_value(b, name)}" for op, a, b in cases])

    ours = [_truth(TYPES[name], op, a, b) for op, a, b in cases]

    wrong = [(case, our, their) for case, our, their in zip(cases, ours, theirs, strict=True) if our != their]
    assert wrong == []


def test_patterns_match_as_in_postgresql(oracle: Oracle) -> None:
    texts = ("", "a", "ab", "aB", "a%b", "a_b", "a\\b", "äÖ", "STRASSE", "abab", "x\ny")
    patterns = ("", "%", "a%", "%b", "_", "a_", "a\\%b", "a\\_b", "%\\\\%", "Äö", "%a%b%", "a\\")
    expressions = ("", "a", "^a", "b$", "^a.b$", "[ab]+", "(ab){2}", "Ä", "a|x", "^$", "(", "\\d")
    cases = [(op, text, each) for op in PATTERNS for text in texts
             for each in (patterns if op in (Op.LIKE, Op.ILIKE) else expressions)]  # fmt: skip
    theirs = _asked(oracle, [f"{_quoted(text)} {PATTERNS[op]} {_quoted(each)}" for op, text, each in cases])

    ours = [_truth(TYPES["text"], op, text, each) for op, text, each in cases]

    wrong = [(case, our, their) for case, our, their in zip(cases, ours, theirs, strict=True) if our != their]
    assert [each for each in wrong if each[1] != "!22025"] == []  # PostgreSQL only notices when it comes to the escape


@pytest.mark.parametrize("name", [name for name in TEXTS if not name.endswith("[]") and name != "bytea"])
def test_casts_give_what_postgresql_gives(oracle: Oracle, name: str) -> None:
    texts = [text for text in TEXTS[name] if not _printed(name, text).startswith("!")]
    cases = list(product(texts, CASTS))
    theirs = _asked(oracle, [f"{_quoted(text)}::{name}::{goal}" for text, goal in cases])

    wrong = [
        (case, our, their)
        for case, their in zip(cases, theirs, strict=True)
        if (our := _cast(name, *case)) != their and not (our[:1] == their[:1] == "!")
    ]
    assert wrong == []


def _asked(oracle: Oracle, expressions: list[str]) -> list[str]:
    server, name = oracle
    lines = [f"select 'x' || encode(convert_to(attempt({_quoted(each)}), 'UTF8'), 'hex');" for each in expressions]
    return [bytes.fromhex(line[1:]).decode() for line in server.psql("\n".join(lines), name).splitlines()]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"E'{escaped}'"


def _value(text: str | None, name: str) -> str:
    return f"null::{name}" if text is None else f"{_quoted(text)}::{name}"


def _printed(name: str, text: str) -> str:
    place = TYPES[name]
    try:
        return text_of(typed(place, text), place.type)
    except BadValue as error:
        return f"!{error.code}"


def _truth(place: Field, op: Op, left: str | None, right: str | None) -> str:
    pattern = op in PATTERNS
    wanted = right if right is None or pattern else typed(place, right)
    value = None if left is None else typed(place, left)
    try:
        truth = predicate(Model("t", (place,)), Condition(Path("v"), op, wanted))({"v": value})
    except BadValue as error:
        return f"!{error.code}"
    return "<null>" if truth is None else "true" if truth else "false"


def _cast(name: str, text: str, goal: str) -> str:
    place = TYPES[name]
    try:
        value = cast(typed(place, text), place.type, goal)
    except BadValue as error:
        return f"!{error.code}"
    return "<null>" if value is None else text_of(value)
