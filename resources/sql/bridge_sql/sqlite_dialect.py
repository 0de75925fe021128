"""How SQLite compares: columns by their meaning, values as the columns keep them, lists as JSON."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.keeping import Keeping, like_pattern, text_or_none
from bridge_sql.predicates import Predicates
from bridge_sql.sqlite_decimals import Stored
from bridge_sql.sqlite_functions import DECIMAL, ILIKE, JSON, LIKE, MOMENT, TEXT_IN_JSON
from bridge_sql.sqlite_types import Affinity, Declared, DeclaredType
from bridge_sql.sqlite_values import keeping
from bridge_sql.statement import Binds, Statement
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import Refused
from bridge_core.query import And, Condition, Filter, Is, Not, Nulls, Op, Or, Order, Path, Quantifier
from bridge_core.schema import Field, FieldType, Model
from bridge_core.values import json_text

DIALECT: Final = sqlite.dialect(paramstyle="qmark")
_OPAQUE: Final = frozenset({FieldType.OTHER, FieldType.INTERVAL, FieldType.ARRAY})
_NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.FLOAT, FieldType.BOOLEAN, FieldType.BYTES})
_COMPARISONS: Final[Mapping[Op, Callable[[Any, Any], ColumnElement[bool]]]] = {
    Op.EQ: lambda left, right: left == right,
    Op.NEQ: lambda left, right: left != right,
    Op.GT: lambda left, right: left > right,
    Op.GTE: lambda left, right: left >= right,
    Op.LT: lambda left, right: left < right,
    Op.LTE: lambda left, right: left <= right,
    Op.ISDISTINCT: lambda left, right: left.is_distinct_from(right),
    Op.LIKE: lambda left, right: getattr(sa.func, LIKE)(right, left, type_=sa.Boolean),
    Op.ILIKE: lambda left, right: getattr(sa.func, ILIKE)(right, left, type_=sa.Boolean),
}

_BEFORE_OR_BEHIND: Final = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})


@dataclass(frozen=True, slots=True)
class Storage:
    """A model's table, and how each column keeps its values."""

    table: sa.Table
    fields: Mapping[str, Field]
    declared: Mapping[str, Declared]
    keepings: Mapping[str, Keeping]

    @classmethod
    def of(cls, model: Model, table: sa.Table) -> "Storage":
        """Take the declared types from the reflected table."""
        fields = {each.name: each for each in (*model.fields, *model.backstage)}
        declared = {c.key: c.type.declared for c in table.c if isinstance(c.type, DeclaredType)}
        kept = {name: keeping(fields[name].type, declared[name]) for name in fields}
        return cls(table, fields, declared, kept)


