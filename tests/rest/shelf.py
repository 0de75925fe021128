"""A small resource in memory that behaves: it filters, orders, counts, upserts, refuses, streams, and can fail."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bridge_core.arrange import ordered, shaped
from bridge_core.errors import BadValue, Conflict, UpstreamFailed
from bridge_core.evaluate import matches
from bridge_core.operations import (
    Create,
    Delete,
    Missing,
    Operation,
    Page,
    Read,
    Record,
    Resolution,
    Update,
    WriteOptions,
    Written,
)
from bridge_core.query import And, Counting, Filter, Slice
from bridge_core.schema import (
    EVERY_OP,
    Boolean,
    Capabilities,
    Cardinality,
    Field,
    FieldType,
    Model,
    Paging,
    Relation,
    WriteBy,
)
from bridge_core.values import encode
from bridge_core.values.operation import typed_operation

FULL = Capabilities(
    boolean=Boolean.FULL,
    sort_terms=None,
    paging=Paging.OFFSET,
    max_page=None,
    counts=True,
    selects=True,
    encodes=True,
    streams=True,
    create_batch=10_000,
    update_batch=10_000,
    delete_batch=10_000,
    atomic=True,
    upserts=True,
    write_by=WriteBy.FILTER,
    returns=True,
)
READ_ONLY = replace(FULL, create_batch=0, update_batch=0, delete_batch=0)


def a_field(name: str, type_: FieldType = FieldType.TEXT, **more: object) -> Field:
    known: dict[str, object] = {"operators": EVERY_OP, "sortable": True, "groupable": True, "paths": True}
    return Field(name, type_, **{**known, **more})  # type: ignore[arg-type]  # the fields of Field, as its author wrote


BOOKS = Model(
    "books",
    (
        a_field("id", FieldType.INTEGER, nullable=False, native="integer", default="nextval('books_id_seq')"),
        a_field("title", nullable=False, max_length=80, comment="What is printed on it."),
        a_field("price", FieldType.DECIMAL, native="numeric"),
        a_field("kind", FieldType.ENUM, enum=("novel", "essay"), default="'novel'"),
        a_field("data", FieldType.JSON, native="jsonb"),
        a_field("author", FieldType.INTEGER),
        a_field("size", FieldType.INTEGER, generated=True, creatable=False, updatable=False),
    ),
    key=("id",),
    namespace="shelf",
    uniques=(("title",),),
    comment="Books\nThat we lend.",
    relations=(Relation("books_author_fkey", ("author",), "people.authors", ("id",), Cardinality.MANY_TO_ONE),),
    capabilities=FULL,
)
LOANS = Model(
    "loans",
    (a_field("book", FieldType.INTEGER), a_field("Week Day"), a_field("token")),
    namespace="shelf",
    capabilities=FULL,
)
SHELVES = Model("shelves", (a_field("name"),), namespace="shelf", capabilities=READ_ONLY)
AUTHORS = Model(
    "people.authors",
    (a_field("id", FieldType.INTEGER, nullable=False), a_field("name")),
    key=("id",),
    namespace="people",
    capabilities=FULL,
)

CONTENT: Mapping[str, Sequence[Record]] = {
    "books": (
        {"id": 1, "title": "Stoner", "price": Decimal("9.90"), "kind": "novel", "data": {"pages": 288}, "author": 1},
        {"id": 2, "title": 'The "Ü", or', "price": None, "kind": "essay", "data": {"pages": None}, "author": None},
        {"id": 3, "title": "", "price": Decimal("1100.000000"), "kind": "novel", "data": None, "author": 1},
    ),
    "loans": ({"book": 1, "Week Day": "Monday", "token": "abc"},),
    "shelves": (),
    "people.authors": ({"id": 1, "name": "Williams"},),
}


@dataclass
class Shelf:
    """The adapter.

    `asked` is what the surface asked for, `operations` what reached the adapter. `failure` is raised by whatever is
    asked next; `hold` delays it.
    """

    content: dict[str, list[Record]] = field(
        default_factory=lambda: {name: list(all_) for name, all_ in CONTENT.items()}
    )
    asked: list[Operation] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    failure: Exception | None = None
    hold: asyncio.Event | None = None
    pieces: Callable[[], AsyncIterator[bytes]] | None = None
    closed_streams: int = 0
    as_records: bool = False
    cancelled: bool = False

    async def describe(self) -> Sequence[Model]:
        return (BOOKS, LOANS, SHELVES, AUTHORS)

    async def close(self) -> None:
        pass

    async def read(self, op: Read, /) -> Page:
        await self._begin(op)
        op = typed_operation(op)
        found = ordered(op.model, self._matching(op.model, op.where, op.scope), op.order)
        window = op.window
        assert isinstance(window, Slice)
        end = None if window.limit is None else window.offset + window.limit
        records = [shaped(op.model, op.select, op.timezone)(record) for record in found[window.offset : end]]
        total = len(found) if op.count is not Counting.NONE else None
        if self.pieces is not None:
            return Page(stream=_Pieces(self, self.pieces()), rows=None, total=total)
        return self._page(records, total, encoded=op.encoded, timezone=op.timezone)

    async def create(self, op: Create, /) -> Written:
        await self._begin(op)
        op = typed_operation(op)
        new, touched, inserted = list(self.content[op.model.name]), [], 0
        for given in op.records:
            record, existing = self._new(op, given, new), None
            if op.upsert is not None:
                existing = next((each for each in new if _same(each, record, op.upsert.target)), None)
            if existing is None:
                _must_be_new(op.model, new, record)
                new.append(record)
                touched.append(record)
                inserted += 1
            elif op.upsert is not None and op.upsert.resolution is Resolution.MERGE:
                merged = {**existing, **{name: record[name] for name in op.columns}}
                new[new.index(existing)] = merged
                touched.append(merged)
        op.options.affected.hold(len(touched))
        return self._written(op, op.options, new, touched, inserted)

    async def update(self, op: Update, /) -> Written:
        await self._begin(op)
        op = typed_operation(op)
        chosen = self._matching(op.model, op.where, op.scope)
        op.options.affected.hold(len(chosen))
        changes = {**op.values, **dict.fromkeys(op.defaults, "novel")}
        changed = [{**record, **changes} for record in chosen]
        new = [changed[chosen.index(each)] if each in chosen else each for each in self.content[op.model.name]]
        return self._written(op, op.options, new, changed, 0)

    async def delete(self, op: Delete, /) -> Written:
        await self._begin(op)
        op = typed_operation(op)
        chosen = self._matching(op.model, op.where, op.scope)
        op.options.affected.hold(len(chosen))
        new = [record for record in self.content[op.model.name] if record not in chosen]
        return self._written(op, op.options, new, chosen, 0)

    async def _begin(self, op: Operation) -> None:
        self.operations.append(op)
        if self.hold is not None:
            try:
                await self.hold.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if self.failure is not None:
            raise self.failure

    def _matching(self, model: Model, *filters: Filter) -> list[Record]:
        return [record for record in self.content[model.name] if matches(model, And(filters), record)]

    def _new(self, op: Create, given: Record, present: list[Record]) -> Record:
        blank: dict[str, object] = {field.name: None for field in (*op.model.fields, *op.model.backstage)}
        if "kind" in blank and (op.missing is Missing.DEFAULT or "kind" not in op.columns):
            blank["kind"] = "novel"
        record = {**blank, **{name: given[name] for name in op.columns if name in given}}
        if record.get("id", 0) is None and ("id" not in op.columns or op.missing is Missing.DEFAULT):
            record["id"] = 1 + max((int(str(each["id"])) for each in present), default=0)
        return record

    def _written(
        self,
        op: Create | Update | Delete,
        options: WriteOptions,
        new: list[Record],
        touched: Sequence[Record],
        inserted: int,
    ) -> Written:
        if not options.dry_run:
            self.content[op.model.name] = new
        page = None
        if options.returning is not None:
            shape = shaped(op.model, options.returning, options.timezone)
            records = [shape(record) for record in ordered(op.model, touched, options.order)]
            page = self._page(records, None, encoded=options.encoded, timezone=options.timezone)
        return Written(len(touched), inserted, page)

    def _page(
        self, records: list[dict[str, object]], total: int | None, *, encoded: bool, timezone: str | None
    ) -> Page:
        if encoded and not self.as_records:
            return Page(encoded=encode(records, timezone), rows=len(records), total=total)
        return Page(records=records, rows=len(records), total=total)


class _Pieces:
    """A stream that knows whether it was given back."""

    def __init__(self, shelf: Shelf, pieces: AsyncIterator[bytes]) -> None:
        self._shelf = shelf
        self._pieces = pieces
        self._open = True

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        self._shelf.closed_streams += self._open
        self._open = False


async def in_pieces(*pieces: bytes, broken: bool = False) -> AsyncIterator[bytes]:
    """Yield the pieces; with `broken`, fail after the last one, as a backend does whose connection is cut."""
    for piece in pieces:
        yield piece
    if broken:
        raise UpstreamFailed("the connection was cut")


def _same(left: Record, right: Record, names: Sequence[str]) -> bool:
    return all(left[name] is not None and left[name] == right[name] for name in names)


def _must_be_new(model: Model, present: Sequence[Record], record: Record) -> None:
    for name in (*model.key, *(name for unique in model.uniques for name in unique)):
        if record[name] is None:
            raise BadValue(f'null value in column "{name}" violates not-null constraint', code="23502")
        if any(_same(each, record, (name,)) for each in present):
            raise Conflict(f'duplicate key value violates unique constraint "{model.name}_{name}_key"')
