"""Whether new records and changed ones satisfy what policy demands of them: in the core, before anything is written."""

from collections.abc import Iterable

from bridge_core.errors import Forbidden, Refused
from bridge_core.evaluate import predicate
from bridge_core.operations import Create, Record, Update
from bridge_core.planning.pushdown import conjuncts
from bridge_core.query import EVERYTHING, Filter, both, conditions
from bridge_core.schema import Model


def check_created(op: Create) -> None:
    """Raise Forbidden unless every record, as it will be, satisfies the check."""
    if op.check == EVERYTHING:
        return
    named = {each.path.field for each in conditions(op.check)}
    for name in sorted(named - set(op.columns)):
        field = op.model.any_field(name)
        if field.default is not None or field.generated:
            raise _unknown_value(name)
    _must_hold(op.model, op.check, op.records)


def check_changed(op: Update | Create, records: Iterable[Record]) -> None:
    """Raise Forbidden unless records, merged already, satisfy the check."""
    if op.check != EVERYTHING:
        _must_hold(op.model, op.check, records)


def settled_by_columns(op: Create) -> bool:
    """Tell whether the new values alone decide the check, whatever stands in the record that they replace."""
    return {each.path.field for each in conditions(op.check)} <= set(op.columns)


def settled(op: Update) -> bool:
    """Tell whether every record that matches will satisfy the check, without reading one."""
    named = {each.path.field for each in conditions(op.check)}
    for name in sorted(named & set(op.defaults)):
        raise _unknown_value(name)
    if named <= set(op.values):
        return predicate(op.model, op.check)(op.values) is True
    if named.isdisjoint(op.values):
        return set(conjuncts(op.check)) <= set(conjuncts(both(op.scope, op.where)))
    return False


def _must_hold(model: Model, check: Filter, records: Iterable[Record]) -> None:
    holds = predicate(model, check)
    if not all(holds(record) is True for record in records):
        raise outside(model)


def outside(model: Model) -> Forbidden:
    """Say that a record would leave what the caller may touch, in the words of PostgreSQL."""
    return Forbidden(f'new row violates row-level security policy for table "{model.name}"')


def _unknown_value(name: str) -> Refused:
    return Refused(
        f"the value that the backend will give to {name!r} is not known, and a rule depends on it",
        hint=f"send a value for {name!r}",
    )
