"""A read and what is nested in it -> one SELECT: every far end is a level of its own, correlated with the one above.

A level knows its table (under an alias), its columns, the position of its first value, and the levels below. Filters
that speak of related records become EXISTS; what is nested in the answer becomes a scalar sub-select of JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import sqlalchemy as sa
from bridge_sql.facts import NativeType as Native
from bridge_sql.pg_building import EMPTY, ROW, Building, by_name
from bridge_sql.pg_dialect import PgStrategy
from bridge_sql.predicates import Predicates
from bridge_sql.shape import filter_width, read_width
from sqlalchemy.sql.elements import ColumnElement

from bridge_core.errors import BadValue, Refused
from bridge_core.operations import Embed, Read
from bridge_core.query import EVERYTHING, ROWS, Aggregate, Column, Order, Path, Slice, conditions
from bridge_core.schema import Cardinality

_RAW: Final = "bridge raw"
_ONE: Final[ColumnElement[Any]] = sa.literal_column("1")
_TO_ONE: Final = frozenset({Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_ONE})


def to_one(embed: Embed) -> bool:
    """Tell whether an embed leads to one record at most."""
    return embed.relation.cardinality in _TO_ONE


@dataclass(frozen=True, slots=True)
class Output:
    """One value of an answer; `expression` None stands for the records themselves, which are counted."""

    name: str
    expression: ColumnElement[Any] | None
    column: Column | None = None
    embed: str | None = None  # that it was lifted from

    @property
    def aggregate(self) -> Aggregate | None:
        """How the value is computed from many."""
        return self.column.aggregate if self.column is not None else None


@dataclass(frozen=True, slots=True)
class _Far:
    """The far end of an embed, the position of the values of its junction's scope, and the junction's table."""

    embed: Embed
    level: "Level"
    scope_at: int
    junction: Building | None


class Level:
    """One model of a statement: the one that is read, or the far end of an embed."""

    def __init__(
        self,
        building: Building,
        read: Read,
        first: int = 0,
        *,
        above: Sequence[sa.FromClause] = (),
        columns: Mapping[str, ColumnElement[Any]] | None = None,
    ) -> None:
        """Take the position of the first value, and the tables of the levels above."""
        self.building = building
        self.read = read
        self.columns = columns if columns is not None else by_name(building.table)
        self.predicates: Predicates = building.predicates(self.columns, related=self._related)
        self._above = above
        self._first = first
        self._far = self._levels_below()

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a record must satisfy: filter, row scope, keys, and the related records that it must have."""
        read, slots = self.read, count(self._first)
        found = [self.predicates.filter(term, slots) for term in (read.where, read.scope) if term != EVERYTHING]
        if read.keys is not None:
            found.append(self.building.keyed(read.model.key, next(slots)))
        return found + [self._exists(far) for far in self._far.values() if far.embed.inner]

    def matching(self) -> sa.Select[Any]:
        """Return a select of nothing yet over the records that match."""
        return sa.select().select_from(self.building.table).where(*self.conditions())

    def rows(self, base: sa.Select[Any] | None = None, *, windowed: bool = True) -> sa.Select[Any]:
        """Return the select of the answer's rows, over the records that match, or over others that were chosen."""
        chosen = self.matching() if base is None else base
        outputs = self.outputs()
        if any(each.aggregate for each in outputs):
            rows = self._grouped(chosen, outputs)
        else:
            values = [_labelled(each.name, each.expression) for each in outputs if each.expression is not None]
            rows = chosen.add_columns(*values).order_by(*map(self.predicates.order, self.read.order))
        return self.windowed(rows) if windowed else rows

    def outputs(self) -> list[Output]:
        """Return the values of the answer; of two with one name, the last one counts, as in any JSON."""
        found = {column.name: self._output(column) for column in self._select()}
        for far in self._far.values():
            embed = far.embed
            if not embed.shown:
                continue
            if embed.spread:
                found |= {each.name: self._spread(far, each) for each in far.level.outputs()}
            else:
                found[embed.name] = Output(embed.name, self._nested(far))
        return list(found.values())

    @property
    def grouped(self) -> bool:
        """Whether a row of the answer stands for many records."""
        return any(each.aggregate for each in self.outputs())

    def _levels_below(self) -> Mapping[str, _Far]:
        at = self._first + read_width(replace(self.read, embeds=()))
        above = (*self._above, self.building.table)
        found = {}
        for embed in self.read.embeds:
            level = Level(self.building.nested(embed.read.model), embed.read, at, above=above)
            at += read_width(embed.read)
            junction = self.building.nested(embed.junction) if embed.junction is not None else None
            found[embed.name] = _Far(embed, level, at, junction)
            at += filter_width(embed.junction_scope)
        return found

    def _select(self) -> Sequence[Column]:
        if self.read.select or self.read.embeds:
            return self.read.select
        return [Column(Path(field.name)) for field in self.read.model.readable]

    def _output(self, column: Column) -> Output:
        if column.path == ROWS:
            return Output(column.name, None, column)
        return Output(column.name, self.building.selected(column, self.columns[column.path.field]), column)

    def _joined(self, far: _Far) -> sa.Select[Any]:
        """Return a select of nothing yet over the related records of the record at hand."""
        relation, near, theirs = far.embed.relation, self.columns, far.level.columns
        chosen = far.level.matching()
        if far.junction is None or relation.junction is None:
            pairs = zip(relation.fields, relation.target_fields, strict=True)
            return self._correlated(chosen.where(*[near[ours] == theirs[other] for ours, other in pairs]))
        table, between = far.junction.table, relation.junction
        conditions = [near[ours] == table.c[name] for ours, name in zip(relation.fields, between.near, strict=True)]
        pairs = zip(relation.target_fields, between.far, strict=True)
        conditions += [theirs[other] == table.c[name] for other, name in pairs]
        if far.embed.junction_scope != EVERYTHING:
            scope = far.junction.predicates(by_name(table)).filter(far.embed.junction_scope, count(far.scope_at))
            conditions.append(scope)
        return self._correlated(chosen.select_from(table).where(*conditions))

    def _correlated(self, chosen: sa.Select[Any]) -> sa.Select[Any]:
        return chosen.correlate(*self._above, self.building.table)

    def _exists(self, far: _Far) -> ColumnElement[bool]:
        return sa.exists(self._joined(far).add_columns(sa.literal_column("1")))

    def _related(self, path: Path) -> ColumnElement[Any]:
        """Return whether there are related records, or a value of the one that there is."""
        far = self._far[path.embed or ""]
        if not path.field:
            return self._exists(far)
        value = far.level.predicates.operand(replace(path, embed=None))
        return self._joined(far).add_columns(value).limit(_ONE).scalar_subquery()

    def _nested(self, far: _Far) -> ColumnElement[Any]:
        rows = far.level.rows(self._joined(far))
        single = to_one(far.embed)
        inner = (rows.limit(_ONE) if single else rows).subquery(ROW)
        row = inner.table_valued()
        value = sa.func.row_to_json(row) if single else sa.func.coalesce(sa.func.json_agg(row), EMPTY)
        return sa.select(value).select_from(inner).scalar_subquery()

    def _spread(self, far: _Far, output: Output) -> Output:
        """Lift a value of related records: as itself from one record, as an array from many."""
        single = to_one(far.embed)
        if output.aggregate and not single:
            raise Refused("Aggregates are not implemented for one-to-many or many-to-many spreads.", code="PGRST127")
        name = far.embed.name
        if output.expression is None:
            return Output(output.name, None, output.column, name)
        chosen = self._joined(far)
        if single:
            value = chosen.add_columns(output.expression).limit(_ONE).scalar_subquery()
            return Output(output.name, value, output.column, name)
        order = map(far.level.predicates.order, far.level.read.order)
        one = far.level.windowed(chosen.add_columns(output.expression.label("value")).order_by(*order)).subquery(_RAW)
        array = sa.func.coalesce(sa.func.json_agg(one.c.value), EMPTY)
        return Output(output.name, sa.select(array).select_from(one).scalar_subquery())

    def _grouped(self, chosen: sa.Select[Any], outputs: Sequence[Output]) -> sa.Select[Any]:
        shown = [each for each in outputs if each.expression is not None]
        raw_columns = {each.name: _comparable(each).label(f"c{at}") for at, each in enumerate(shown)}
        raw = chosen.add_columns(*(raw_columns.values() or [sa.literal_column("1")])).subquery(_RAW)
        values = {each.name: self._computed(each, raw, raw_columns) for each in outputs}
        groups = [values[each.name] for each in outputs if each.aggregate is None]
        order = [self._group_order(term, outputs, values) for term in self.read.order]
        labelled = [_labelled(name, value) for name, value in values.items()]
        rows = sa.select(*labelled).select_from(raw).group_by(*groups).order_by(*order)
        return rows if self.read.having == EVERYTHING else rows.having(self._having(outputs, values))

    def _having(self, outputs: Sequence[Output], values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
        """Translate the filter of groups over the values of the answer."""
        columns = {each.name: each.column for each in outputs if each.column is not None}
        named = {term.path.field for term in conditions(self.read.having)}
        types = {name: self.building.computed(column) for name, column in columns.items() if name in named}
        window = self.read.window
        assert isinstance(window, Slice)  # the models are declared to page by offset
        at = self._at_window() + (window.limit is not None) + (window.offset > 0)
        return Predicates(PgStrategy(self.building.binds, types), "", values).filter(self.read.having, count(at))

    def _computed(self, output: Output, raw: sa.FromClause, columns: Mapping[str, sa.Label[Any]]) -> ColumnElement[Any]:
        column = output.column
        value = raw.c[columns[output.name].name] if output.expression is not None else None
        if column is None or column.aggregate is None:
            assert value is not None  # only aggregates count records
            return value
        function = getattr(sa.func, column.aggregate.value)
        result: ColumnElement[Any] = function(value) if value is not None else sa.func.count()
        return self.building.cast(result, column.result_cast)

    def _group_order(
        self, term: Order, outputs: Sequence[Output], values: Mapping[str, ColumnElement[Any]]
    ) -> ColumnElement[Any]:
        for each in outputs:
            same = (
                each.column is not None
                and each.aggregate is None
                and each.embed == term.path.embed
                and each.column.path == replace(term.path, embed=None)
            )
            if same or (not term.path.steps and each.name == term.path.field):
                return Predicates.directed(values[each.name], term)
        raise BadValue(f'column "{term.path.field}" must appear in the select to be sorted by in groups', code="42803")

    def windowed(self, rows: sa.Select[Any]) -> sa.Select[Any]:
        """Return only the rows within the window of the read."""
        read = self.read
        at = self._at_window()
        window = read.window
        assert isinstance(window, Slice)  # the models are declared to page by offset
        if window.limit is not None:
            rows = rows.limit(self.building.position(at))
            at += 1
        return rows.offset(self.building.position(at)) if window.offset else rows

    def _at_window(self) -> int:
        """Return the position of the values of the window, behind those of filters and keys."""
        read = self.read
        return self._first + filter_width(read.where) + filter_width(read.scope) + (read.keys is not None)


def _comparable(output: Output) -> ColumnElement[Any]:
    assert output.expression is not None  # the caller leaves counts of records out
    nested = output.column is None  # JSON, which can be grouped by in its other form only
    return sa.cast(output.expression, Native("pg_catalog.jsonb")) if nested else output.expression


def _labelled(name: str, expression: ColumnElement[Any]) -> sa.Label[Any]:
    return expression.label(sa.sql.quoted_name(name, quote=True))
