"""POST, PATCH, PUT and DELETE: request -> Create, Update or Delete, and Written -> response."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote

from bridge_core.errors import BridgeError, Malformed, NotAllowed, Rejected, UpstreamFailed
from bridge_core.operations import (
    ANY_NUMBER,
    Affected,
    Create,
    Delete,
    Missing,
    Page,
    Record,
    Resolution,
    Update,
    Upsert,
    Write,
    WriteOptions,
    Written,
)
from bridge_core.query import Column, Condition, Op, Path
from bridge_core.schema import Model
from bridge_core.surfaces.rest.bodies import fields_of
from bridge_core.surfaces.rest.prefer import Preferences, Returning, Transaction
from bridge_core.surfaces.rest.querystring import Query
from bridge_core.surfaces.rest.reading import Wanted, body_of, must_be_one
from bridge_core.surfaces.rest.response import Response
from bridge_core.surfaces.rest.shapes import first_record
from bridge_core.surfaces.rest.window import NOTHING_KNOWN, content_range
from bridge_core.values import text_of

REPLAYED: Final = (b"idempotent-replayed", b"true")
_NO_RECORDS: Final = Page(encoded=b"[]")
_COMMON: Final = frozenset({"return", "count", "tx", "handling", "timezone", "wait"})
_BOUNDED: Final = frozenset({"max-affected", "max-scan"})
HONOURED: Final = {
    "POST": _COMMON | {"resolution", "missing"},
    "PATCH": _COMMON | _BOUNDED | {"missing"},
    "PUT": _COMMON,
    "DELETE": _COMMON | _BOUNDED,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What all kinds of writes take from a request."""

    query: Query
    wanted: Wanted
    preferences: Preferences
    rollback: bool = False
    key: str | None = None
    etags: tuple[str, ...] | None = None

    @property
    def returning(self) -> Returning | None:
        """What the caller wants back."""
        return self.preferences.returning

    def options(self, *, located: bool = False, shown: bool = False) -> WriteOptions:
        """Return the options of the operation; with `located`, the key of the new record is wanted back.

        With `shown`, the record is wanted back whether the caller says so or not.
        """
        preferences = self.preferences
        columns: tuple[Column, ...] | None = None
        if shown or self.returning is Returning.RECORDS:
            columns = self.wanted.laid.columns
        elif located:
            columns = tuple(Column(Path(name)) for name in self.wanted.model.key)
        return WriteOptions(
            returning=columns,
            order=self.wanted.laid.order,
            affected=self._affected(),
            encoded=columns is not None,
            dry_run=self.rollback and preferences.tx is Transaction.ROLLBACK,
            timezone=preferences.timezone,
            key=self.key,
            etags=self.etags,
            max_scan=preferences.max_scan,
            embeds=self.wanted.laid.embeds if self.returning is Returning.RECORDS else (),
        )

    def _affected(self) -> Affected:
        most = self.preferences.max_affected if self.preferences.strict else None
        if self.wanted.media.singular:
            return Affected(1, 1, singular=True)
        return ANY_NUMBER if most is None else Affected(most=most)


def create_of(ask: Ask, records: list[Record]) -> Create:
    """Make the operation of a POST."""
    query, model = ask.query, ask.wanted.model
    columns = query.columns if query.columns is not None else fields_of(records)
    target = conflict_target(ask)
    resolution = ask.preferences.resolution
    one = len(records) == 1 and bool(model.key) and _readable(model, model.key)
    return Create(
        model,
        tuple(records),
        columns,
        missing=ask.preferences.missing or Missing.NULL,
        upsert=Upsert(resolution, target) if resolution is not None and target else None,
        options=ask.options(located=one and ask.returning is Returning.HEADERS),
    )


def conflict_target(ask: Ask) -> tuple[str, ...]:
    """Return the fields that tell a duplicate; none where the model has no key and the caller names no others."""
    return ask.query.on_conflict if ask.query.on_conflict is not None else ask.wanted.model.key


def update_of(ask: Ask, records: list[Record]) -> Update | None:
    """Make the operation of a PATCH, by the first record alone; None where it changes nothing."""
    _unlimited(ask.query)
    record: Record = records[0] if records else {}
    columns = ask.query.columns if ask.query.columns is not None else tuple(record)
    if not columns:
        return None
    missing = tuple(name for name in columns if name not in record)
    defaults = missing if ask.preferences.missing is Missing.DEFAULT else ()
    values = {name: record.get(name) for name in columns if name not in defaults}
    return Update(ask.wanted.model, values, ask.wanted.laid.where, defaults, options=ask.options())


def delete_of(ask: Ask) -> Delete:
    """Make the operation of a DELETE."""
    _unlimited(ask.query)
    return Delete(ask.wanted.model, ask.wanted.laid.where, options=ask.options())


