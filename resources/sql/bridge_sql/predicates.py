"""Filter -> SQLAlchemy expression, for every dialect; what differs between dialects is asked of a `Strategy`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, assert_never

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.query import And, Condition, Filter, Is, Not, Nulls, Op, Or, Order, Path


class Strategy(Protocol):
    """What a dialect does in its own way."""

    def operand(self, column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        """Return the expression that a path stands for, in a filter or an order."""
        ...

    def comparison(
        self, model: str, operand: ColumnElement[Any], condition: Condition, slot: int
    ) -> ColumnElement[Any]:
        """Return a condition other than `is`; `slot` is the position of its value."""
        ...


class Predicates:
    """Translates filters and orders over the columns of one model."""

    def __init__(
        self,
        strategy: Strategy,
        model: str,
        columns: Mapping[str, ColumnElement[Any]],
        related: Callable[[Path], ColumnElement[Any]] | None = None,
    ) -> None:
        """Take the columns by field name: those of the table, or of a statement that returns its rows.

        `related` gives what a path through an embed leads to: a value, or, without a field, whether it is there.
        """
        self._strategy = strategy
        self._model = model
        self._columns = columns
        self._related = related

    def filter(self, term: Filter, slots: Iterator[int]) -> ColumnElement[bool]:
        """Translate a filter; each condition but `is` takes the next slot."""
        match term:
            case Condition():
                return self._condition(term, slots)
            case Not(inner):
                return sa.not_(self.filter(inner, slots))
            case And(terms):
                return sa.and_(sa.true(), *[self.filter(each, slots) for each in terms])
            case Or(terms):
                return sa.or_(sa.false(), *[self.filter(each, slots) for each in terms])
        assert_never(term)

    def order(self, term: Order) -> ColumnElement[Any]:
        """Translate one term of an order."""
        return self.directed(self.operand(term.path), term)

    @staticmethod
    def directed(operand: ColumnElement[Any], term: Order) -> ColumnElement[Any]:
        """Return a value in the direction of a term."""
        directed = operand.desc() if term.descending else operand.asc()
        if term.nulls is None:
            return directed
        return directed.nulls_first() if term.nulls is Nulls.FIRST else directed.nulls_last()

    def operand(self, path: Path) -> ColumnElement[Any]:
        """Return the expression that a path stands for."""
        if path.embed is not None:
            assert self._related is not None  # only a read embeds
            return self._related(path)
        return self._strategy.operand(self._columns[path.field], path)

    def _condition(self, condition: Condition, slots: Iterator[int]) -> ColumnElement[Any]:
        operand = self.operand(condition.path)
        if condition.path.embed is not None and not condition.path.field:
            return sa.not_(operand) if condition.value is Is.NULL else operand
        if condition.op is Op.IS:
            return _IS[Is(str(condition.value))](operand)
        return self._strategy.comparison(self._model, operand, condition, next(slots))


_IS: Final[Mapping[Is, Callable[[ColumnElement[Any]], ColumnElement[Any]]]] = {
    Is.NULL: lambda operand: operand.is_(None),
    Is.NOT_NULL: lambda operand: operand.is_not(None),
    Is.TRUE: lambda operand: operand.is_(sa.true()),
    Is.FALSE: lambda operand: operand.is_(sa.false()),
    Is.UNKNOWN: lambda operand: operand.op("IS", is_comparison=True)(sa.literal_column("UNKNOWN")),
}
