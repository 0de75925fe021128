"""Read `select`: columns with paths, casts and aliases; aggregates and embeds have their room in the grammar."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from bridge_core.errors import Malformed
from bridge_core.logic import MAX_DEPTH
from bridge_core.query import Column, Path
from bridge_core.scan import Scanner

_AGGREGATES: Final = frozenset({"sum", "avg", "count", "max", "min"})
_COUNT: Final = "count"  # alone, it may be a field, or the count of the records
_JOINS: Final = frozenset({"inner", "left"})


@dataclass(frozen=True, slots=True)
class Star:
    """Every readable field."""


@dataclass(frozen=True, slots=True)
class Aggregated:
    """A value computed from many records; without a column it counts them."""

    function: str
    column: Column | None = None
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Nested:
    """Related records: in a value of their own, or spread among the values of the record."""

    target: str
    items: tuple["Item", ...]
    alias: str | None = None
    hints: tuple[str, ...] = ()
    inner: bool = False
    spread: bool = False


Item: TypeAlias = Column | Star | Aggregated | Nested


@dataclass(frozen=True, slots=True)
class Selection:
    """What a select asks for. `columns` says it where nothing depends on the model; empty: every readable field."""

    items: tuple[Item, ...] = ()
    columns: tuple[Column, ...] | None = ()


EVERY_FIELD: Final = Selection()


def selection_of(text: str) -> Selection:
    """Read a whole select; an empty one is every field."""
    if not text or text.isspace():
        return EVERY_FIELD
    scanner = Scanner(text, "select parameter")
    items = _items(scanner, 1)
    scanner.must_end()
    if items == (Star(),):
        return EVERY_FIELD
    columns = tuple(item for item in items if isinstance(item, Column) and item.path.field != _COUNT)
    return Selection(items, columns if len(columns) == len(items) else None)


def _items(scanner: Scanner, depth: int) -> tuple[Item, ...]:
    if depth > MAX_DEPTH:
        raise Malformed(f"a select is nested deeper than {MAX_DEPTH} levels")
    items: list[Item] = []
    while not items or scanner.takes(","):
        scanner.skip_blanks()
        items.append(_item(scanner, depth))
        scanner.skip_blanks()
    return tuple(items)


def _item(scanner: Scanner, depth: int) -> Item:
    if scanner.takes("*"):
        return Star()
    if scanner.takes("..."):
        return _nested(scanner, scanner.name(), None, depth, spread=True)
    name, alias = scanner.name(), None
    if scanner.sees(":") and not scanner.sees("::"):
        scanner.takes(":")
        name, alias = scanner.name(), name
    if scanner.takes("count()") or (name == "count" and scanner.takes("()")):
        return Aggregated("count", None, alias, _cast(scanner))
    if scanner.sees("!") or scanner.sees("("):
        return _nested(scanner, name, alias, depth)
    column = Column(Path(name, scanner.steps()), alias, _cast(scanner))
    return _aggregated(scanner, column) if scanner.takes(".") else column


def _aggregated(scanner: Scanner, column: Column) -> Aggregated:
    function = scanner.name()
    if function not in _AGGREGATES:
        raise scanner.failure("an aggregate function (sum, avg, count, max, min)")
    scanner.must_take("()")
    return Aggregated(function, column, column.alias, _cast(scanner))


def _cast(scanner: Scanner) -> str | None:
    return scanner.name() if scanner.takes("::") else None


def _nested(scanner: Scanner, target: str, alias: str | None, depth: int, *, spread: bool = False) -> Nested:
    hints: list[str] = []
    while scanner.takes("!"):
        hints.append(scanner.name())
    join = hints.pop() if hints and hints[-1] in _JOINS else ""
    scanner.must_take("(")
    scanner.skip_blanks()
    items = () if scanner.sees(")") else _items(scanner, depth + 1)
    scanner.must_take(")")
    return Nested(target, items, alias, tuple(hints), join == "inner", spread)
