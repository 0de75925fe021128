"""What PostgreSQL answered -> Page or Written."""

from collections.abc import Sequence
from typing import Any

from bridge_core.errors import Forbidden, PreconditionFailed
from bridge_core.operations import ANY_NUMBER, Create, Delete, Page, Read, Record, Resolution, Update, Written
from bridge_core.query import EVERYTHING, Column, Path
from bridge_core.schema import Model
from bridge_core.values import decode_json, from_json


def page_of_row(op: Read, row: Any, total: int | None) -> Page:
    """Return the page that a row `body, rows[, total][, etag]` stands for."""
    etags = (row["etag"],) if op.versions and row[1] == 1 else None
    if op.encoded:
        return Page(encoded=row[0], rows=row[1], total=total, etags=etags)
    return Page(records=records(op.model, op.select, row[0]), rows=row[1], total=total, etags=etags)


def written(op: Create | Update | Delete, row: Any) -> Written:
    """Return what a row `rows[, inserted][, refused][, body]` says, or raise if policy refuses a new image."""
    if row.get("refused"):
        raise Forbidden(f'new row violates row-level security policy for table "{op.model.name}"')
    affected = row["rows"]
    if op.options.etags is not None and not affected:
        raise PreconditionFailed("there is no record in the version that was named")
    inserted = row.get("inserted", affected) if isinstance(op, Create) else 0
    body = row.get("body")
    if body is None:
        return Written(affected, inserted)
    returning = op.options.returning or ()
    if op.options.encoded:
        return Written(affected, inserted, Page(encoded=body, rows=affected))
    return Written(affected, inserted, Page(records=records(op.model, returning, body), rows=affected))


def joined(op: Create | Update | Delete, parts: Sequence[Written]) -> Written:
    """Return what several statements did together."""
    affected, inserted = sum(part.affected for part in parts), sum(part.inserted for part in parts)
    if op.options.returning is None:
        return Written(affected, inserted)
    pages = [part.page for part in parts if part.page is not None]
    if op.options.encoded:
        bodies = [page.encoded[1:-1] for page in pages if page.encoded and page.rows]
        return Written(affected, inserted, Page(encoded=b"[%b]" % b",".join(bodies), rows=affected))
    together = [record for page in pages for record in page.records]
    return Written(affected, inserted, Page(records=together, rows=affected))


def guarded(op: Create | Update | Delete) -> bool:
    """Tell whether a write must be looked at before it is committed."""
    options = op.options
    if options.affected != ANY_NUMBER or options.dry_run or options.timezone is not None or options.witness is not None:
        return True
    return not isinstance(op, Delete) and (op.check != EVERYTHING or _may_overwrite(op))


def checked(op: Create | Update | Delete, answer: Written) -> Written:
    """Raise if a write touched more or fewer records than it may; the transaction around it then ends in nothing."""
    op.options.affected.hold(answer.affected)
    if _may_overwrite(op) and isinstance(op, Create) and answer.affected < len(op.records):
        raise Forbidden(f'a record of table "{op.model.name}" with the same key is outside of your rows')
    return answer


def guessed(plan: bytes) -> int:
    """Return how many records a plan of EXPLAIN (FORMAT JSON) expects."""
    decoded: Any = decode_json(plan)
    return int(decoded[0]["Plan"]["Plan Rows"])


def records(model: Model, select: Sequence[Column], body: bytes) -> list[Record]:
    """Decode a JSON array into records of Python values."""
    columns = select or [Column(Path(field.name)) for field in model.readable]
    fields = {column.name: model.field(column.path.field) for column in columns if _plain(column)}
    decoded: Any = decode_json(body)
    return [
        {name: from_json(fields[name], value) if name in fields else value for name, value in record.items()}
        for record in decoded
    ]


def _plain(column: Column) -> bool:
    return column.cast is None and not column.path.steps


def _may_overwrite(op: Create | Update | Delete) -> bool:
    return (
        isinstance(op, Create)
        and op.upsert is not None
        and op.upsert.resolution is Resolution.MERGE
        and op.scope != EVERYTHING
    )
