"""A backend in memory: the smallest correct adapter, with every ability, each of which can be taken away."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from bridge_core.arrange import ordered, shaped
from bridge_core.errors import BadValue, Conflict, Forbidden, Malformed, PreconditionFailed, Rejected
from bridge_core.evaluate import predicate
from bridge_core.operations import (
    Create,
    Delete,
    Missing,
    Page,
    Read,
    Record,
    Resolution,
    Update,
    Upsert,
    WriteOptions,
    Written,
    page_of,
)
from bridge_core.query import After, Counting, Op, Slice, both
from bridge_core.schema import Boolean, Capabilities, Field, FieldType, Model, Paging, WriteBy, models_by_name
from bridge_core.testing.strict import must_be_declared, must_be_declared_write
from bridge_core.values import encode, etag, typed

_BACKEND_ONLY: Final = frozenset(
    {
        Op.STRICTLY_LEFT,
        Op.STRICTLY_RIGHT,
        Op.NOT_EXTENDS_LEFT,
        Op.NOT_EXTENDS_RIGHT,
        Op.ADJACENT,
        Op.FTS,
        Op.PLFTS,
        Op.PHFTS,
        Op.WFTS,
    }
)
_ABLE: Final = Capabilities(
    boolean=Boolean.FULL,
    sort_terms=None,
    paging=Paging.OFFSET,
    max_page=None,
    counts=True,
    selects=True,
    encodes=True,
    key_batch=1_000,
    create_batch=1_000,
    update_batch=1_000,
    delete_batch=1_000,
    write_by=WriteBy.FILTER,
    atomic=True,
    upserts=True,
    returns=True,
)


class Weakness(Enum):
    """An ability that a backend may lack."""

    FILTER = "takes no filter"
    CONJUNCTION = "takes no `or` and no `not`"
    DNF = "takes an `or` of few conjunctions"
    EQUALITY = "compares for equality alone"
    IN = "takes few values in one `in`"
    PATHS = "does not look into JSON"
    CURSOR = "pages by cursor alone"
    WHOLE = "gives all records at once"
    PAGES = "gives few records per page"
    OFFSET = "reaches no far offset"
    SORT = "does not sort"
    COUNT = "does not count"
    PROJECTION = "gives whole records"
    KEYS = "looks nothing up by key"
    FEW_KEYS = "looks few records up at once"
    KEY_WRITES = "finds the records to write by key alone"
    BATCHES = "writes few records at once"
    RETURNING = "gives no written records back"
    UPSERT = "knows no upsert"
    ATOMIC = "cannot undo"


_EQUALITY_OPS: Final = frozenset({Op.EQ, Op.IN, Op.IS})
_CAPABILITIES: Final[Mapping[Weakness, Mapping[str, Any]]] = MappingProxyType(
    {
        Weakness.FILTER: {"boolean": Boolean.NONE},
        Weakness.CONJUNCTION: {"boolean": Boolean.CONJUNCTION},
        Weakness.DNF: {"boolean": Boolean.DNF, "max_disjunctions": 3},
        Weakness.IN: {"max_in": 2},
        Weakness.CURSOR: {"paging": Paging.CURSOR},
        Weakness.WHOLE: {"paging": Paging.WHOLE},
        Weakness.PAGES: {"max_page": 3},
        Weakness.OFFSET: {"max_offset": 4},
        Weakness.SORT: {"sort_terms": 0},
        Weakness.COUNT: {"counts": False},
        Weakness.PROJECTION: {"selects": False, "encodes": False},
        Weakness.KEYS: {"key_batch": 0},
        Weakness.FEW_KEYS: {"key_batch": 2},
        Weakness.KEY_WRITES: {"write_by": WriteBy.KEY},
        Weakness.BATCHES: {"create_batch": 2, "update_batch": 2, "delete_batch": 2},
        Weakness.RETURNING: {"returns": False},
        Weakness.UPSERT: {"upserts": False},
        Weakness.ATOMIC: {"atomic": False},
    }
)
_FIELDS: Final[Mapping[Weakness, Mapping[str, Any]]] = MappingProxyType(
    {
        Weakness.FILTER: {"operators": frozenset()},
        Weakness.EQUALITY: {"operators": _EQUALITY_OPS},
        Weakness.PATHS: {"paths": False, "texts": False},
        Weakness.SORT: {"sortable": False},
    }
)


def able(model: Model, weaknesses: Iterable[Weakness] = ()) -> Model:
    """Return the model with every ability but these."""
    capabilities = _ABLE
    fields = tuple(
        replace(each, operators=_operators(each), paths=True, texts=True, sortable=True) for each in model.fields
    )
    for weakness in weaknesses:
        capabilities = replace(capabilities, **_CAPABILITIES.get(weakness, {}))
        fields = tuple(replace(each, **_FIELDS.get(weakness, {})) for each in fields)
    return replace(model, fields=fields, capabilities=capabilities)


class MemoryAdapter:
    """Records in memory. What a model does not declare is refused with an AssertionError: the planner was wrong.

    `calls` and `records` count what was asked for and given, for tests of what a plan announced.
    """

    def __init__(self, models: Iterable[Model], rows: Mapping[str, Sequence[Record]] = MappingProxyType({})) -> None:
        """Hold the given rows, values by the types of their fields; use `able` to declare what models can do."""
        self._models = models_by_name(models)
        self._rows: dict[str, list[dict[str, object]]] = {
            name: [dict(row) for row in rows.get(name, ())] for name in self._models
        }
        self.calls = 0
        self.records = 0

    async def describe(self) -> Sequence[Model]:
        """Return the models as they were given."""
        return tuple(self._models.values())

    async def read(self, op: Read, /) -> Page:
        """Return the records that match."""
        model = self._models[op.model.name]
        must_be_declared(model, op)
        self.calls += 1
        found = self._matching(op)
        total = len(found) if op.count is not Counting.NONE else None
        page, cursor = _window(ordered(op.model, found, op.order), op)
        shape = shaped(op.model, op.select, op.timezone)
        self.records += len(page)
        records = [shape(record) for record in page]
        answer = page_of(records, total=total, cursor=cursor)
        if op.encoded:
            answer = Page(encoded=encode(records, op.timezone), rows=len(records), total=total, cursor=cursor)
        return replace(answer, etags=[etag(op.model, record) for record in page]) if op.versions else answer

    async def create(self, op: Create, /) -> Written:
        """Add records, or update those that exist."""
        model = self._begin(op)
        rows = list(self._rows[model.name])
        new: list[dict[str, object]] = []
        inserted = 0
        within = predicate(op.model, op.scope)
        for record in op.records:
            row = _new_row(model, rows, record, op)
            there = _existing(rows, row, op.upsert)
            if there is None:
                rows.append(row)
                new.append(row)
                inserted += 1
            elif op.upsert is not None and op.upsert.resolution is Resolution.MERGE:
                if any(each is rows[there] for each in new):
                    raise Rejected("ON CONFLICT DO UPDATE command cannot affect row a second time", code="21000")
                if within(rows[there]) is not True:
                    raise _outside(model)
                rows[there] = {**rows[there], **{name: row[name] for name in op.columns}}
                new.append(rows[there])
        return self._finish(model, rows, new, op.options, op.model, inserted=inserted)

    async def update(self, op: Update, /) -> Written:
        """Change the records that match."""
        model = self._begin(op)
        changed: list[dict[str, object]] = []
        rows = []
        chosen = {id(row) for row in _of_versions(op, self._matching(op))}
        defaults = {name: _default(model.field(name), self._rows[model.name]) for name in op.defaults}
        for row in self._rows[model.name]:
            new = {**row, **op.values, **defaults} if id(row) in chosen else row
            changed += [new] if new is not row else []
            rows.append(new)
        return self._finish(model, rows, changed, op.options, op.model)

    async def delete(self, op: Delete, /) -> Written:
        """Remove the records that match."""
        model = self._begin(op)
        gone = _of_versions(op, self._matching(op))
        chosen = {id(row) for row in gone}
        rows = [row for row in self._rows[model.name] if id(row) not in chosen]
        return self._finish(model, rows, gone, op.options, op.model)

    async def close(self) -> None:
        """Keep the records: there is nothing to give back."""

    def rows(self, name: str) -> list[Record]:
        """Return all records of a model."""
        return [dict(row) for row in self._rows[name]]

    def _begin(self, op: Create | Update | Delete) -> Model:
        model = self._models[op.model.name]
        must_be_declared_write(model, op)
        self.calls += 1
        return model

    def _matching(self, op: Read | Update | Delete) -> list[dict[str, object]]:
        test = predicate(op.model, both(op.scope, op.where))
        rows = self._rows[op.model.name]
        keys = None if op.keys is None else set(op.keys)
        key = self._models[op.model.name].key
        return [
            row for row in rows if (keys is None or tuple(row.get(name) for name in key) in keys) and test(row) is True
        ]

    def _finish(
        self,
        model: Model,
        rows: list[dict[str, object]],
        touched: list[dict[str, object]],
        options: WriteOptions,
        seen: Model,
        inserted: int = 0,
    ) -> Written:
        """Apply a write whole, or raise and leave everything as it was."""
        _must_be_sound(model, rows)
        options.affected.hold(len(touched))
        page = None
        if options.returning is not None:
            shape = shaped(seen, options.returning, options.timezone)
            records = [shape(record) for record in ordered(seen, touched, options.order)]
            page = page_of(records)
            if options.encoded:
                page = Page(encoded=encode(records, options.timezone), rows=len(records))
        if not options.dry_run:
            self._rows[model.name] = rows
        keys = [{name: row[name] for name in model.key} for row in touched]
        return Written(len(touched), inserted, page, keys)


def _operators(field: Field) -> frozenset[Op]:
    never = _BACKEND_ONLY
    if field.type in (FieldType.OTHER, FieldType.INTERVAL):
        never = frozenset(Op) - _EQUALITY_OPS - {Op.NEQ, Op.ISDISTINCT, Op.LIKE, Op.ILIKE}
    return frozenset(Op) - never


def _of_versions(op: Update | Delete, found: list[dict[str, object]]) -> list[dict[str, object]]:
    etags = op.options.etags
    if etags is None:
        return found
    ours = [row for row in found if etag(op.model, row) in etags]
    if not ours:
        raise PreconditionFailed("there is no record in the version that was named")
    return ours


def _window(found: list[Record], op: Read) -> tuple[list[Record], str | None]:
    match op.window:
        case Slice(offset, limit):
            return found[offset:] if limit is None else found[offset : offset + limit], None
        case After(cursor, limit):
            if cursor is not None and not cursor.isdecimal():
                raise Malformed("the cursor is none of those that were given")
            start = int(cursor or 0)
            end = start + limit
            return found[start:end], str(end) if end < len(found) else None


def _new_row(model: Model, rows: Sequence[Record], record: Record, op: Create) -> dict[str, object]:
    row: dict[str, object] = {}
    for field in model.fields:
        if field.name in record:
            row[field.name] = record[field.name]
        elif field.name in op.columns and op.missing is Missing.NULL:
            row[field.name] = None
        else:
            row[field.name] = _default(field, rows)
    return row


def _default(field: Field, rows: Sequence[Record]) -> object:
    if field.generated:
        return 1 + max((number for row in rows if isinstance(number := row[field.name], int)), default=0)
    return None if field.default is None else typed(field, field.default)


def _existing(rows: Sequence[Record], row: Record, upsert: Upsert | None) -> int | None:
    if upsert is None or any(row[name] is None for name in upsert.target):
        return None
    wanted = [row[name] for name in upsert.target]
    return next((at for at, each in enumerate(rows) if [each[name] for name in upsert.target] == wanted), None)


def _must_be_sound(model: Model, rows: Sequence[Record]) -> None:
    for field in model.fields:
        if (not field.nullable or field.name in model.key) and any(row[field.name] is None for row in rows):
            raise BadValue(
                f'null value in column "{field.name}" of relation "{model.name}" violates not-null constraint',
                code="23502",
            )
    for unique in (model.key, *model.uniques):
        seen = set()
        for row in rows if unique else ():
            values = tuple(row[name] for name in unique)
            if values in seen:
                raise Conflict(f'duplicate key value violates unique constraint "{model.name}_{"_".join(unique)}_key"')
            seen |= set() if None in values else {values}


def _outside(model: Model) -> Forbidden:
    return Forbidden(f'new row violates row-level security policy for table "{model.name}"')
