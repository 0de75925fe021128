"""A compiled statement: SQL text, and where each of its parameters comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with positional parameters.

    `sources[i]` says what parameter i is: the position of a value and how that value is bound, or a constant
    that belongs to the shape (a key of a JSON path, the language of a text search).
    """

    sql: str
    sources: tuple[tuple[int, Callable[[Any], object]], ...]
    constants: tuple[object, ...]

    def parameters(self, values: Sequence[object]) -> list[object]:
        """Return the parameters for these values; a source at position -1 - n is constant n."""
        constants = self.constants
        return [bind(values[at]) if at >= 0 else constants[-1 - at] for at, bind in self.sources]


class Binds:
    """Makes the bind parameters of one statement, and compiles it when it is complete."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[int, Callable[[Any], object]]] = {}
        self._constants: list[object] = []
        self._names = 0

    def value(self, slot: int, type_: sa.types.TypeEngine[Any], bind: Callable[[Any], object]) -> sa.BindParameter[Any]:
        """Return a parameter that takes the value at this position."""
        name = f"v{len(self._sources)}"
        self._sources[name] = (slot, bind)
        return sa.bindparam(name, type_=type_)

    def named(self) -> int:
        """Return a number that no other table of the statement has in its name."""
        self._names += 1
        return self._names

    def constant(self, value: object, type_: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
        """Return a parameter that is the same for every operation of the shape."""
        self._constants.append(value)
        name = f"v{len(self._sources)}"
        self._sources[name] = (-len(self._constants), _same)
        return sa.bindparam(name, type_=type_)

    def compile(self, clause: sa.sql.ClauseElement, dialect: Dialect) -> Statement:
        """Render a clause for a dialect with positional parameters."""
        compiled = clause.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
        order = compiled.positiontup or ()
        return Statement(str(compiled), tuple(self._sources[name] for name in order), tuple(self._constants))


def _same(value: object) -> object:
    return value