class SqliteStrategy:
    """The strategy of `Predicates` for SQLite, for one statement over one model."""

    def __init__(self, binds: Binds, storage: Storage) -> None:
        self._binds = binds
        self._storage = storage

    def operand(self, column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        """Return a column, or what stands at a path in it, such that comparing it is right."""
        kind, declared = self._storage.fields[path.field].type, self._storage.declared[path.field]
        if path.steps or kind is FieldType.JSON:
            return self._inside(column, path)
        if kind in _OPAQUE:
            return sa.cast(column, sa.Text()).collate("BINARY")
        if kind is FieldType.DECIMAL and declared.affinity is Affinity.TEXT:
            return column.collate(DECIMAL)
        if declared.unlike:
            return column.collate(MOMENT)
        if kind in _NUMBERS or kind is FieldType.DECIMAL:
            return column
        return column.collate("BINARY")

    def comparison(
        self, model: str, operand: ColumnElement[Any], condition: Condition, slot: int
    ) -> ColumnElement[Any]:
        """Return a condition; `slot` is the position of its value."""
        op, bind = condition.op, self._bind(condition)
        words = self._storage.fields[condition.path.field].enum
        if words and op in _BEFORE_OR_BEHIND:
            operand, bind = self.place(operand, words), _place_among(words)
        if op is Op.IN:
            return self._hashable(operand, condition).in_(self._listed(slot, bind))
        compare = _COMPARISONS.get(op)
        if compare is None:
            raise Refused(f"SQLite has no operator {op.value}", hint=f"it has {', '.join(_COMPARISONS)} and in")
        if condition.quantifier is not None:
            return self._quantified(compare, operand, condition.quantifier, slot, bind)
        return compare(operand, self._binds.value(slot, sa.types.NULLTYPE, bind))

    def place(self, operand: ColumnElement[Any], words: Sequence[str]) -> ColumnElement[Any]:
        """Return where a word stands among those that its column may hold: that is the order of an enum."""
        each = (self._binds.constant(word, sa.types.NULLTYPE) for word in words)
        return sa.case(*((operand == word, sa.literal_column(str(at))) for at, word in enumerate(each)))

    def _inside(self, column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        as_text = bool(path.steps) and path.steps[-1].text
        steps = self._binds.constant(json_text([step.key for step in path.steps]), sa.types.NULLTYPE)
        found: ColumnElement[Any] = getattr(sa.func, TEXT_IN_JSON if as_text else JSON)(column, steps, type_=sa.Text)
        return found.collate("BINARY" if as_text else JSON)

    def _bind(self, condition: Condition) -> Callable[[Any], Stored]:
        if condition.op in (Op.LIKE, Op.ILIKE):
            return like_pattern
        steps = condition.path.steps
        if steps:
            return text_or_none if steps[-1].text else _json
        return self._storage.keepings[condition.path.field].bind

    def _listed(self, slot: int, bind: Callable[[Any], Stored]) -> sa.Select[Any]:
        values = self._binds.value(slot, sa.types.NULLTYPE, lambda values: listed(map(bind, values)))
        return sa.select(sa.func.json_each(values).table_valued("value").c.value)

    def _hashable(self, operand: ColumnElement[Any], condition: Condition) -> ColumnElement[Any]:
        is_bytes = self._storage.fields[condition.path.field].type is FieldType.BYTES and not condition.path.steps
        return sa.case((operand.is_not(None), sa.func.hex(operand))) if is_bytes else operand  # hex(NULL) is ''

    def _quantified(
        self,
        compare: Callable[[Any, Any], ColumnElement[bool]],
        operand: ColumnElement[Any],
        quantifier: Quantifier,
        slot: int,
        bind: Callable[[Any], Stored],
    ) -> ColumnElement[Any]:
        """Compare with every value of a list, and put the answers together as SQL does, unknown ones included."""
        values = self._binds.value(slot, sa.types.NULLTYPE, lambda values: listed(map(bind, values)))
        each = sa.func.json_each(values).table_valued("value").alias("each")
        holds = compare(operand, each.c.value)
        one: ColumnElement[int] = sa.literal_column("1")
        zero: ColumnElement[int] = sa.literal_column("0")
        best, yes, no = (sa.func.max, one, zero) if quantifier is Quantifier.ANY else (sa.func.min, zero, one)
        unknown = sa.func.count(holds) < sa.func.count()
        case = sa.case((best(holds) == yes, yes), (unknown, sa.null()), else_=no)
        return sa.select(case).select_from(each).scalar_subquery() == one


class Building:
    """One statement under construction."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.table = storage.table
        self.binds = Binds()
        self.slots: Iterator[int] = count()
        self._strategy = SqliteStrategy(self.binds, storage)
        self._predicates = Predicates(self._strategy, str(self.table.name), {c.key: c for c in self.table.c})

    def filter(self, term: Filter) -> ColumnElement[bool]:
        """Translate a filter, whose values take the next positions."""
        return self._predicates.filter(_spelled(term), self.slots)

    def order(self, term: Order) -> ColumnElement[Any]:
        """Translate one term of an order; SQLite has NULLs first where PostgreSQL has them last."""
        if term.nulls is None and self.storage.fields[term.path.field].nullable:
            term = replace(term, nulls=Nulls.FIRST if term.nulls_first else Nulls.LAST)
        words = self.storage.fields[term.path.field].enum
        if not words:
            return self._predicates.order(term)
        return Predicates.directed(self._strategy.place(self._predicates.operand(term.path), words), term)

    def bound(self, slot: int, bind: Callable[[Any], object]) -> sa.BindParameter[Any]:
        """Return a parameter for the value at a position."""
        return self.binds.value(slot, sa.types.NULLTYPE, bind)

    def compiled(self, clause: sa.sql.ClauseElement) -> Statement:
        """Render the statement."""
        return self.binds.compile(clause, DIALECT)


def listed(values: Any) -> str:
    """Write stored values as a JSON array that `json_each` takes apart again without loss."""
    return f"[{','.join(map(_literal, values))}]"


def _literal(value: Stored) -> str:
    match value:
        case float() if value in (float("inf"), float("-inf")):
            return "9e999" if value > 0 else "-9e999"
        case float():
            return repr(value)
        case bytes():
            return f'"{value.hex().upper()}"'
        case _:
            return json_text(value)


def _place_among(words: Sequence[str]) -> Callable[[Any], Stored]:
    return lambda word: None if word is None else words.index(word)


def _json(value: object) -> Stored:
    return None if value is None else json_text(value)


def _spelled(term: Filter) -> Filter:
    """Say `is unknown` as SQLite does."""
    match term:
        case Condition(op=Op.IS, value=Is.UNKNOWN):
            return replace(term, value=Is.NULL)
        case Condition():
            return term
        case Not(inner):
            return Not(_spelled(inner))
        case And(terms):
            return And(tuple(map(_spelled, terms)))
        case Or(terms):
            return Or(tuple(map(_spelled, terms)))
