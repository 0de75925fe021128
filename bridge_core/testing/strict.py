"""Assert that an adapter is asked only for what its model declares; written apart from the planner, to judge it."""

from collections.abc import Sequence

from bridge_core.operations import ANY_NUMBER, Create, Delete, Read, Update
from bridge_core.query import EVERYTHING, After, And, Condition, Counting, Filter, Not, Op, Or, Order, Slice, conditions
from bridge_core.schema import Boolean, Capabilities, Model, Paging, Precondition, WriteBy


def must_be_declared(model: Model, op: Read) -> None:
    """Assert that a read is within what the model declares."""
    able = model.capabilities
    _must_filter(model, op.where, op.scope)
    _must_sort(model, op.order)
    if op.keys is not None:
        assert 0 < len(op.keys) <= able.key_batch, f"{len(op.keys)} keys at once"
        assert op.window == Slice(), "a window together with keys"
    else:
        _must_page(able, op.window)
    assert able.counts or op.count is Counting.NONE, "a count"
    assert able.selects or not op.select, "a choice of fields"
    assert able.encodes or not op.encoded, "JSON"
    assert op.max_scan is None, "a bound for the core"
    assert able.embeds or not op.embeds, "related records"
    assert able.aggregates or not any(column.aggregate for column in op.select), "an aggregate"


def must_be_declared_write(model: Model, op: Create | Update | Delete) -> None:
    """Assert that a write is within what the model declares."""
    able, options = model.capabilities, op.options
    if isinstance(op, Create):
        assert 0 < len(op.records) <= able.create_batch, f"{len(op.records)} records at once"
        assert able.upserts or op.upsert is None, "an upsert"
    else:
        _must_find(model, op)
    assert isinstance(op, Delete) or op.check == EVERYTHING, "a check"
    assert able.returns or options.returning is None, "written records"
    assert able.selects or not options.returning, "a choice of fields"
    assert not options.encoded or (able.encodes and able.returns), "JSON"
    assert not options.order or able.sort_terms is None, "an order"
    assert able.atomic or (options.affected == ANY_NUMBER and not options.dry_run), "a write to be undone"
    assert able.embeds or not options.embeds, "related records"
    assert options.etags is None or able.precondition is Precondition.ETAG, "a version"


def _must_find(model: Model, op: Update | Delete) -> None:
    able = model.capabilities
    batch = able.update_batch if isinstance(op, Update) else able.delete_batch
    assert batch > 0, "a kind of write that there is not"
    if able.write_by is WriteBy.KEY:
        assert op.keys is not None, "a write by filter"
        assert 0 < len(op.keys) <= batch, f"{len(op.keys)} keys at once"
        assert op.where == op.scope == EVERYTHING, "a filter beside keys"
    else:
        assert op.keys is None, "keys where there is a filter"
        _must_filter(model, op.where, op.scope)


def _must_page(able: Capabilities, window: Slice | After) -> None:
    match able.paging:
        case Paging.WHOLE:
            assert window == Slice(), "a window of a backend that gives all at once"
        case Paging.OFFSET:
            assert isinstance(window, Slice), "a cursor of a backend that pages by offset"
            assert able.max_offset is None or window.offset <= able.max_offset, "too far an offset"
        case Paging.CURSOR:
            assert isinstance(window, After), "an offset of a backend that pages by cursor"
    if able.paging is not Paging.WHOLE and able.max_page is not None:
        assert window.limit is not None, "too large a page"
        assert window.limit <= able.max_page, "too large a page"


def _must_filter(model: Model, where: Filter, scope: Filter) -> None:
    able = model.capabilities
    for each in (*conditions(where), *conditions(scope)):
        _must_answer(model, each)
    match able.boolean:
        case Boolean.NONE:
            assert where == scope == EVERYTHING, "a filter"
        case Boolean.CONJUNCTION:
            assert _is_conjunction(where), "an `or`"
            assert _is_conjunction(scope), "an `or`"
        case Boolean.DNF:
            assert _is_conjunction(where) or scope == EVERYTHING, "an `and` of disjunctions"
            terms = where.terms if isinstance(where, Or) else (where,)
            assert all(map(_is_conjunction, (*terms, scope))), "more than an `or` of conjunctions"
            assert sum(map(_alternatives, terms)) <= able.max_disjunctions, "too many alternatives"
        case Boolean.FULL:
            pass


def _must_answer(model: Model, condition: Condition) -> None:
    field = next(each for each in model.fields if each.name == condition.path.field)
    assert condition.op in field.operators, f"operator {condition.op.value} on {field.name}"
    assert field.paths or not condition.path.steps, f"a path into {field.name}"
    assert field.texts or not condition.path.text, f"the text of {field.name}"
    most = model.capabilities.max_in
    if condition.op is Op.IN and most is not None:
        assert isinstance(condition.value, tuple)
        assert len(condition.value) <= most, "too many values in one `in`"


def _must_sort(model: Model, order: Sequence[Order]) -> None:
    most = model.capabilities.sort_terms
    assert most is None or len(order) <= most, "too long an order"
    for term in order:
        field = next(each for each in model.fields if each.name == term.path.field)
        assert field.sortable, f"an order by {field.name}"
        assert field.paths or not term.path.steps, f"a path into {field.name}"


def _is_conjunction(term: Filter) -> bool:
    match term:
        case Condition():
            return True
        case And(terms):
            return all(map(_is_conjunction, terms))
        case Or() | Not():
            return False


def _alternatives(term: Filter) -> int:
    count = 1
    for each in conditions(term):
        if each.op is Op.IN and isinstance(each.value, tuple):
            count *= max(len(each.value), 1)
    return count
