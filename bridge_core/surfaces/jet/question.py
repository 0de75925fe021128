"""The parameters of a list -> filter, search, order, related records and window of a read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final, TypeAlias

from bridge_core.errors import BadValue
from bridge_core.operations import Embed, Read
from bridge_core.query import EVERYTHING, NOTHING, Column, Condition, Filter, Is, Op, Or, Order, Path, both
from bridge_core.schema import Cardinality, Field, FieldType, Model, Relation
from bridge_core.surfaces.jet.exchange import Request
from bridge_core.surfaces.jet.filters import contains, filter_of
from bridge_core.surfaces.jet.naming import key_of
from bridge_core.surfaces.jet.problems import general
from bridge_core.values import zone_of

Find: TypeAlias = Callable[[str], Model]
"""Name of a model, as clients write it -> the model."""

PER_PAGE: Final = 25
MOST_PER_PAGE: Final = 10_000
_WRITTEN: Final = frozenset({FieldType.TEXT, FieldType.JSON, FieldType.ENUM})
_MOST_STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks of a model. `timezone` is as the client wrote it, `zone` what it means."""

    model: Model
    where: Filter = EVERYTHING
    order: tuple[Order, ...] = ()
    embeds: tuple[Embed, ...] = ()
    timezone: str | None = None
    zone: tzinfo = zone_of(None)

    @property
    def unlimited(self) -> bool:
        """Whether every record is meant."""
        return self.where == EVERYTHING and not self.embeds

    def within(self, term: Filter) -> "Question":
        """Return the question about those records alone for which a filter holds too."""
        return replace(self, where=both(self.where, term))


def question_of(request: Request, model: Model, find: Find) -> Question:
    """Read the parameters of a request; raise where one of them cannot be meant so."""
    timezone, zone = zone_from(request)
    where = both(filter_of(model, request.query, zone), _search(model, request.first("_search")))
    if not model.key:
        where = both(where, Condition(Path(key_of(model)[0]), Op.IS, Is.NOT_NULL))
    embeds, wanted = _related(request, model, find)
    order = order_of(model, request.first("_order_by"))
    return Question(model, both(where, wanted), order, embeds, timezone, zone)


def zone_from(request: Request) -> tuple[str | None, tzinfo]:
    """Return the time zone of a request: as it was written, and what it means."""
    text = request.first("tz")
    if not text:
        return None, zone_of(None)
    try:
        return text, zone_of(text)
    except BadValue:
        raise general("unknown time zone") from None


def window_of(request: Request) -> tuple[int, int]:
    """Return the page that is asked for, from 1, and how many records a page has."""
    per_page = _whole(request.first("_per_page"))
    size = PER_PAGE if per_page is None else min(max(per_page, 1), MOST_PER_PAGE)
    return max(_whole(request.first("page")) or 1, 1), size


def order_of(model: Model, text: str) -> tuple[Order, ...]:
    """Return the order that `a,-b` means; the key, descending, ends every order."""
    terms = [Order(Path(part.lstrip("-")), part.startswith("-")) for part in text.split(",") if part]
    for term in terms:
        known_field(model, term.path.field)
    named = {term.path.field for term in terms}
    return (*terms, *(Order(Path(name), descending=True) for name in key_of(model) if name not in named))


def known_field(model: Model, name: str) -> Field:
    """Return a readable field, or say that there is none of that name."""
    found = model.by_name.get(name)
    if found is None or not found.readable:
        raise general(f'Table "{model.name}" does not have column "{name}"')
    return found


def read_of(question: Question) -> Read:
    """Return the read of every record that a question means."""
    shown = tuple(Column(Path(field.name)) for field in question.model.readable) if question.embeds else ()
    return Read(
        question.model,
        select=shown,
        where=question.where,
        order=question.order,
        embeds=question.embeds,
        encoded=True,
        timezone=question.timezone,
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 10 else None


def _search(model: Model, text: str) -> Filter:
    if not text:
        return EVERYTHING
    found = [term for field in model.readable if (term := _found_in(field, text)) is not None]
    return Or(tuple(found))


def _found_in(field: Field, text: str) -> Filter | None:
    if field.type in _WRITTEN:
        return contains(field, f"%{text.replace(chr(92), chr(92) * 2)}%")
    if field.type is FieldType.INTEGER and _whole(text) is not None and str(int(text)) == text:
        return Condition(Path(field.name), Op.EQ, text)
    if field.type is FieldType.DECIMAL and text.replace(".", "", 1).lstrip("-").isdigit() and text.isascii():
        return Condition(Path(field.name), Op.EQ, text)
    return None


def _related(request: Request, model: Model, find: Find) -> tuple[tuple[Embed, ...], Filter]:
    embeds: list[Embed] = []
    where = EVERYTHING
    for at, text in enumerate(text for text in request.query.get("_relation", ()) if text):
        embed, term = _along(model, text.split("|"), find, f"relation {at}")
        embeds += [] if embed is None else [embed]
        where = both(where, term)
    for at, text in enumerate(text for text in request.query.get("_m2m", ()) if text):
        embed = _many_to_many(model, text, find, f"m2m {at}")
        embeds += [] if embed is None else [embed]
        where = both(where, NOTHING if embed is None else EVERYTHING)
    return tuple(embeds), where


def _along(model: Model, items: Sequence[str], find: Find, name: str) -> tuple[Embed | None, Filter]:
    """Read `col.table.refcol|...|last.v1,v2`: the way from model to model, and the values at its end."""
    if len(items) > _MOST_STEPS:
        raise general(f"_relation takes at most {_MOST_STEPS} steps")
    head, *rest = items
    if not rest:
        column, dot, values = head.partition(".")
        known_field(model, column)
        return None, Condition(Path(column), Op.IN, tuple(values.split(","))) if dot else NOTHING
    column, _, middle = head.partition(".")
    table, _, far_column = middle.rpartition(".")
    known_field(model, column)
    far = find(table)
    known_field(far, far_column)
    embed, where = _along(far, rest, find, name)
    relation = Relation(name, (column,), far.name, (far_column,), Cardinality.ONE_TO_MANY, target_resource=far.resource)
    inner = Read(far, where=where, embeds=() if embed is None else (embed,))
    return Embed(name, relation, inner, inner=True, shown=False), EVERYTHING


def _many_to_many(model: Model, text: str, find: Find, name: str) -> Embed | None:
    """Read `table,value`: the records that are linked to the one with this key; None where nothing is linked so."""
    table, comma, value = text.partition(",")
    for relation in model.relations:
        junction = relation.junction
        if junction is None or table not in (relation.target, junction.model) or not comma:
            continue
        far = find(f"{relation.target_resource or model.resource}.{relation.target}")
        between = find(f"{junction.resource or model.resource}.{junction.model}")
        where = Condition(Path(relation.target_fields[0]), Op.EQ, value)
        return Embed(name, relation, Read(far, where=where), inner=True, shown=False, junction=between)
    return None
