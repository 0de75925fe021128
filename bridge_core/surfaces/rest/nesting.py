"""Lay out what a query nests: the relation of every embed, and what the keys of the query say of each level."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bridge_core.condition import condition_of
from bridge_core.errors import Malformed, Rejected, UnknownName
from bridge_core.grammar import Key, Word, logic_of, not_embedded, order_of
from bridge_core.logic import tree_of
from bridge_core.operations import Embed, Read
from bridge_core.query import (
    EVERYTHING,
    ROWS,
    Aggregate,
    And,
    Column,
    Condition,
    Filter,
    Is,
    Not,
    Op,
    Or,
    Order,
    Path,
    Slice,
    both,
    conditions,
)
from bridge_core.schema import Cardinality, Model, Relation
from bridge_core.surfaces.rest.querystring import Query, is_having
from bridge_core.surfaces.rest.relations import relation_of
from bridge_core.surfaces.rest.select import Aggregated, Item, Nested, Star
from bridge_core.surfaces.rest.window import number_of

MAX_EMBEDS: Final = 100  # of one query
_MANY: Final = frozenset({Cardinality.ONE_TO_MANY, Cardinality.MANY_TO_MANY})
_COUNT: Final = "count"
_STORED: Final = frozenset({"table", "partitioned table", "foreign table"})

Find: TypeAlias = Callable[[str, str], Model]
"""Resource and name -> the model as the caller may know it, or an UnknownName."""
_Said: TypeAlias = tuple[tuple[str, ...], Key, str]
"""The embeds that a key goes through from here, what it speaks of, and its value."""


@dataclass(frozen=True, slots=True)
class Laid:
    """What a query asks of one model, every name resolved."""

    columns: tuple[Column, ...]
    embeds: tuple[Embed, ...]
    where: Filter
    order: tuple[Order, ...]
    having: Filter = EVERYTHING

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of each record of the answer."""
        names = [column.name for column in self.columns]
        for embed in self.embeds:
            if embed.spread and embed.shown:
                names += Laid(embed.read.select, embed.read.embeds, EVERYTHING, ()).names
            elif embed.shown:
                names.append(embed.name)
        return tuple(names)


def laid_out(query: Query, model: Model, find: Find, *, aggregates: bool) -> Laid:
    """Resolve what a query says of a model; raise for what is not there, not embedded, ambiguous, or too much."""
    said = [(key.embeds, key, value) for key, value in query.nested]
    items = query.selection.items
    own = _Own(query.where, query.order, having=query.having)
    return _Layout(find, aggregates=aggregates).level(model, items, said, own)


@dataclass(frozen=True, slots=True)
class _Own:
    """What the keys of a query say of one level."""

    where: Filter
    order: tuple[Order, ...]
    window: Slice = Slice()
    having: Filter = EVERYTHING


class _Layout:
    def __init__(self, find: Find, *, aggregates: bool) -> None:
        self._find = find
        self._aggregates = aggregates
        self._embeds = 0

    def level(self, model: Model, items: Sequence[Item], said: Sequence[_Said], own: _Own) -> Laid:
        """Lay out one model and everything below it."""
        nested = [item for item in items if isinstance(item, Nested)]
        columns = tuple(column for item in items for column in self._columns(model, item))
        known = {name for item in nested for name in _names(item)}
        for way, _, _ in said:
            if way[0] not in known:
                raise not_embedded(way[0])
        embeds = tuple(self._embed(model, item, said) for item in nested)
        if not items or (not columns and not embeds):
            columns = ()
        nullable = [embed for embed in embeds if embed.name not in model.by_name]
        computed = {column.name for column in columns if column.aggregate is not None} - model.by_name.keys()
        ordered = tuple(_directed(term, embeds, computed) for term in own.order)
        _must_group(own.having, columns)
        return Laid(columns, embeds, _reached(own.where, nullable), ordered, own.having)

    def _far(self, model: Model, relation: Relation) -> Model:
        return self._find(relation.target_resource or model.resource, relation.target)

    def _columns(self, model: Model, item: Item) -> Sequence[Column]:
        match item:
            case Star():
                return [Column(Path(field.name)) for field in model.readable]
            case Column(Path(name, ())) if name == _COUNT and name not in model.by_name:
                return [self._aggregate(Aggregated(_COUNT, None, item.alias, item.cast))]
            case Column():
                return [item]
            case Aggregated():
                return [self._aggregate(item)]
            case Nested():
                return []

    def _aggregate(self, item: Aggregated) -> Column:
        if not self._aggregates:
            raise Rejected("Use of aggregate functions is not allowed", code="PGRST123")
        path = item.column.path if item.column is not None else ROWS
        cast = item.column.cast if item.column is not None else None
        return Column(path, item.alias, cast, Aggregate(item.function), item.cast)

    def _embed(self, model: Model, item: Nested, said: Sequence[_Said]) -> Embed:
        self._embeds += 1
        if self._embeds > MAX_EMBEDS:
            raise Malformed(f"a select has more than {MAX_EMBEDS} embedded resources")
        relation = relation_of(model, item.target, item.hints, lambda each: self._is_stored(model, each))
        far = self._far(model, relation)
        between = relation.junction
        mine = [(way[1:], key, value) for way, key, value in said if way[0] in _names(item)]
        own = _own([(key, value) for way, key, value in mine if not way])
        laid = self.level(far, item.items, [each for each in mine if each[0]], own)
        return Embed(
            item.alias or item.target,
            relation,
            Read(
                far,
                laid.columns,
                laid.where,
                order=laid.order,
                window=own.window,
                embeds=laid.embeds,
                having=laid.having,
            ),
            inner=item.inner,
            spread=item.spread,
            shown=bool(item.items),
            junction=self._find(between.resource or model.resource, between.model) if between is not None else None,
        )

    def _is_stored(self, model: Model, relation: Relation) -> bool:
        return bool(relation.target_resource) or self._far(model, relation).kind in _STORED


