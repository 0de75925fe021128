"""Split an operation into its shape, for which a statement is compiled once, and the values that go with it.

The shape is everything but the values: two operations of one shape differ only in what is bound. A statement is
built by walking the operation in the same order in which its shape collected the values.
"""

from collections.abc import Hashable, Iterable

from bridge_core.operations import Create, Delete, Embed, Read, Update
from bridge_core.query import EVERYTHING, After, Condition, Filter, Not, Op, Order, Slice, conditions


def read_shape(op: Read, values: list[object], within: Slice | None = None) -> Hashable:
    """Return the shape of a read; append its values: conditions, keys, limit, offset, and those of its embeds.

    `within` is another window than that of the operation.
    """
    where = _filter(op.where, values)
    scope = _filter(op.scope, values)
    if op.keys is not None:
        values.append(op.keys)
    window = within or op.window
    if isinstance(window, After):
        window = Slice(int(window.cursor or 0), window.limit)
    if window.limit is not None:
        values.append(window.limit)
    if window.offset:
        values.append(window.offset)
    spans = (window.limit is not None, window.offset > 0)
    having = _filter(op.having, values) if op.having is not EVERYTHING else ()
    embeds = _embeds(op.embeds, values) if op.embeds else ()
    forms = (op.count, op.keys is not None, op.encoded, op.versions)
    return (op.model, op.select, where, scope, op.order, spans, having, forms, embeds)


def read_width(op: Read) -> int:
    """Return how many values `read_shape` collects."""
    values: list[object] = []
    read_shape(op, values)
    return len(values)


def filter_width(term: Filter) -> int:
    """Return how many values the shape of a filter collects."""
    return sum(each.op is not Op.IS for each in conditions(term))


def _embeds(embeds: Iterable[Embed], values: list[object]) -> Hashable:
    return tuple(
        [
            (
                (each.name, each.relation, each.inner, each.spread, each.shown, each.junction),
                read_shape(each.read, values),
                _filter(each.junction_scope, values),
            )
            for each in embeds
        ]
    )


def create_shape(op: Create, values: list[object]) -> Hashable:
    """Return the shape of a create; the records are one value of their own, bound first."""
    scope = _filter(op.scope, values) if op.upsert is not None else None
    check = _filter(op.check, values)
    options = op.options
    back = (options.returning, options.order, _embeds(options.embeds, values))
    return ("create", op.model, op.columns, op.missing, op.upsert, scope, check, back)


def update_shape(op: Update, values: list[object]) -> Hashable:
    """Return the shape of an update; the new values are one value of their own, bound first."""
    where = _filter(op.where, values)
    scope = _filter(op.scope, values)
    if op.keys is not None:
        values.append(op.keys)
    if op.options.etags is not None:
        values.append(op.options.etags)
    check = _filter(op.check, values)
    options, keyed = op.options, (op.keys is not None, op.options.etags is not None)
    names = tuple(op.values)
    back = (options.returning, options.order, _embeds(options.embeds, values))
    return ("update", op.model, names, op.defaults, where, scope, check, keyed, back)


def delete_shape(op: Delete, values: list[object]) -> Hashable:
    """Return the shape of a delete."""
    where = _filter(op.where, values)
    scope = _filter(op.scope, values)
    if op.keys is not None:
        values.append(op.keys)
    if op.options.etags is not None:
        values.append(op.options.etags)
    options, keyed = op.options, (op.keys is not None, op.options.etags is not None)
    back = (options.returning, options.order, _embeds(options.embeds, values))
    return ("delete", op.model, where, scope, keyed, back)


def fields_of(where: Filter, order: Iterable[Order] = ()) -> Iterable[str]:
    """Yield the fields that a filter and an order speak of."""
    yield from (condition.path.field for condition in conditions(where))
    yield from (term.path.field for term in order if term.path.embed is None)


def _filter(term: Filter, values: list[object]) -> Hashable:
    if isinstance(term, Condition):
        if term.op is Op.IS:
            return (term.path, Op.IS, term.value)
        values.append(term.value)
        return (term.path, term.op, term.quantifier, term.option)
    if isinstance(term, Not):
        return (Not, _filter(term.term, values))
    return (type(term), *[_filter(each, values) for each in term.terms])
