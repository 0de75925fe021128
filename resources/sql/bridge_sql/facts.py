"""What every dialect's catalogue is boiled down to: relations, references, and types by their own names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy.types import TypeEngine, UserDefinedType

from bridge_core.schema import Field


class Place(NamedTuple):
    """Where a relation stands: its schema and its name there."""

    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Writes:
    """Which kinds of writes a relation takes."""

    create: bool = True
    update: bool = True
    delete: bool = True


READ_ONLY = Writes(create=False, update=False, delete=False)


@dataclass(frozen=True, slots=True)
class Found:
    """One table or view, as its database describes it; `types` are SQLAlchemy's, by field."""

    place: Place
    kind: str
    fields: tuple[Field, ...]
    types: Mapping[str, TypeEngine[Any]]
    key: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    comment: str = ""
    writes: Writes = Writes()


@dataclass(frozen=True, slots=True)
class Reference:
    """One foreign key: `columns[i]` of the source hold what `target_columns[i]` of the target hold."""

    name: str
    source: Place
    columns: tuple[str, ...]
    target: Place
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that one database was found to hold."""

    found: Sequence[Found]
    references: Sequence[Reference]


class NativeType(UserDefinedType[object]):
    """A type known to the database alone; it compiles to its own name."""

    cache_ok = True

    def __init__(self, native: str) -> None:
        """Take the name as the database itself writes it, quoted where it must be."""
        self.native = native

    def get_col_spec(self, **_: object) -> str:
        """Return the name, as SQLAlchemy asks for it."""
        return self.native