def _names(item: Nested) -> tuple[str, ...]:
    return (item.alias, item.target) if item.alias is not None else (item.target,)


def _must_group(having: Filter, columns: Sequence[Column]) -> None:
    """Raise unless a filter of groups speaks of columns of the answer, and there are groups."""
    if having == EVERYTHING:
        return
    known = {column.name for column in columns}
    if not any(column.aggregate for column in columns):
        raise Malformed("having filters groups, and the select has no aggregate", hint="select=status,n:count()")
    for term in conditions(having):
        if term.path.field not in known or term.path.steps or term.path.embed is not None:
            raise UnknownName(
                f"having speaks of {term.path.field!r}, which is no column of the answer",
                code="42703",
                hint=f"columns: {', '.join(sorted(known))}",
            )


def _own(said: Sequence[tuple[Key, str]]) -> _Own:
    terms: list[Filter] = []
    having: Filter = EVERYTHING
    order: tuple[Order, ...] = ()
    limit, offset = None, 0
    for key, value in said:
        match key.word:
            case Word.FILTER if is_having(key, value):
                having = both(having, tree_of(value, disjunction=False))
            case Word.FILTER:
                terms.append(condition_of(key.path, value))
            case Word.AND | Word.OR:
                terms.append(logic_of(key, value))
            case Word.ORDER:
                order = order_of(value)
            case Word.LIMIT:
                limit = number_of("limit", value)
            case Word.OFFSET:
                offset = max(number_of("offset", value), 0)
            case _:
                raise Malformed(f"{key.word.value!r} cannot be said of an embedded resource")
    return _Own(And(tuple(terms)) if terms else EVERYTHING, order, Slice(offset, limit), having)


def _reached(term: Filter, embeds: Sequence[Embed]) -> Filter:
    """Let conditions that name an embed ask whether there are related records."""
    match term:
        case Condition():
            embed = _named(embeds, term.path.field)
            return term if embed is None else _there(term, embed)
        case And(terms):
            return And(tuple(_reached(each, embeds) for each in terms)) if embeds else term
        case Or(terms):
            return Or(tuple(_reached(each, embeds) for each in terms)) if embeds else term
        case Not(inner):
            return Not(_reached(inner, embeds)) if embeds else term


def _there(term: Condition, embed: Embed) -> Condition:
    if term.op is not Op.IS or term.value not in (Is.NULL, Is.NOT_NULL) or term.path.steps:
        raise Rejected(
            f"Only is null or not is null filters are allowed on embedded resources, not on '{embed.name}'",
            code="PGRST120",
            hint=f"write {embed.name}=is.null or {embed.name}=not.is.null",
        )
    return replace(term, path=Path("", embed=embed.name))


def _directed(term: Order, embeds: Sequence[Embed], computed: AbstractSet[str]) -> Order:
    if term.path.embed is None:
        return replace(term, computed=True) if term.path.field in computed and not term.path.steps else term
    embed = _named(embeds, term.path.embed)
    if embed is None:
        raise not_embedded(term.path.embed)
    if embed.relation.cardinality in _MANY:
        raise Rejected(
            f"A related order on '{embed.name}' is not possible",
            code="PGRST118",
            details=f"'{embed.relation.target}' is at the many end of the relationship.",
        )
    renamed = (each.path for each in embed.read.select if each.alias == term.path.field and each.aggregate is None)
    path = term.path if term.path.steps else next(renamed, term.path)
    return replace(term, path=replace(path, embed=embed.name))


def _named(embeds: Sequence[Embed], name: str) -> Embed | None:
    return next((each for each in embeds if name == each.name), None)
