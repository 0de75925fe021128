"""`aggregate` and `group`: one number, and a number for each group."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from bridge_core.operations import Read
from bridge_core.query import ROWS, Aggregate, Column, Order, Path, Slice, Unit
from bridge_core.schema import Field, FieldType
from bridge_core.surfaces.jet.exchange import Reply, reply
from bridge_core.surfaces.jet.kinds import is_moment
from bridge_core.surfaces.jet.outward import bytes_of, form_of, moment_text
from bridge_core.surfaces.jet.problems import BadArgument, general
from bridge_core.surfaces.jet.question import Question, known_field, read_of
from bridge_core.surfaces.jet.visit import Visit
from bridge_core.values import decode_json

VALUE: Final = "y_func"
_PREFIX: Final = "date_"
_UNITS: Final[Mapping[str, Unit]] = MappingProxyType({f"{_PREFIX}{unit.value}": unit for unit in Unit})
_FUNCTIONS: Final[Mapping[str, Aggregate]] = MappingProxyType({each.value: each for each in Aggregate})
_EXTREMES: Final = frozenset({Aggregate.MIN, Aggregate.MAX})
_ZONED: Final = "+00:00"
_MOST_COLUMNS: Final = 20
_GROUPS: Final = 10_000
_MOST_GROUPS: Final = 100_000


async def aggregate(visit: Visit) -> Reply:
    """Return what a function makes of all records that match."""
    question = visit.question()
    computed, field = _computed(visit)
    read = replace(read_of(question), select=(computed,), order=())
    value = (await _records(visit, read, question))[0][VALUE]
    return reply({VALUE: _written(value, computed, field, question)})


async def group(visit: Visit) -> Reply:
    """Return what a function makes of each group of records, in the order of the groups."""
    question = visit.question()
    computed, _ = _computed(visit)
    groups = _groups(visit)
    order = tuple(Order(Path(name), computed=True) for name, _ in groups)
    columns = tuple(column for _, column in groups)
    size = visit.request.first("_per_page")
    most = min(max(int(size), 1), _MOST_GROUPS) if size.isascii() and size.isdigit() and len(size) < 10 else _GROUPS
    read = replace(read_of(question), select=(*columns, computed), order=order, window=Slice(0, most))
    records = await _records(visit, read, question)
    for name, column in groups:
        if is_moment(question.model.field(column.path.field)):
            for record in records:
                record[name] = _moment(record[name])
    return reply(records)


async def _records(visit: Visit, read: Read, question: Question) -> list[dict[str, Any]]:
    page = await visit.read(read)
    records: Any = decode_json(await bytes_of(page, question.timezone))
    return list(records)


def _computed(visit: Visit) -> tuple[Column, Field | None]:
    """Return the column of the computed value, and the field that it is made of; none: the records are counted."""
    request, model = visit.request, visit.model
    name = request.first("_y_func")
    if not name:
        raise BadArgument("_y_func")
    function = _FUNCTIONS.get(name.lower())
    if function is None:
        raise general(f"unknown function: {name[:50]} (count, sum, min, max, avg)")
    column = request.first("_y_column")
    if not column and function is Aggregate.COUNT:
        return Column(ROWS, VALUE, aggregate=function), None
    field = known_field(model, column or (model.key[0] if model.key else model.readable[0].name))
    return Column(Path(field.name), VALUE, aggregate=function), field


def _groups(visit: Visit) -> Sequence[tuple[str, Column]]:
    names = [name for name in visit.request.query.get("_x_column", ()) if name]
    lookups = visit.request.query.get("_x_lookup", ())
    if len(names) > _MOST_COLUMNS:
        raise general(f"at most {_MOST_COLUMNS} columns to group by")
    found = []
    for at, name in enumerate(names):
        field = known_field(visit.model, name)
        alias = "group" if at == 0 else f"group_{at + 1}"
        unit = _unit(field, lookups[at] if at < len(lookups) else "")
        found.append((alias, Column(Path(name), alias, unit=unit)))
    return found


def _unit(field: Field, lookup: str) -> Unit | None:
    if lookup == "auto":
        return Unit.DAY if is_moment(field) else None
    unit = _UNITS.get(lookup)
    if unit is None and lookup not in ("", "plain"):
        raise general(f"unknown lookup: {lookup[:50]}")
    if unit is not None and not is_moment(field):
        raise general(f"Can't apply date functions to non-date field: {field.name}")
    return unit


def _written(value: Any, computed: Column, field: Field | None, question: Question) -> object:
    """Write a computed value as the field's own values are; of no records, sums and averages are nothing at all: 0."""
    function = computed.aggregate
    if value is None:
        if function in _EXTREMES:
            return None
        return "0" if field is not None and field.type is FieldType.DECIMAL else 0
    if field is None or function is Aggregate.COUNT:
        return value
    form = form_of(field, question.zone)
    if form is None or (isinstance(value, Decimal) and field.type is not FieldType.DECIMAL):
        return value
    return form(value)


def _moment(value: object) -> object:
    text = moment_text(value)
    return text.removesuffix(_ZONED) + "Z" if isinstance(text, str) and text.endswith(_ZONED) else text
