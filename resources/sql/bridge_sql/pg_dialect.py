"""How PostgreSQL compares, casts and reaches into JSON: values go in as text, and the database casts them.

Every value is bound as text (or an array of texts) and cast to the column's own type, so that what a literal means is
decided by PostgreSQL for every type it has, and no type of the caller's ever meets a driver's codec.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.facts import NativeType as Native
from bridge_sql.pg_types import PgType
from bridge_sql.statement import Binds
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import Refused
from bridge_core.query import Condition, Op, Path, Quantifier
from bridge_core.values import text_of

TEXT: Final = sa.Text()
TEXTS: Final = postgresql.ARRAY(sa.Text())
_JSONB: Final = Native("pg_catalog.jsonb")
_REGCONFIG: Final = Native("pg_catalog.regconfig")

OPERATORS: Final[Mapping[Op, str]] = {
    Op.EQ: "=",
    Op.NEQ: "<>",
    Op.GT: ">",
    Op.GTE: ">=",
    Op.LT: "<",
    Op.LTE: "<=",
    Op.LIKE: "LIKE",
    Op.ILIKE: "ILIKE",
    Op.MATCH: "~",
    Op.IMATCH: "~*",
    Op.ISDISTINCT: "IS DISTINCT FROM",
    Op.CONTAINS: "@>",
    Op.CONTAINED: "<@",
    Op.OVERLAPS: "&&",
    Op.STRICTLY_LEFT: "<<",
    Op.STRICTLY_RIGHT: ">>",
    Op.NOT_EXTENDS_RIGHT: "&<",
    Op.NOT_EXTENDS_LEFT: "&>",
    Op.ADJACENT: "-|-",
}
_PATTERNS: Final = frozenset({Op.LIKE, Op.ILIKE, Op.MATCH, Op.IMATCH})
_SEARCHES: Final[Mapping[Op, Callable[..., Any]]] = {
    Op.FTS: sa.func.to_tsquery,
    Op.PLFTS: sa.func.plainto_tsquery,
    Op.PHFTS: sa.func.phraseto_tsquery,
    Op.WFTS: sa.func.websearch_to_tsquery,
}


def text(value: object) -> str | None:
    """Return a value as the text that PostgreSQL reads."""
    if type(value) is str or value is None:
        return value
    return text_of(value)


def texts(values: Any) -> list[str | None]:
    """Return several values as texts."""
    return [text(value) for value in values]


class PgStrategy:
    """The strategy of `Predicates` for PostgreSQL, for one statement over one model."""

    def __init__(self, binds: Binds, types: Mapping[str, PgType]) -> None:
        self._binds = binds
        self._types = types

    def operand(self, column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        """Return a column, or what stands at a path in it, in a form that can be compared and sorted."""
        if path.text:
            return sa.cast(column, TEXT)
        if not path.steps:
            return column
        as_json = path.steps[-1].text and self._types[path.field].base == "json"
        return self._walk(column if as_json else self._jsonb(column, path.field), path)

    def selected(self, column: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        """Return a column, or what stands at a path in it, in the form that an answer shows."""
        if not path.steps:
            return column
        is_json = self._types[path.field].base in ("json", "jsonb")
        return self._walk(column if is_json else sa.func.to_jsonb(column), path)

    def comparison(
        self, model: str, operand: ColumnElement[Any], condition: Condition, slot: int
    ) -> ColumnElement[Any]:
        """Return a condition; `slot` is the position of its value."""
        op = condition.op
        if op in _SEARCHES:
            return self._search(operand, condition, slot)
        type_ = self._type(condition)
        if op is Op.IN or condition.quantifier is not None:
            return self._several(operand, condition, type_, slot)
        value: ColumnElement[Any] = self._binds.value(slot, TEXT, text)
        if op not in _PATTERNS:
            value = sa.cast(value, Native(type_.name))
        return operand.op(OPERATORS[op], is_comparison=True)(value)

    def key(self, name: str, slot: int, bind: Callable[[Any], object]) -> ColumnElement[Any]:
        """Return an array of key parts, cast to the type of the field."""
        type_ = self._types[name]
        return sa.cast(self._binds.value(slot, TEXTS, bind), Native(type_.array or f"{type_.name}[]"))

    def _several(
        self, operand: ColumnElement[Any], condition: Condition, type_: PgType, slot: int
    ) -> ColumnElement[Any]:
        values: ColumnElement[Any] = self._binds.value(slot, TEXTS, texts)
        if type_.array is None:
            return self._among(operand, condition, values, type_)
        if condition.op not in _PATTERNS:
            values = sa.cast(values, Native(type_.array))
        if condition.op is Op.IN:
            return operand == sa.func.any(values)
        together = sa.func.any if condition.quantifier is Quantifier.ANY else sa.func.all
        return operand.op(OPERATORS[condition.op], is_comparison=True)(together(values))

    def _among(
        self, operand: ColumnElement[Any], condition: Condition, values: ColumnElement[Any], type_: PgType
    ) -> ColumnElement[Any]:
        """Compare with values of a type that has no arrays, such as an array itself."""
        if condition.op is not Op.IN:
            raise Refused(f"{condition.op}: values of {type_.base} cannot be compared with several at once")
        each = sa.func.unnest(values).column_valued("bridge each")
        return operand.in_(sa.select(sa.cast(each, Native(type_.name))))

    def _search(self, operand: ColumnElement[Any], condition: Condition, slot: int) -> ColumnElement[Any]:
        language = (
            (sa.cast(self._binds.constant(condition.option, TEXT), _REGCONFIG),) if condition.option is not None else ()
        )
        query = _SEARCHES[condition.op](*language, self._binds.value(slot, TEXT, text))
        searched = operand
        if self._type(condition).base != "tsvector":
            searched = sa.func.to_tsvector(*language, operand)
        return searched.op("@@", is_comparison=True)(query)

    def _type(self, condition: Condition) -> PgType:
        steps = condition.path.steps
        if condition.path.text:
            return _AS_TEXT
        if not steps:
            return self._types[condition.path.field]
        return _AS_TEXT if steps[-1].text else _AS_JSON

    def _jsonb(self, column: ColumnElement[Any], field: str) -> ColumnElement[Any]:
        base = self._types[field].base
        if base == "jsonb":
            return column
        return sa.cast(column, _JSONB) if base == "json" else sa.func.to_jsonb(column)

    def _walk(self, operand: ColumnElement[Any], path: Path) -> ColumnElement[Any]:
        for step in path.steps:
            key: ColumnElement[Any]
            if isinstance(step.key, int):
                key = sa.literal_column(str(step.key))
            else:
                key = self._binds.constant(step.key, TEXT)
            operand = operand.op("->>" if step.text else "->", precedence=20)(key)
        return operand


_AS_TEXT: Final = PgType("pg_catalog.text", "pg_catalog._text", "text")
_AS_JSON: Final = PgType("pg_catalog.jsonb", "pg_catalog._jsonb", "jsonb")
