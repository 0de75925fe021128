"""Orders, customers and tags in three resources: a house for tests of related records, and a join by brute force."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from hypothesis import strategies as st

from bridge_core.arrange import ordered
from bridge_core.errors import BridgeError
from bridge_core.evaluate import predicate
from bridge_core.operations import Embed, Page, Read, Record
from bridge_core.planner import Limits
from bridge_core.query import (
    EVERYTHING,
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
    Slice,
)
from bridge_core.relate import Source
from bridge_core.schema import Cardinality, Field, FieldType, Junction, Model, Relation
from bridge_core.testing.memory import MemoryAdapter, Weakness, able

WIDE = Limits(max_scan=2_000)
ONE, MANY, ACROSS = Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY, Cardinality.MANY_TO_MANY
_LINK = Junction("links", ("order",), ("tag",), resource="shop")
_BACK = Junction("links", ("tag",), ("order",), resource="shop")


def _fields(**types: FieldType) -> tuple[Field, ...]:
    return tuple(Field(name, type_) for name, type_ in types.items())


_INT, _TEXT = FieldType.INTEGER, FieldType.TEXT
ORDERS = Model(
    "orders",
    _fields(id=_INT, customer=_TEXT, parent=_INT, total=_INT, note=_TEXT),
    key=("id",),
    resource="shop",
    relations=(
        Relation("customer", ("customer",), "customers", ("id",), ONE, "crm"),
        Relation("parent", ("parent",), "orders", ("id",), ONE, self_referring=True),
        Relation("children", ("id",), "orders", ("parent",), MANY, self_referring=True),
        Relation("tags", ("id",), "tags", ("id",), ACROSS, "labels", _LINK),
        Relation("links", ("id",), "links", ("order",), MANY),
    ),
)
LINKS = Model(
    "links",
    _fields(id=_INT, order=_INT, tag=_INT, note=_TEXT),
    key=("id",),
    resource="shop",
    relations=(
        Relation("order", ("order",), "orders", ("id",), ONE),
        Relation("tag", ("tag",), "tags", ("id",), ONE, "labels"),
    ),
)
CUSTOMERS = Model(
    "customers",
    _fields(id=_INT, name=_TEXT, country=_TEXT),  # an order refers to a number by its text
    key=("id",),
    resource="crm",
    relations=(Relation("orders", ("id",), "orders", ("customer",), MANY, "shop"),),
)
TAGS = Model(
    "tags",
    _fields(id=_INT, name=_TEXT),
    key=("id",),
    resource="labels",
    relations=(Relation("orders", ("id",), "orders", ("id",), ACROSS, "shop", _BACK),),
)
MODELS = {model.name: model for model in (ORDERS, LINKS, CUSTOMERS, TAGS)}
Rows = Mapping[str, Sequence[Record]]


def rows(size: int, seed: int) -> Rows:
    """Make records: with references to nothing, to what is not there, and to the same thing twice."""
    chance = Random(seed)

    def number() -> int | None:
        return None if chance.random() < 0.2 else chance.randrange(size + 2)

    def reference() -> str | None:
        return chance.choice([None, "x", *map(str, range(size // 2 + 2))])

    words = [None, "", "a", "b", "B"]
    return {
        "orders": [
            {"id": at, "customer": reference(), "parent": number(), "total": number(), "note": chance.choice(words)}
            for at in range(size)
        ],
        "links": [
            {"id": at, "order": number(), "tag": chance.choice([None, 0, 1, 2, 9]), "note": chance.choice(words)}
            for at in range(size)
        ],
        "customers": [
            {"id": at, "name": chance.choice(words), "country": chance.choice(["DE", "FR", None])}
            for at in range(size // 2)
        ],
        "tags": [{"id": at, "name": chance.choice(words)} for at in range(3)],
    }


@dataclass
class House:
    """Three resources in memory; `asked` are the reads that reached an adapter, with the resource."""

    adapters: Mapping[str, MemoryAdapter]
    models: Mapping[str, Model]
    limits: Limits

    def source(self, resource: str) -> Source:
        return Source(self.adapters[resource], self.limits)

    def placed(self, read: Read) -> Read:
        """Return a read over the models as they are declared here."""
        embeds = tuple(replace(each, read=self.placed(each.read), junction=self._between(each)) for each in read.embeds)
        return replace(read, model=self.models[read.model.name], embeds=embeds)

    def _between(self, embed: Embed) -> Model | None:
        return None if embed.junction is None else self.models[embed.junction.name]


class Noting(MemoryAdapter):
    """A backend that remembers what it was asked, and fails where it is told to."""

    def __init__(self, models: Iterable[Model], content: Rows) -> None:
        super().__init__(models, content)
        self.asked: list[Read] = []
        self.failure: BridgeError | None = None

    async def read(self, op: Read, /) -> Page:
        self.asked.append(op)
        if self.failure is not None:
            raise self.failure
        return await super().read(op)


def house(
    content: Rows,
    weaknesses: Callable[[str], Iterable[Weakness]] = lambda _: (),
    limits: Limits = WIDE,
) -> House:
    """Build a house whose resources have these weaknesses."""
    models = {name: able(model, weaknesses(model.resource)) for name, model in MODELS.items()}
    resources = {model.resource for model in models.values()}
    adapters = {
        each: Noting([model for model in models.values() if model.resource == each], content) for each in resources
    }
    return House(adapters, models, limits)


def answer(read: Read, content: Rows) -> list[Record]:
    """Join by brute force: every record, with everything that is related to it, kept or not."""
    found = [record for record in content[read.model.name] if _kept(read, record, content)]
    found = _sorted(read, found, content)
    return _window([_shown(read, record, content) for record in found], read.window)


def total(read: Read, content: Rows) -> int:
    """Count by brute force."""
    return sum(_kept(read, record, content) for record in content[read.model.name])


def _related(embed: Embed, record: Record, content: Rows) -> list[Record]:
    relation = embed.relation
    here = record[relation.fields[0]]
    if embed.junction is None or relation.junction is None:
        partners = [(here, far) for far in content[relation.target]]
    else:
        between = relation.junction
        links = [link for link in content["links"] if _equal(here, link[between.near[0]])]
        holds = predicate(MODELS["links"], embed.junction_scope)
        partners = [
            (link[between.far[0]], far) for far in content[relation.target] for link in links if holds(link) is True
        ]
    found = [far for value, far in partners if _equal(value, far[relation.target_fields[0]])]
    return _sorted(embed.read, [far for far in found if _kept(embed.read, far, content)], content)


def _equal(left: object, right: object) -> bool:
    return left is not None and right is not None and str(left) == str(right)


def _kept(read: Read, record: Record, content: Rows) -> bool:
    related = {embed.name: _related(embed, record, content) for embed in read.embeds}
    if any(embed.inner and not related[embed.name] for embed in read.embeds):
        return False
    scoped = predicate(read.model, read.scope)(record) is True
    return scoped and _truth(read, read.where, record, related) is True


def _truth(read: Read, term: Filter, record: Record, related: Mapping[str, list[Record]]) -> bool | None:
    match term:
        case Condition(Path("", (), str(name)), Op.IS, value):
            return bool(related[name]) is (value is Is.NOT_NULL)
        case Condition():
            return predicate(read.model, term)(record)
        case Not(inner):
            truth = _truth(read, inner, record, related)
            return None if truth is None else not truth
        case And(terms):
            truths = [_truth(read, each, record, related) for each in terms]
            return False if False in truths else None if None in truths else True
        case Or(terms):
            truths = [_truth(read, each, record, related) for each in terms]
            return True if True in truths else None if None in truths else False


def _sorted(read: Read, records: list[Record], content: Rows) -> list[Record]:
    for term in reversed(read.order):
        embed = next((each for each in read.embeds if each.name == term.path.embed), None)
        if embed is None:
            records = ordered(read.model, records, [term])
            continue
        plain = replace(term, path=Path(term.path.field))
        firsts = [(_related(embed, record, content) or [{}])[0] for record in records]
        views = [{**dict.fromkeys(embed.read.model.by_name), **first, "at": at} for at, first in enumerate(firsts)]
        records = [records[int(str(view["at"]))] for view in ordered(embed.read.model, views, [plain])]
    return records


def _shown(read: Read, record: Record, content: Rows) -> Record:
    columns = read.select or ([] if read.embeds else [Column(Path(field.name)) for field in read.model.fields])
    made: dict[str, object] = {column.name: record[column.path.field] for column in columns}
    for embed in read.embeds:
        if not embed.shown:
            continue
        found = [_shown(embed.read, far, content) for far in _related(embed, record, content)]
        single = embed.relation.cardinality is ONE
        if embed.spread:
            keys = _keys(embed.read)
            cut = _window(found, embed.read.window)
            made |= {key: (found[0][key] if found else None) if single else [each[key] for each in cut] for key in keys}
        elif single:
            made[embed.name] = next(iter(found[embed.read.window.offset :]), None)  # type: ignore[union-attr]  # a slice
        else:
            made[embed.name] = _window(found, embed.read.window)
    return made


def _keys(read: Read) -> list[str]:
    columns = read.select or ([] if read.embeds else [Column(Path(field.name)) for field in read.model.fields])
    keys = [column.name for column in columns]
    for embed in read.embeds:
        keys += _keys(embed.read) if embed.spread and embed.shown else [embed.name] if embed.shown else []
    return list(dict.fromkeys(keys))


def _window(found: list[Record], window: object) -> list[Record]:
    assert isinstance(window, Slice)
    return found[window.offset : None if window.limit is None else window.offset + window.limit]


_VALUES: Mapping[str, Sequence[object]] = {
    "id": [0, 1, 2, 5], "customer": ["0", "1", "x"], "parent": [0, 1, 3], "total": [0, 2, 4], "note": ["", "a", "B"],
    "order": [0, 1, 2], "tag": [0, 1], "name": ["a", "b"], "country": ["DE", "FR"],
}  # fmt: skip
_OPS = [Op.EQ, Op.NEQ, Op.GTE, Op.LT]


@st.composite
def _conditions(draw: st.DrawFn, model: Model, embeds: Sequence[Embed]) -> Filter:
    if draw(st.booleans()) and embeds:
        name = draw(st.sampled_from([embed.name for embed in embeds]))
        return Condition(Path("", embed=name), Op.IS, draw(st.sampled_from([Is.NULL, Is.NOT_NULL])))
    name = draw(st.sampled_from([field.name for field in model.fields]))
    if draw(st.integers(0, 5)) == 0:
        return Condition(Path(name), Op.IS, draw(st.sampled_from([Is.NULL, Is.NOT_NULL])))
    return Condition(Path(name), draw(st.sampled_from(_OPS)), draw(st.sampled_from(_VALUES[name])))


@st.composite
def filters(draw: st.DrawFn, model: Model, embeds: Sequence[Embed]) -> Filter:
    """Make a filter that may ask for related records."""
    if draw(st.booleans()):
        return EVERYTHING
    one = _conditions(model, embeds)
    terms = tuple(draw(st.lists(one | st.builds(Not, one), min_size=1, max_size=3)))
    return draw(st.sampled_from([terms[0], And(terms), Or(terms)]))


@st.composite
def orders(draw: st.DrawFn, model: Model, embeds: Sequence[Embed]) -> tuple[Order, ...]:
    """Make an order that leaves nothing open."""
    terms: list[Order] = []
    singles = [embed for embed in embeds if embed.relation.cardinality is ONE]
    if draw(st.booleans()) and singles:
        embed = draw(st.sampled_from(singles))
        name = draw(st.sampled_from([field.name for field in embed.read.model.fields]))
        terms.append(Order(Path(name, embed=embed.name), draw(st.booleans())))
    if draw(st.booleans()):
        name = draw(st.sampled_from([field.name for field in model.fields]))
        terms.append(Order(Path(name), draw(st.booleans())))
    return (*terms, Order(Path("id")))


@st.composite
def reads(draw: st.DrawFn, model: Model = ORDERS, depth: int = 3) -> Read:
    """Make a read with embeds down to a depth."""
    chosen = draw(st.lists(st.sampled_from(model.relations), max_size=2)) if depth else []
    embeds: tuple[Embed, ...] = tuple([draw(_embeds(relation, at, depth)) for at, relation in enumerate(chosen)])
    names = draw(st.lists(st.sampled_from([field.name for field in model.fields]), max_size=3, unique=True))
    return Read(
        model,
        tuple(Column(Path(name), draw(st.sampled_from([None, f"{name}_{depth}"]))) for name in names),
        where=draw(filters(model, embeds)),
        scope=draw(filters(model, ())),
        order=draw(orders(model, embeds)),
        window=draw(st.builds(Slice, st.integers(0, 2), st.none() | st.integers(0, 4))),
        count=draw(st.sampled_from([Counting.NONE, Counting.EXACT])) if depth == 3 else Counting.NONE,
        embeds=embeds,
    )


@st.composite
def _embeds(draw: st.DrawFn, relation: Relation, at: int, depth: int) -> Embed:
    read = draw(reads(MODELS[relation.target], depth - 1))
    through = relation.junction is not None
    shown = draw(st.integers(0, 5)) > 0
    return Embed(
        f"e{depth}{at}",
        relation,
        read,
        inner=draw(st.booleans()),
        spread=shown and draw(st.integers(0, 3)) == 0,
        shown=shown,
        junction=MODELS["links"] if through else None,
        junction_scope=draw(filters(MODELS["links"], ())) if through else EVERYTHING,
    )
