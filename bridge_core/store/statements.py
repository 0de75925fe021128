"""Statements that are compiled once, whichever connection runs them. Every value in them is a parameter."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import JSON, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase

_SQLITE: Final = sqlite.dialect(paramstyle="named")


class Encoded(str):
    """JSON that is text already; the store keeps it as it is."""

    __slots__ = ()


def as_json(value: object) -> str:
    """Return a value as JSON text, for the drivers."""
    return value if type(value) is Encoded else json.dumps(value)


@dataclass(frozen=True, eq=False)
class Query:
    """What is asked again and again."""

    sql: Select[Any]

    @cached_property
    def text(self) -> str:
        """The same for the driver of SQLite."""
        return str(self.sql.compile(dialect=_SQLITE))


@dataclass(frozen=True, eq=False)
class Statement:
    """What changes something. `names` are the columns that an insert fills.

    Where it is `blind`, nobody asks what it did, so many of a kind can be sent as one.
    """

    sql: UpdateBase
    names: tuple[str, ...] = ()
    blind: bool = False

    @cached_property
    def text(self) -> str:
        """The same for the driver of SQLite."""
        return str(self.sql.compile(dialect=_SQLITE, column_keys=list(self.names) or None))

    def decoded(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a row that the driver of SQLite returned as the rest of the store knows it."""
        return {name: json.loads(value) if name in self._json else value for name, value in row.items()}

    @cached_property
    def _json(self) -> frozenset[str]:
        columns = self.sql.returning_column_descriptions
        return frozenset(each["name"] for each in columns if isinstance(each["type"], JSON))


@dataclass(frozen=True, slots=True)
class Change:
    """A statement and the values of its parameters."""

    statement: Statement
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What a change did: how many rows it touched, and the first one that it returned."""

    rows: int
    first: Mapping[str, Any] | None = None
