"""Rows as a database keeps them -> JSON bytes, or records of Python values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import msgspec
from bridge_sql.documents import NOTHING, as_text, json_rank, walk
from bridge_sql.keeping import Kept, Stored

from bridge_core.operations import Record
from bridge_core.query import Column, Order, Path
from bridge_core.schema import FieldType, Model
from bridge_core.values import cast, jsonable, zone_of

Row = Sequence[Any]
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class _Part:
    """One value of the answer: the position of its column in a row, and what is made of what is kept there.

    `make` is None for a column as it is: those are shown a whole column at once.
    """

    name: str
    at: int
    field: str
    make: Callable[[Stored, str | None], object] | None


class Answer:
    """The columns of an answer, over rows that hold the named fields in this order."""

    def __init__(self, model: Model, select: Sequence[Column], names: Sequence[str], storage: Kept) -> None:
        columns = select or [Column(Path(field.name)) for field in model.readable]
        chosen = {column.name: column for column in columns}  # of two with one name, the last one counts
        self._storage = storage
        self._parts = tuple(
            _Part(name, names.index(column.path.field), column.path.field, _maker(column, storage))
            for name, column in chosen.items()
        )
        self._names = tuple(chosen)

    def encoded(self, rows: Sequence[Row], timezone: str | None) -> bytes:
        """Write rows as one JSON array."""
        if not rows:
            return b"[]"
        zone = zone_of(timezone)
        columns = list(zip(*rows, strict=True))
        shown = [self._shown(part, columns[part.at], zone, timezone) for part in self._parts]
        return _encoder.encode([dict(zip(self._names, values, strict=True)) for values in zip(*shown, strict=True)])

    def records(self, rows: Sequence[Row], timezone: str | None) -> list[Record]:
        """Read rows as records of Python values."""
        loads = [
            (part.name, part.at, part.make or _ignoring(self._storage.keepings[part.field].load))
            for part in self._parts
        ]
        return [{name: make(row[at], timezone) for name, at, make in loads} for row in rows]

    def _shown(self, part: _Part, column: Sequence[Stored], zone: tzinfo, timezone: str | None) -> Sequence[object]:
        if part.make is None:
            return self._storage.keepings[part.field].show(column, zone)
        return [jsonable(part.make(value, timezone), zone) for value in column]


def in_order(rows: list[Row], order: Sequence[Order], names: Sequence[str], storage: Kept) -> list[Row]:
    """Sort the rows that a write gives back."""
    for term in reversed(order):
        at, value = names.index(term.path.field), _value(term.path, storage)
        sign = -1 if term.nulls_first else 1

        def rank(row: Row, at: int = at, value: Any = value, *, without: int = sign) -> tuple[int, Any]:
            found = value(row[at])
            return (0, found) if found is not None else (without, ())

        some = sorted((row for row in rows if rank(row)[0] == 0), key=rank, reverse=term.descending)
        none = [row for row in rows if rank(row)[0] != 0]
        rows = none + some if term.nulls_first else some + none
    return rows


def _value(path: Path, storage: Kept) -> Callable[[Stored], Any]:
    load, kind = storage.keepings[path.field].load, storage.fields[path.field].type
    if not path.steps and kind is not FieldType.JSON:
        return load
    steps = [step.key for step in path.steps]

    def value(stored: Stored) -> Any:
        found = None if stored is None else walk(load(stored), steps)
        if found is None or found is NOTHING:
            return None
        return as_text(found) if path.steps and path.steps[-1].text else json_rank(found)

    return value


def _maker(column: Column, storage: Kept) -> Callable[[Stored, str | None], object] | None:
    """Return what makes the value of a column that is looked into, or cast."""
    path, kind = column.path, storage.fields[column.path.field].type
    if not path.steps and column.cast is None:
        return None
    load, steps, target = storage.keepings[path.field].load, [step.key for step in path.steps], column.cast
    text = bool(steps) and path.steps[-1].text
    kind = kind if not steps else FieldType.TEXT if text else FieldType.JSON

    def make(stored: Stored, timezone: str | None) -> object:
        value = load(stored)
        if steps and value is not None:
            found = walk(value, steps)
            value = as_text(found) if text else None if found is NOTHING else found
        return value if target is None else cast(value, kind, target, timezone)

    return make


def _ignoring(load: Callable[[Stored], object]) -> Callable[[Stored, str | None], object]:
    return lambda stored, _: load(stored)
