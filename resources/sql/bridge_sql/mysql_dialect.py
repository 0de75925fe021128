"""How MySQL and MariaDB compare: texts by their code points, whatever the collation of their column."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.keeping import Keeping, like_pattern
from bridge_sql.mysql_types import MysqlType, keeping
from bridge_sql.predicates import Predicates
from bridge_sql.statement import Binds, Statement
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import Refused
from bridge_core.query import And, Condition, Filter, Is, Not, Op, Or, Order, Path, Quantifier
from bridge_core.schema import Field, FieldType, Model

DIALECT: Final = mysql.dialect(paramstyle="qmark")
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.ENUM})
_COMPARISONS: Final[Mapping[Op, Callable[[Any, Any], ColumnElement[Any]]]] = {
    Op.EQ: lambda left, right: left == right,
    Op.NEQ: lambda left, right: left != right,
    Op.GT: lambda left, right: left > right,
    Op.GTE: lambda left, right: left >= right,
    Op.LT: lambda left, right: left < right,
    Op.LTE: lambda left, right: left <= right,
    Op.ISDISTINCT: lambda left, right: left.is_distinct_from(right),
    Op.LIKE: lambda left, right: left.op("LIKE", is_comparison=True)(right),
    Op.ILIKE: lambda left, right: sa.func.lower(left).op("LIKE", is_comparison=True)(sa.func.lower(right)),
}


@dataclass(frozen=True, slots=True)
class Storage:
    """A model's table, and how each column keeps its values. `exact` is a collation by code points, without padding."""

    table: sa.Table
    fields: Mapping[str, Field]
    types: Mapping[str, MysqlType]
    keepings: Mapping[str, Keeping]
    exact: str

    @classmethod
    def of(cls, model: Model, table: sa.Table, *, is_mariadb: bool) -> "Storage":
        """Take the types from the reflected table."""
        fields = {each.name: each for each in (*model.fields, *model.backstage)}
        types = {c.key: c.type for c in table.c if isinstance(c.type, MysqlType)}
        kept = {name: keeping(fields[name].type, types[name]) for name in fields}
        return cls(table, fields, types, kept, "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin")


class MysqlStrategy:
    """The strategy of `Predicates` for MySQL, for one statement over one model."""

    def __init__(self, binds: Binds, storage: Storage) -> None:
        self._binds = binds
        self._storage = storage

    def operand(self, column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        """Return a column such that comparing it is right."""
        if path.steps:
            raise Refused("MySQL is not asked to look into JSON", hint="filter and sort by whole fields")
        if self._storage.fields[path.field].type not in _TEXTS:
            return column
        if self._storage.types[path.field].charset == "utf8mb4" and self._storage.types[path.field].base != "enum":
            return column.collate(self._storage.exact)
        converted = sa.func.convert(column.op("USING")(sa.literal_column("utf8mb4")), type_=sa.Text)
        return converted.collate(self._storage.exact)

    def comparison(
        self, model: str, operand: ColumnElement[Any], condition: Condition, slot: int
    ) -> ColumnElement[Any]:
        """Return a condition; `slot` is the position of its value."""
        op, field = condition.op, condition.path.field
        compare = _COMPARISONS.get(op)
        if compare is None:
            raise Refused(f"MySQL is not asked for {op.value}", hint=f"it has {', '.join(_COMPARISONS)} and in")
        bind = like_pattern if op in (Op.LIKE, Op.ILIKE) else self._storage.keepings[field].bind
        holds = compare(operand, self._binds.value(slot, sa.types.NULLTYPE, bind))
        if op is Op.EQ and self._storage.fields[field].type is FieldType.TEXT:
            # The first can use an index, in the collation of the column; the second is exact, and implies the first.
            return sa.and_(self._storage.table.c[field] == self._binds.value(slot, sa.types.NULLTYPE, bind), holds)
        return holds


class Building:
    """One statement under construction."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.table = storage.table
        self.binds = Binds()
        self.slots: Iterator[int] = count()
        self._predicates = Predicates(
            MysqlStrategy(self.binds, storage), str(self.table.name), {c.key: c for c in self.table.c}
        )

    def filter(self, term: Filter) -> ColumnElement[bool]:
        """Translate a filter, whose values take the next positions."""
        return self._predicates.filter(term, self.slots)

    def order(self, term: Order) -> list[ColumnElement[Any]]:
        """Translate one term of an order; MySQL has NULLs first, and no words to put them elsewhere."""
        directed = self._predicates.order(replace(term, nulls=None))
        if not self.storage.fields[term.path.field].nullable or term.nulls_first is not term.descending:
            return [directed]
        without = self._predicates.operand(term.path).is_(None)
        return [without.desc() if term.nulls_first else without.asc(), directed]

    def bound(self, slot: int, bind: Callable[[Any], object]) -> sa.BindParameter[Any]:
        """Return a parameter for the value at a position."""
        return self.binds.value(slot, sa.types.NULLTYPE, bind)

    def compiled(self, clause: sa.sql.ClauseElement) -> Statement:
        """Render the statement."""
        return self.binds.compile(clause, DIALECT)


def spelled(term: Filter) -> Filter:
    """Say lists as several comparisons; their number is rounded up, so that few shapes of statements come about."""
    match term:
        case Condition(op=Op.IS, value=Is.UNKNOWN):
            return replace(term, value=Is.NULL)
        case Condition(op=Op.IN, value=tuple(values)):
            return Or(tuple(replace(term, op=Op.EQ, value=value) for value in _rounded(values)))
        case Condition(quantifier=Quantifier() as quantifier, value=tuple(values)):
            each = tuple(replace(term, quantifier=None, value=value) for value in _rounded(values))
            return Or(each) if quantifier is Quantifier.ANY else And(each)
        case Condition():
            return term
        case Not(inner):
            return Not(spelled(inner))
        case And(terms):
            return And(tuple(map(spelled, terms)))
        case Or(terms):
            return Or(tuple(map(spelled, terms)))


def keyed(key: tuple[str, ...], keys: tuple[tuple[object, ...], ...]) -> Filter:
    """Return the filter that a record has one of these keys."""
    return Or(tuple(And(tuple(Condition(Path(n), Op.EQ, v) for n, v in zip(key, each, strict=True))) for each in keys))


def _rounded(values: tuple[object, ...]) -> tuple[object, ...]:
    """Repeat the last of several values until their number is a power of two."""
    if len(values) > _MOST:
        raise Refused(f"a list of {len(values)} values is too long", hint=f"at most {_MOST}")
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values)) if values else ()


_MOST: Final = 10_000
