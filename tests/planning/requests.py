"""Models, records and operations, as hypothesis makes them, for tests that compare backends of different ability."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

from bridge_core.operations import (
    Affected,
    Create,
    Delete,
    Missing,
    Read,
    Record,
    Resolution,
    Update,
    Upsert,
    WriteOptions,
)
from bridge_core.query import (
    EVERYTHING,
    And,
    Column,
    Condition,
    Counting,
    Filter,
    Is,
    Not,
    Nulls,
    Op,
    Or,
    Order,
    Path,
    Quantifier,
    Slice,
    Step,
)
from bridge_core.schema import Field, FieldType, Model, Rule, RuleKind, Term
from bridge_core.testing.memory import Weakness
from bridge_core.values import from_json

WORDS = ("low", "mid", "high")
THINGS = Model(
    "things",
    (
        Field("id", FieldType.INTEGER, nullable=False),
        Field("n", FieldType.INTEGER),
        Field("price", FieldType.DECIMAL),
        Field("ratio", FieldType.FLOAT),
        Field("name", FieldType.TEXT),
        Field("code", FieldType.TEXT),
        Field("level", FieldType.ENUM, enum=WORDS),
        Field("active", FieldType.BOOLEAN),
        Field("at", FieldType.TIMESTAMPTZ),
        Field("meta", FieldType.JSON),
        Field("tags", FieldType.ARRAY, item=FieldType.TEXT),
    ),
    key=("id",),
    uniques=(("code",),),
)
_NAMES = ("n", "price", "ratio", "name", "level", "active", "at")
_MOMENTS = ("2024-01-01T00:00:00+00:00", "2024-01-01T03:00:00+02:00", "2023-06-01T00:00:00+00:00")
_TEXTS: Mapping[str, Sequence[str]] = {
    "id": [str(number) for number in range(27)],
    "n": [str(number) for number in range(-2, 5)],
    "price": ["0.5", "1", "1.0", "1.50", "-3"],
    "ratio": ["0.5", "1", "NaN", "-Infinity"],
    "name": ["", "a", "ab", "B", "ä", "a%", "10"],
    "level": WORDS,
    "active": ["true", "false"],
    "at": _MOMENTS,
}
_JSON: Sequence[object] = (None, {}, {"a": 1}, {"a": Decimal("1.0"), "b": "x"}, {"a": None}, {"b": [1, "x", None]}, [1])


def body(number: int, chance: Random) -> dict[str, object]:
    """Make one record, with this key."""
    return {
        "id": number,
        "code": chance.choice([f"c{number}", None]),
        "meta": chance.choice(_JSON),
        "tags": chance.choice([None, [], ["x"], ["x", "y"], ["y", None]]),
        **{name: chance.choice([None, *_TEXTS[name]]) for name in _NAMES},
    }


def table(size: int, seed: int) -> list[dict[str, object]]:
    """Make the records of a table: from a seed, because hypothesis would take most of the time to draw them."""
    chance = Random(seed)
    return [body(number, chance) for number in range(size)]


SEEDS = st.integers(0, 2**32)
TABLES = st.builds(table, st.integers(0, 14), SEEDS)


@st.composite
def _comparisons(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from(("id", *_NAMES)))
    op = draw(st.sampled_from([Op.EQ, Op.NEQ, Op.GT, Op.GTE, Op.LT, Op.LTE, Op.ISDISTINCT]))
    quantifier = draw(st.sampled_from([None, None, None, Quantifier.ANY, Quantifier.ALL]))
    if quantifier is None or op in (Op.NEQ, Op.ISDISTINCT):
        return Condition(Path(name), op, draw(st.sampled_from(_TEXTS[name])))
    return Condition(Path(name), op, tuple(draw(st.lists(st.sampled_from(_TEXTS[name]), max_size=3))), quantifier)


@st.composite
def _choices(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from(("id", "id", *_NAMES)))
    return Condition(Path(name), Op.IN, tuple(draw(st.lists(st.sampled_from(_TEXTS[name]), max_size=5))))


_SPECIAL = st.sampled_from(
    [
        *(Condition(Path(name), Op.IS, what) for name in ("n", "name", "meta") for what in (Is.NULL, Is.NOT_NULL)),
        *(Condition(Path("active"), Op.IS, what) for what in (Is.TRUE, Is.FALSE, Is.UNKNOWN)),
        Condition(Path("name"), Op.LIKE, "a%"),
        Condition(Path("name"), Op.ILIKE, "_b"),
        Condition(Path("name"), Op.LIKE, ("a%", "%b"), Quantifier.ANY),
        Condition(Path("tags"), Op.CONTAINS, "{x}"),
        Condition(Path("tags"), Op.OVERLAPS, "{x,y}"),
        Condition(Path("meta"), Op.CONTAINS, '{"a":1}'),
        Condition(Path("meta", (Step("a"),)), Op.EQ, "1"),
        Condition(Path("meta", (Step("b", text=True),)), Op.EQ, "x"),
        Condition(Path("meta", (Step("a", text=True),)), Op.IS, Is.NULL),
    ]
)
FILTERS: st.SearchStrategy[Filter] = st.just(EVERYTHING) | st.recursive(
    _comparisons() | _choices() | _SPECIAL,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple).map(And),
        st.lists(inner, max_size=3).map(tuple).map(Or),
        inner.map(Not),
    ),
    max_leaves=5,
)
_PATHS = st.sampled_from([*(Path(name) for name in _NAMES), Path("meta", (Step("a"),)), Path("tags")])
ORDERS = st.lists(
    st.builds(Order, _PATHS, st.booleans(), st.sampled_from([None, Nulls.FIRST, Nulls.LAST])), max_size=2
).map(tuple)
SELECTS = st.sampled_from(
    [
        (),
        (Column(Path("id")), Column(Path("name"), alias="title")),
        (Column(Path("id")), Column(Path("price"), cast="text"), Column(Path("meta", (Step("b"), Step(0))))),
    ]
)
WEAKNESSES = st.frozensets(st.sampled_from(list(Weakness)), max_size=8)
RULES = st.lists(
    st.sampled_from(
        [
            Rule(RuleKind.FORBID_TOGETHER, (Term(field="n"), Term(field="level"))),
            Rule(RuleKind.FORBID_TOGETHER, (Term(op=Op.IN), Term(op=Op.NEQ))),
            Rule(RuleKind.FORBID_TOGETHER, (Term(op=Op.GT), Term(order=True))),
            Rule(RuleKind.REQUIRE_WITH, (Term(field="name"), Term(field="id"), Term(field="n"))),
            Rule(RuleKind.REQUIRE_WITH, (Term(order=True), Term(op=Op.EQ))),
            Rule(RuleKind.AT_MOST, (Term(op=Op.EQ), Term(op=Op.IN)), 1),
        ]
    ),
    max_size=2,
).map(tuple)


@st.composite
def reads(draw: st.DrawFn) -> Read:
    """Make a read whose answer is decided: an order ends with the key."""
    order = draw(ORDERS)
    window = draw(st.builds(Slice, st.integers(0, 6), st.none() | st.integers(0, 8)))
    if order or window != Slice():
        order = (*order, Order(Path("id")))
    keys = draw(st.none() | st.none() | st.none() | st.lists(st.tuples(st.integers(0, 20)), max_size=5).map(tuple))
    return Read(
        THINGS,
        select=draw(SELECTS),
        where=draw(FILTERS),
        scope=draw(st.just(EVERYTHING) | FILTERS),
        order=order,
        window=Slice() if keys is not None else window,
        count=draw(st.sampled_from(list(Counting))),
        keys=keys,
    )


@st.composite
def _options(draw: st.DrawFn) -> WriteOptions:
    return WriteOptions(
        returning=draw(st.none() | SELECTS),
        order=(Order(Path("id")),) if draw(st.booleans()) else (),
        affected=draw(st.sampled_from([Affected()] * 3 + [Affected(most=2), Affected(1, 1, singular=True)])),
    )


@st.composite
def creates(draw: st.DrawFn) -> Create:
    """Make a create or an upsert."""
    numbers = draw(st.lists(st.integers(0, 25), max_size=5, unique=draw(st.booleans())))
    columns = ("id", *draw(st.lists(st.sampled_from(["n", "name", "code", "level", "tags"]), unique=True)))
    records = []
    chance = Random(draw(SEEDS))
    for number in numbers:
        made = body(number, chance)
        records.append({name: made[name] for name in columns if name == "id" or chance.random() < 0.8})
    target = draw(st.sampled_from([("id",), ("id",), ("code",)]))
    return Create(
        THINGS,
        records,
        columns,
        missing=draw(st.sampled_from(list(Missing))),
        upsert=draw(st.none() | st.builds(Upsert, st.sampled_from(list(Resolution)), st.just(target))),
        scope=draw(_SCOPES),
        check=draw(_SCOPES),
        options=draw(_options()),
    )


_SCOPES: st.SearchStrategy[Filter] = st.sampled_from(
    [
        *[EVERYTHING] * 4,
        Condition(Path("n"), Op.GTE, "0"),
        Or((Condition(Path("level"), Op.EQ, "low"), Condition(Path("n"), Op.IS, Is.NULL))),
    ]
)


@st.composite
def updates(draw: st.DrawFn) -> Update:
    """Make an update."""
    made = body(draw(st.integers(0, 25)), Random(draw(SEEDS)))
    names = draw(st.lists(st.sampled_from([*_NAMES, "meta", "tags"]), unique=True, max_size=3))
    names += draw(st.sampled_from([[], [], [], [], ["id"]]))
    scope = draw(_SCOPES)
    return Update(
        THINGS,
        {name: made[name] for name in names},
        where=draw(FILTERS),
        scope=scope,
        check=draw(st.just(scope) | _SCOPES),
        options=draw(_options()),
    )


@st.composite
def deletes(draw: st.DrawFn) -> Delete:
    """Make a delete."""
    return Delete(THINGS, where=draw(FILTERS), scope=draw(_SCOPES), options=draw(_options()))


def typed_rows(model: Model, rows: list[dict[str, Any]]) -> list[Record]:
    """Return records as a backend holds them."""
    return [{name: from_json(model.field(name), value) for name, value in row.items()} for row in rows]
