"""A create -> parts whose records all name the same fields."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from bridge_core.operations import Create, Missing, Record


def runs(op: Create) -> Iterator[Create]:
    """Split a create so that within each part every record names the same fields; the order stays."""
    if op.missing is Missing.NULL and op.columns:
        yield op
        return

    def named(record: Record) -> tuple[str, ...]:
        return tuple(name for name in op.columns if name in record)

    for columns, run in groupby(op.records, named):
        yield replace(op, records=list(run), columns=columns)
