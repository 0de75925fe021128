"""How one sheet is laid out: where its header is, which column is which field, and what tells its rows apart."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from bridge_core import (
    EVERY_OP,
    Boolean,
    Capabilities,
    Field,
    FieldType,
    Key,
    Model,
    Op,
    Paging,
    Precondition,
    Record,
    WriteBy,
)
from bridge_sheets.cells import Kind, Misfit, Raw, decoded, plain
from bridge_sheets.inference import letters

ROW: Final = "_row"
BATCH: Final = 500  # records per request: Google advises to stay below 2 MB
_NEVER: Final = frozenset(  # what only databases know
    {Op.FTS, Op.PLFTS, Op.PHFTS, Op.WFTS, Op.STRICTLY_LEFT, Op.STRICTLY_RIGHT, Op.NOT_EXTENDS_LEFT}
    | {Op.NOT_EXTENDS_RIGHT, Op.ADJACENT}
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `at` is its place, from 0; one that holds formulas is not written to."""

    name: str
    at: int
    kind: Kind
    formula: bool = False
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One record, and where it stood when it was read."""

    at: int
    raws: tuple[Raw, ...]  # by the columns of the layout
    record: Record


class Unreadable(Exception):
    """The sheet is not as it was described; the text says where, for people."""


@dataclass(frozen=True)
class Layout:
    """One sheet as a model. `header` is what stood in the header row when it was described."""

    model: str
    book: str
    sheet: int
    title: str
    header_row: int
    header: tuple[Raw, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()  # empty: rows are told apart by what stands in them
    complaints: tuple[str, ...] = ()
    freshness: float = 0.0
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {each.name: each for each in self.columns})

    @property
    def range(self) -> str:
        """The whole table, header included, as the API names it."""
        return self.columns_range(0, max(each.at for each in self.columns))

    def columns_range(self, first: int, last: int) -> str:
        """Return some columns from the header down, as the API names them."""
        return f"{quoted(self.title)}!{letters(first)}{self.header_row + 1}:{letters(last)}"

    @cached_property
    def own(self) -> tuple[int, ...]:
        """The columns, by their order here, that people fill in: what tells rows apart that have no key."""
        return tuple(at for at, each in enumerate(self.columns) if not each.formula)

    @cached_property
    def telling(self) -> tuple[int, ...]:
        """The columns, by their order here, that tell a row from others."""
        return tuple(at for at, each in enumerate(self.columns) if each.name in self.key) if self.key else self.own

    def identity(self, raws: Sequence[Raw]) -> tuple[Raw, ...]:
        """Return what tells a row from others."""
        return tuple(raws[at] for at in self.telling)

    def read(self, table: Sequence[Sequence[Any]]) -> list[Line]:
        """Return the records of a table whose first row is the header; raise Unreadable if it is another one now."""
        self.must_be_ours(table[0] if table else ())
        found: list[Line] = []
        seen: Counter[str] = Counter()
        for down, cells in enumerate(table[1:], 1):
            raws = tuple(plain(cells[each.at]) if each.at < len(cells) else None for each in self.columns)
            if all(raws[at] is None for at in self.own):
                continue
            found.append(self._line(self.header_row + down, raws, seen))
        return found

    def must_be_ours(self, header: Sequence[Any]) -> None:
        """Raise Unreadable if the header is not the one that was described."""
        now = [plain(each) for each in header]
        for column in self.columns:
            here = now[column.at] if column.at < len(now) else None
            then = self.header[column.at] if column.at < len(self.header) else None
            if here != then:
                place = f"{letters(column.at)}{self.header_row + 1}"
                raise Unreadable(f"the header of {self.title!r} has changed at {place}, where {column.name!r} was")

    def described(self) -> Model:
        """Return the model."""
        fields = [_field(each) for each in self.columns]
        if not self.key:
            comment = "names the row by what stands in it: another content, another name"
            name = Field(ROW, FieldType.TEXT, nullable=False, generated=True, creatable=False, updatable=False,
                         operators=EVERY_OP - _NEVER, sortable=True, comment=comment)  # fmt: skip
            fields.insert(0, name)
        return Model(
            self.model,
            tuple(fields),
            key=self.key or (ROW,),
            comment="; ".join(self.complaints),
            kind="worksheet",
            capabilities=Capabilities(
                boolean=Boolean.FULL, sort_terms=None, paging=Paging.OFFSET, max_page=None, counts=True,
                key_batch=1_000, create_batch=BATCH, update_batch=BATCH, delete_batch=BATCH,
                write_by=WriteBy.FILTER, atomic=True, upserts=bool(self.key), returns=True,
                precondition=Precondition.ETAG, unit_cost=1.0, freshness=self.freshness,
            ),
        )  # fmt: skip

    def names(self) -> tuple[str, ...]:
        """Return the fields of the key."""
        return self.key or (ROW,)

    def key_of(self, record: Record) -> Key:
        """Return the key of a record."""
        return tuple(record.get(name) for name in self.names())

    def line(self, at: int, raws: tuple[Raw, ...], others: Sequence[Line] = ()) -> Line:
        """Return the record of one row that is new, or changed, beside others."""
        seen = Counter(str(each.record.get(ROW, "")).partition("-")[0] for each in others)
        return self._line(at, raws, seen)

    def _line(self, at: int, raws: tuple[Raw, ...], seen: Counter[str]) -> Line:
        record: dict[str, object] = {}
        if not self.key:
            digest = _digest(self.identity(raws))
            seen[digest] += 1
            record[ROW] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        for column, raw in zip(self.columns, raws, strict=True):
            try:
                record[column.name] = decoded(column.kind, raw)
            except Misfit:
                place = f"{letters(column.at)}{at + 1}"
                raise Unreadable(
                    f"the cell {place} of {self.title!r} holds no {column.kind.type.value}, as the column "
                    f"{column.name!r} does elsewhere"
                ) from None
        return Line(at, raws, record)


def quoted(title: str) -> str:
    """Write the title of a sheet as ranges have it."""
    return "'" + title.replace("'", "''") + "'"


def _digest(raws: Sequence[Raw]) -> str:
    return hashlib.sha256(json.dumps(raws, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _field(column: Column) -> Field:
    writable = not column.formula
    return Field(
        column.name,
        column.kind.type,
        native=column.kind.type.value,
        nullable=column.nullable,
        generated=column.formula,
        max_length=50_000 if column.kind.type is FieldType.TEXT else None,
        enum=column.kind.words,
        comment="computed by a formula" if column.formula else "",
        operators=EVERY_OP - _NEVER,
        sortable=True,
        creatable=writable,
        updatable=writable,
    )