def _unlimited(query: Query) -> None:
    if query.limit is not None or query.offset is not None:
        raise Malformed("limit and offset do not restrict what a write changes", hint="filter by the key instead")


def put_of(ask: Ask, records: list[Record]) -> Create:
    """Make the operation of a PUT: one record, found by its whole key."""
    model = ask.wanted.model
    key = _key_in(ask.query, model)
    record: Record = records[0] if records else {}
    if any(name not in record or not _same(record[name], text) for name, text in key.items()):
        raise Rejected("Payload values do not match URL in primary key column(s)", code="PGRST115")
    columns = ask.query.columns if ask.query.columns is not None else tuple(record)
    return Create(model, (record,), columns, upsert=Upsert(Resolution.MERGE, model.key), options=ask.options())


def must_not_be_limited(query: Query) -> None:
    """Raise if a PUT comes with a window."""
    if query.limit is not None or query.offset is not None:
        raise Rejected("limit/offset querystring parameters are not allowed for PUT", code="PGRST114")


def _key_in(query: Query, model: Model) -> dict[str, str]:
    key: dict[str, str] = {}
    for term in query.terms:
        match term:
            case Condition(Path(name, ()), Op.EQ, str(text), None) if name not in key:
                key[name] = text
            case _:
                raise _no_key()
    if not model.key or set(key) != set(model.key):
        raise _no_key()
    return key


def _no_key() -> NotAllowed:
    return NotAllowed("Filters must include all and only primary key columns with 'eq' operators", code="PGRST105")


def _same(value: object, text: str) -> bool:
    match value:
        case bool():
            return text in ("true", "t") if value else text in ("false", "f")
        case int() | Decimal():
            try:
                return Decimal(text) == value
            except InvalidOperation:
                return False
        case _:
            return str(value) == text


def _readable(model: Model, names: Sequence[str]) -> bool:
    return all((field := model.by_name.get(name)) is not None and field.readable for name in names)


def nothing_written(method: str, ask: Ask) -> Response:
    """Return the answer to a write without records."""
    if ask.wanted.media.singular:
        must_be_one(0)
    return written_response(method, ask, None, Written(0, 0))


def written_response(method: str, ask: Ask, operation: Write | None, written: Written, path: bytes = b"") -> Response:
    """Return the answer to a write."""
    if written.failures:
        raise _partly(written)
    records = ask.returning is Returning.RECORDS
    response = Response(_status(method, operation, written, records=records))
    if written.replayed:
        response.headers.append(REPLAYED)
    if method != "PUT":
        response.headers.append((b"content-range", _range(method, ask, written)))
    if records:
        page = written.page or _NO_RECORDS
        if ask.wanted.media.singular:
            must_be_one(page.rows, written.outcome)
        response.headers.append((b"content-type", ask.wanted.media.content_type))
        response.body = body_of(page, ask.wanted)
    elif method == "POST" and ask.returning is Returning.HEADERS:
        location = _location(written, ask.wanted.model, path)
        response.headers += [(b"location", location)] if location else []
    return response


def _status(method: str, operation: Write | None, written: Written, *, records: bool) -> int:
    match method:
        case "POST":
            return 200 if _merges(operation) and not written.inserted else 201
        case "PUT" if records:
            return 201 if written.inserted else 200
        case _:
            return 200 if records else 204


def _merges(operation: Write | None) -> bool:
    upsert = operation.upsert if isinstance(operation, Create) else None
    return upsert is not None and upsert.resolution is Resolution.MERGE


def _range(method: str, ask: Ask, written: Written) -> bytes:
    total = written.affected if ask.preferences.count is not None else None
    if method == "PATCH":
        return content_range(0, written.affected, total)
    return NOTHING_KNOWN if total is None else b"*/%d" % total


def _location(written: Written, model: Model, path: bytes) -> bytes | None:
    """Return where the one new record is: the path of its model and its key."""
    if written.affected != 1 or not model.key:
        return None
    record = written.keys[0] if len(written.keys) == 1 else first_record(written.page)
    if record is None or any(record.get(name) is None for name in model.key):
        return None
    pairs = (f"{quote(name, safe='')}=eq.{quote(text_of(record[name]), safe='')}" for name in model.key)
    return path + b"?" + "&".join(pairs).encode()


def _partly(written: Written) -> BridgeError:
    failures = written.failures or {}
    listed = "; ".join(f"record {place}: {reason}" for place, reason in list(failures.items())[:20])
    return UpstreamFailed(
        f"{len(failures)} of the records were not written",
        code="BRG207",
        details=f"{written.affected} were written. {listed}",
        outcome=written.outcome,
    )
