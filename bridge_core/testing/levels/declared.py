"""What a check needs a model to declare: each function names what is missing, or nothing."""

from bridge_core.adapter import Transactions
from bridge_core.query import Op
from bridge_core.schema import Boolean, Field, Model, Paging, Precondition, WriteBy
from bridge_core.testing.bench import Bench


def a_key(bench: Bench, model: Model) -> str:
    """Need a key."""
    return "" if model.key else "a key"


def pages(bench: Bench, model: Model) -> str:
    """Need paging."""
    return "paging" if model.capabilities.paging is Paging.WHOLE else ""


def offsets(bench: Bench, model: Model) -> str:
    """Need pages by position."""
    return "" if model.capabilities.paging is Paging.OFFSET else "offsets (paging)"


def cursors(bench: Bench, model: Model) -> str:
    """Need cursors."""
    return "" if model.capabilities.paging is Paging.CURSOR else "cursors (paging)"


def look_ups(bench: Bench, model: Model) -> str:
    """Need look-ups by key."""
    return "" if model.capabilities.key_batch and model.key else "look-ups by key (key_batch)"


def filters(bench: Bench, model: Model) -> str:
    """Need an operator on some field."""
    found = model.capabilities.boolean is not Boolean.NONE and any(each.operators for each in model.fields)
    return "" if found else "filters (boolean, operators)"


def disjunctions(bench: Bench, model: Model) -> str:
    """Need `or`."""
    can = model.capabilities
    found = can.boolean is Boolean.FULL or (can.boolean is Boolean.DNF and can.max_disjunctions > 1)
    return filters(bench, model) or ("" if found else "or (boolean)")


def negations(bench: Bench, model: Model) -> str:
    """Need `not`."""
    return filters(bench, model) or ("" if model.capabilities.boolean is Boolean.FULL else "not (boolean)")


def rules(bench: Bench, model: Model) -> str:
    """Need rules."""
    return "" if model.capabilities.rules else "rules"


def paths(bench: Bench, model: Model) -> str:
    """Need a way into JSON values."""
    return filters(bench, model) or (
        "" if any(each.paths and Op.EQ in each.operators for each in model.readable) else "paths into JSON (paths)"
    )


def orders(bench: Bench, model: Model) -> str:
    """Need a sortable field."""
    found = model.capabilities.sort_terms != 0 and sortable(model)
    return "" if found else "orders (sort_terms, sortable)"


def orders_of_two(bench: Bench, model: Model) -> str:
    """Need an order by two fields."""
    most = model.capabilities.sort_terms
    found = len(sortable(model)) > 1 and (most is None or most > 1)
    return orders(bench, model) or ("" if found else "orders by two fields (sort_terms)")


def counts(bench: Bench, model: Model) -> str:
    """Need exact counts."""
    return "" if model.capabilities.counts else "exact counts (counts)"


def selects(bench: Bench, model: Model) -> str:
    """Need a choice of columns."""
    return "" if model.capabilities.selects else "a choice of columns (selects)"


def encodes(bench: Bench, model: Model) -> str:
    """Need answers that are JSON already."""
    return "" if model.capabilities.encodes else "JSON answers (encodes)"


def creates(bench: Bench, model: Model) -> str:
    """Need creates."""
    found = model.capabilities.create_batch and any(each.creatable for each in model.fields)
    return "" if found else "creates (create_batch)"


def updates(bench: Bench, model: Model) -> str:
    """Need updates of records that can be told apart."""
    found = model.capabilities.update_batch and updatable(model)
    return found_again(bench, model) or ("" if found else "updates (update_batch)")


def deletes(bench: Bench, model: Model) -> str:
    """Need deletes of records that can be told apart."""
    return found_again(bench, model) or ("" if model.capabilities.delete_batch else "deletes (delete_batch)")


def found_again(bench: Bench, model: Model) -> str:
    """Need a way to write to single records: by key, or by a filter on it."""
    can = model.capabilities
    if not model.key or can.write_by is WriteBy.KEY:
        return a_key(bench, model)
    found = can.boolean is not Boolean.NONE and all(Op.EQ in model.field(name).operators for name in model.key)
    return "" if found else "a filter on the key (operators: eq)"


def writes_by_filter(bench: Bench, model: Model) -> str:
    """Need writes that find their records by a filter."""
    return "" if model.capabilities.write_by is WriteBy.FILTER else "writes by filter (write_by)"


def upserts(bench: Bench, model: Model) -> str:
    """Need upserts."""
    return creates(bench, model) or ("" if model.capabilities.upserts and model.key else "upserts")


def returns(bench: Bench, model: Model) -> str:
    """Need writes that give back the records."""
    return "" if model.capabilities.returns else "records given back (returns)"


def atomic(bench: Bench, model: Model) -> str:
    """Need writes that are applied whole or not at all."""
    return "" if model.capabilities.atomic else "atomic writes (atomic)"


def not_atomic(bench: Bench, model: Model) -> str:
    """Need batches of which a part can be applied."""
    can = model.capabilities
    return "batches that are applied in part" if can.atomic or can.create_batch < 2 else ""


def etags(bench: Bench, model: Model) -> str:
    """Need preconditions."""
    return "" if model.capabilities.precondition is Precondition.ETAG else "preconditions (precondition)"


def replays(bench: Bench, model: Model) -> str:
    """Need creates that are applied once per idempotency key."""
    return "" if model.capabilities.idempotent_create else "creates applied once per key (idempotent_create)"


def transactions(bench: Bench, model: Model) -> str:
    """Need an adapter that can tell what became of a write."""
    return "" if isinstance(bench.adapter, Transactions) else "outcomes of writes (Transactions)"


def faults(bench: Bench, model: Model) -> str:
    """Need a way to make the backend fail."""
    return "" if bench.subject.failing else "a way to make the backend fail (Subject.failing)"


def known_records(bench: Bench, model: Model) -> str:
    """Need to know what stands in the model."""
    return "" if model.name in bench.subject.records else "the records that stand there (Subject.records)"


def sortable(model: Model) -> list[Field]:
    """Return the fields that the backend sorts by and that can be looked at."""
    return [each for each in model.readable if each.sortable]


def updatable(model: Model) -> list[Field]:
    """Return the fields that an update can set, without those that tell records apart or refer to others."""
    return [each for each in model.readable if each.updatable and not each.generated and each.name not in bound(model)]


def bound(model: Model) -> frozenset[str]:
    """Return the fields whose values are not free: keys, unique ones, and references."""
    sets = (model.key, *model.uniques, *(each.fields for each in model.relations))
    return frozenset(name for names in sets for name in names)
