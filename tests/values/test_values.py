"""Values: text and JSON in, text and JSON out, nothing lost on the way."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core.errors import BadValue, BridgeError, Malformed
from bridge_core.operations import Create, Read, Update
from bridge_core.query import And, Condition, Is, Not, Op, Or, Path, Quantifier, Step
from bridge_core.schema import Capabilities, Field, FieldType, Literals, Model
from bridge_core.values import (
    JSON_NULL,
    cast,
    decode_json,
    encode,
    from_json,
    json_text,
    text_of,
    typed,
    typed_operation,
    zone_of,
)
from tests.values.strategies import BY_TYPE, JSON_VALUES, MOMENTS, VALUES, ZONES


def field(type_: FieldType, **more: object) -> Field:
    return Field("f", type_, **more)  # type: ignore[arg-type]  # each test names real attributes


@given(VALUES)
def test_a_value_written_as_text_reads_back_as_the_same_value(case: tuple[Field, object]) -> None:
    place, value = case

    again = typed(place, text_of(value, place.type))

    assert again == value
    assert text_of(again, place.type) == text_of(value, place.type)


@given(VALUES)
def test_a_value_sent_as_json_and_taken_back_is_the_same_value(case: tuple[Field, object]) -> None:
    place, value = case

    sent = decode_json(encode([{"f": value}]))

    assert isinstance(sent, list)
    assert from_json(place, sent[0]["f"]) == (None if value is JSON_NULL else value)


@given(MOMENTS, ZONES, ZONES)
def test_an_instant_is_the_same_in_whatever_zone_it_is_written(value: datetime, zone: object, other: object) -> None:
    moment = value.replace(tzinfo=zone)  # type: ignore[arg-type]  # zones, as generated

    assert typed(field(FieldType.TIMESTAMPTZ), text_of(moment, zone=other)) == moment  # type: ignore[arg-type]


@given(JSON_VALUES)
def test_the_text_of_json_is_that_json(value: object) -> None:
    assert decode_json(json_text(value)) == value


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_json_or_malformed(body: bytes) -> None:
    with suppress(Malformed):
        value = decode_json(body)
        encode([{"value": from_json(field(FieldType.TEXT), value)}] if "\0" not in str(value) else [])


@given(st.sampled_from(sorted(BY_TYPE)), st.text(max_size=20) | st.text('0123456789-+:.eE{},"\\xT Z', max_size=24))
def test_any_text_is_a_value_or_refused(type_: FieldType, text: str) -> None:
    with suppress(BadValue):
        encode([{"f": typed(field(type_), text)}])


@pytest.mark.parametrize(
    ("type_", "text", "code", "message"),
    [
        ("integer", "x", "22P02", 'invalid input syntax for type integer: "x"'),
        ("integer", "1.5", "22P02", 'invalid input syntax for type integer: "1.5"'),
        ("integer", "1_0", "22P02", 'invalid input syntax for type integer: "1_0"'),
        ("integer", "٣", "22P02", 'invalid input syntax for type integer: "٣"'),
        ("float", "1e999", "22003", '"1e999" is out of range for type double precision'),
        ("decimal", "1e999999999", "22003", "value overflows numeric format"),
        ("decimal", "1e200000", "22003", "value overflows numeric format"),
        ("boolean", "maybe", "22P02", 'invalid input syntax for type boolean: "maybe"'),
        ("uuid", "a0ee", "22P02", 'invalid input syntax for type uuid: "a0ee"'),
        ("date", "x", "22007", 'invalid input syntax for type date: "x"'),
        ("date", "2023-02-29", "22008", 'date/time field value out of range: "2023-02-29"'),
        ("time", "25:00", "22008", 'date/time field value out of range: "25:00"'),
        ("timestamptz", "x", "22007", 'invalid input syntax for type timestamp with time zone: "x"'),
        ("bytes", "\\xg0", "22023", 'invalid hexadecimal digit: "g"'),
        ("bytes", "\\x0", "22023", "invalid hexadecimal data: odd number of digits"),
        ("bytes", "\\9", "22P02", 'invalid input syntax for type bytea: "\\9"'),
        ("json", "{", "22P02", "invalid input syntax for type json"),
        ("array", "{a", "22P02", 'malformed array literal: "{a"'),
        ("array", "{a,}", "22P02", 'malformed array literal: "{a,}"'),
        ("array", "a", "22P02", 'malformed array literal: "a"'),
        ("array", "{" * 100_000, "22P02", f'malformed array literal: "{"{" * 100_000}"'),
        ("text", "a\0b", "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
        ("text", "\ud800", "22021", 'invalid byte sequence for encoding "UTF8"'),
    ],
)
def test_text_that_does_not_fit_is_refused_as_postgresql_words_it(
    type_: str, text: str, code: str, message: str
) -> None:
    with pytest.raises(BadValue) as caught:
        typed(field(FieldType(type_)), text)

    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ("native", "text", "fits"),
    [
        ("smallint", "32767", True),
        ("smallint", "32768", False),
        ("bigint", "-9223372036854775808", True),
        ("bigint", "9223372036854775808", False),
        ("", "9" * 60, True),
    ],
)
def test_an_integer_fits_the_width_of_its_native_type(native: str, text: str, fits: bool) -> None:
    place = field(FieldType.INTEGER, native=native)

    if fits:
        assert typed(place, text) == int(text)
    else:
        with pytest.raises(BadValue) as caught:
            typed(place, text)
        assert caught.value.message == f'value "{text}" is out of range for type {native}'
        assert caught.value.code == "22003"


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("boolean", "T", True),
        ("boolean", " off ", False),
        ("integer", " +7 ", 7),
        ("decimal", "1e3", Decimal(1000)),
        ("decimal", "-0.00", Decimal("0.00")),
        ("float", "-Infinity", float("-inf")),
        ("uuid", "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("date", "2024-02-29 12:00", date(2024, 2, 29)),
        ("time", "04:05:06.7890126", time(4, 5, 6, 789013)),
        ("timestamp", "2024-01-01T19:13:00+02", datetime.fromisoformat("2024-01-01T19:13")),
        ("timestamptz", "2024-01-01 19:13:00+05:30", datetime(2024, 1, 1, 13, 43, tzinfo=UTC)),
        ("timestamptz", "20240101 191300", None),
        ("bytes", "ab\\\\\\001", b"ab\\\x01"),
        ("json", "null", JSON_NULL),
        ("json", ' {"a":1.50} ', {"a": Decimal("1.50")}),
        ("array", '{ a , "b,c" , null , "NULL", \\n, {x} }', ("a", "b,c", None, "NULL", "n", ("x",))),
    ],
)
def test_text_is_read_as_postgresql_reads_it(type_: str, text: str, value: object) -> None:
    if value is None:
        with pytest.raises(BadValue):
            typed(field(FieldType(type_)), text)
    else:
        assert typed(field(FieldType(type_)), text) == value


def test_records_are_encoded_as_postgresql_encodes_them() -> None:
    record = {
        "scale": Decimal("1100.0000000000000000"),
        "thousand": Decimal("1E+3"),
        "tiny": Decimal("1E-10"),
        "nan": float("nan"),
        "whole": 1.0,
        "zoned": datetime(2024, 1, 1, 19, 13, tzinfo=UTC),
        "naive": datetime.fromisoformat("2024-01-01T19:13:00.500000"),
        "bytes": b"\x0a\xff",
        "json": {"n": Decimal("1.10"), "none": None, "deep": [JSON_NULL]},
        "items": (1, None),
        "big": 2**70,
        "none": None,
    }

    assert encode([record]) == (
        b'[{"scale":1100.0000000000000000,"thousand":1000,"tiny":0.0000000001,"nan":"NaN","whole":1,'
        b'"zoned":"2024-01-01T19:13:00+00:00","naive":"2024-01-01T19:13:00.5","bytes":"\\\\x0aff",'
        b'"json":{"n":1.10,"none":null,"deep":[null]},"items":[1,null],"big":1180591620717411303424,"none":null}]'
    )


def test_timestamps_with_zone_are_encoded_in_the_zone_asked_for() -> None:
    record = {"at": datetime(2024, 7, 1, 12, 0, tzinfo=UTC)}

    assert encode([record], "Europe/Berlin") == b'[{"at":"2024-07-01T14:00:00+02:00"}]'
    assert encode([record], "-03:30") == b'[{"at":"2024-07-01T08:30:00-03:30"}]'


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "+99", ""])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(BadValue) as caught:
        zone_of(name)

    assert caught.value.code == "22023"


@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
@pytest.mark.parametrize("form", [str, str.encode], ids=["text", "bytes"])
def test_json_may_be_nested_so_deep_and_no_deeper(opening: str, form: Callable[[str], str | bytes]) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]

    assert decode_json(form(opening * 200 + "1" + closing * 200))
    with pytest.raises(Malformed):
        decode_json(form(opening * 201 + "1" + closing * 201))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b"[NaN]", b'"\\ud800"', b"\xff", b"[" * 100_000, b"1" * 5_000, b"1e99999999999999999999"],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        decode_json(body)

    assert caught.value.code == "PGRST102"


@pytest.mark.parametrize(
    ("value", "source", "name", "result"),
    [
        (Decimal("2.5"), "decimal", "int", 3),
        (2.5, "float", "integer", 2),
        (Decimal("1.005"), "decimal", "numeric(5,2)", Decimal("1.01")),
        ("12", "text", "bigint", 12),
        (True, "boolean", "int4", 1),
        (True, "boolean", "text", "true"),
        (7, "integer", "boolean", True),
        (datetime(2024, 1, 1, 19, 13, tzinfo=UTC), "timestamptz", "text", "2024-01-01 19:13:00+00"),
        (datetime(2024, 1, 1, 19, 13, tzinfo=UTC), "timestamptz", "date", date(2024, 1, 1)),
        (date(2024, 1, 1), "date", "timestamp", datetime.fromisoformat("2024-01-01")),
        ({"a": [1]}, "json", "text", '{"a": [1]}'),
        ("x", "json", "text", '"x"'),
        (Decimal(3), "json", "int", 3),
        (("a", "b c"), "array", "text", '{a,"b c"}'),
        ("abcdef", "text", "varchar(3)", "abc"),
        (None, "text", "int", None),
    ],
)
def test_a_cast_gives_what_postgresql_gives(value: object, source: str, name: str, result: object) -> None:
    found = cast(value, FieldType(source), name)

    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("value", "source", "name", "code"),
    [
        (1, "integer", "nonsense", "42704"),
        (None, "integer", "nonsense", "42704"),
        ("x", "text", "int", "22P02"),
        (2**40, "integer", "int", "22003"),
        (float("nan"), "float", "int", "22003"),
        (Decimal("1E+1000"), "decimal", "int", "22003"),
        (Decimal("123.4"), "decimal", "numeric(2,1)", "22003"),
        (1, "integer", "date", "42846"),
        ({}, "json", "int", "22023"),
        (1, "json", "date", "42846"),
    ],
)
def test_a_cast_that_cannot_be_is_refused(value: object, source: str, name: str, code: str) -> None:
    with pytest.raises(BridgeError) as caught:
        cast(value, FieldType(source), name)

    assert caught.value.code == code


ORDERS = Model(
    "orders",
    (
        Field("id", FieldType.INTEGER, native="bigint"),
        Field("total", FieldType.DECIMAL),
        Field("meta", FieldType.JSON),
        Field("tags", FieldType.ARRAY, item=FieldType.TEXT),
    ),
    key=("id",),
    backstage=(Field("tenant", FieldType.INTEGER),),
)


def test_every_value_of_an_operation_is_converted_by_its_field() -> None:
    asked = Read(
        ORDERS,
        where=And(
            (
                Condition(Path("id"), Op.IN, ("1", "2")),
                Not(Condition(Path("total"), Op.GT, ("1.50", "2"), Quantifier.ANY)),
                Or((Condition(Path("meta", (Step("a"),)), Op.EQ, "1"), Condition(Path("total"), Op.IS, Is.NULL))),
                Condition(Path("meta", (Step("a"), Step("b", text=True))), Op.EQ, "1"),
                Condition(Path("tags"), Op.CONTAINS, "{a,b}"),
            )
        ),
        scope=Condition(Path("tenant"), Op.EQ, "7"),
    )

    result = typed_operation(asked)

    assert result.scope == Condition(Path("tenant"), Op.EQ, 7)
    assert result.where == And(
        (
            Condition(Path("id"), Op.IN, (1, 2)),
            Not(Condition(Path("total"), Op.GT, (Decimal("1.50"), Decimal(2)), Quantifier.ANY)),
            Or((Condition(Path("meta", (Step("a"),)), Op.EQ, 1), Condition(Path("total"), Op.IS, Is.NULL))),
            Condition(Path("meta", (Step("a"), Step("b", text=True))), Op.EQ, "1"),
            Condition(Path("tags"), Op.CONTAINS, ("a", "b")),
        )
    )


def test_records_are_converted_and_only_their_columns_kept() -> None:
    asked = Create(
        ORDERS, [{"id": "1", "total": Decimal("1.10"), "meta": {"a": None}, "other": 1}], ("id", "total", "meta")
    )

    assert typed_operation(asked).records == [{"id": 1, "total": Decimal("1.10"), "meta": {"a": None}}]
    assert typed_operation(Update(ORDERS, {"tags": ["a", None]}, And(()))).values == {"tags": ("a", None)}


def test_a_backend_that_converts_gets_the_values_as_they_were_written() -> None:
    native = Model("orders", ORDERS.fields, capabilities=Capabilities(literals=Literals.NATIVE))
    asked = Read(native, where=Condition(Path("id"), Op.EQ, "no number"))

    assert typed_operation(asked) is asked


@pytest.mark.parametrize(("name", "op"), [("id", Op.LIKE), ("meta", Op.OVERLAPS), ("total", Op.CONTAINS)])
def test_an_operator_that_the_type_has_not_is_refused(name: str, op: Op) -> None:
    with pytest.raises(BadValue) as caught:
        typed_operation(Read(ORDERS, where=Condition(Path(name), op, "1")))

    assert caught.value.code == "42883"
