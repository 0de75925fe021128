"""Whether new records and changed ones satisfy what policy demands of them: in the core, before anything is written."""

from collections.abc import Iterable

from bridge_core.errors import Forbidden, Refused
from bridge_core.evaluate import predicate
from bridge_core.operations import Create, Missing, Record, Update
from bridge_core.planning.pushdown import conjuncts
from bridge_core.query import EVERYTHING, Filter, both, conditions
from bridge_core.schema import Model


def check_created(op: Create) -> None:
    """Raise Forbidden unless every record, as it will be, satisfies the check."""
    if op.check == EVERYTHING:
        return
    named = _named(op.check)
    _must_be_known(op.model, named - set(op.columns))
    if op.missing is Missing.DEFAULT:
        _must_be_known(op.model, {name for name in named for record in op.records if name not in record})
    _must_hold(op.model, op.check, op.records)


def check_changed(op: Update, found: Iterable[Record]) -> None:
    """Raise Forbidden unless the records that were found, as they will be, satisfy the check."""
    if op.check == EVERYTHING:
        return
    _must_be_known(op.model, _named(op.check) & set(op.defaults))
    unset = dict.fromkeys(op.defaults)
    _must_hold(op.model, op.check, ({**record, **op.values, **unset} for record in found))


def settled_by_columns(op: Create) -> bool:
    """Tell whether the new values alone decide the check, whatever stands in the record that they replace."""
    return _named(op.check) <= set(op.columns)


def settled(op: Update) -> bool:
    """Tell whether every record that matches will satisfy the check, without reading one."""
    named = _named(op.check)
    _must_be_known(op.model, named & set(op.defaults))
    if named <= {*op.values, *op.defaults}:
        return predicate(op.model, op.check)({**op.values, **dict.fromkeys(op.defaults)}) is True
    if named.isdisjoint({*op.values, *op.defaults}):
        held = conjuncts(both(op.scope, op.where))
        return all(each in held for each in conjuncts(op.check))  # a JSON value has no hash
    return False


def _must_hold(model: Model, check: Filter, records: Iterable[Record]) -> None:
    holds = predicate(model, check)
    if not all(holds(record) is True for record in records):
        raise outside(model)


def outside(model: Model) -> Forbidden:
    """Say that a record would leave what the caller may touch, in the words of PostgreSQL."""
    return Forbidden(f'new row violates row-level security policy for table "{model.name}"')


def _named(term: Filter) -> set[str]:
    return {each.path.field for each in conditions(term)}


def _must_be_known(model: Model, unset: Iterable[str]) -> None:
    """Refuse where a rule depends on a value that the backend will choose; without a default it is none."""
    for name in sorted(unset):
        field = model.any_field(name)
        if field.default is None and not field.generated:
            continue
        if any(each.name == name for each in model.backstage):
            raise Refused("a rule depends on a value that is hidden from you, and that the backend will choose")
        raise Refused(
            f"the value that the backend will give to {name!r} is not known, and a rule depends on it",
            hint=f"send a value for {name!r}",
        )
