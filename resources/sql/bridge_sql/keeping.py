"""How a column keeps its values, for databases whose rows become JSON here: what several of them have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from types import NoneType
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import msgspec

from bridge_core.errors import BadValue, Malformed
from bridge_core.schema import Field
from bridge_core.values import JSON_NULL, decode_json, json_text, jsonable, text_of

Stored: TypeAlias = Any
"""A value as the driver of a database gives and takes it."""

TEXT: Final[frozenset[type]] = frozenset({str, NoneType})
TEXT_OR_INT: Final[frozenset[type]] = frozenset({str, int, NoneType})
_raw = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How one column keeps its values.

    `bind` gives what is compared with and what is written; `load` a Python value; `show` a column of stored values as
    JSON has them, in the given zone.
    """

    bind: Callable[[Any], Stored]
    load: Callable[[Stored], object]
    show: Callable[[Sequence[Stored], tzinfo], Sequence[object]]


def text_or_none(value: object) -> str | None:
    """Return a value as text, if there is one."""
    return None if value is None else text_of(value)


def same(value: object) -> object:
    """Return a value as it is."""
    return value


def by_value(bind: Callable[[Any], Stored], load: Callable[[Stored], object]) -> Keeping:
    """Show each value as JSON has what `load` makes of it."""

    def show(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
        return [jsonable(load(value), zone) for value in column]

    return Keeping(bind, load, show)


def plain(known: frozenset[type]) -> Callable[[Sequence[Stored], tzinfo], Sequence[object]]:
    """Show a column as it is where it holds nothing but these types: one pass in C over the common case."""

    def show(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
        return column if known.issuperset(map(type, column)) else [jsonable(value, zone) for value in column]

    return show


def bind_boolean(value: bool | None) -> Stored:
    """Return 1 or 0."""
    return None if value is None else int(value)


def load_boolean(value: Stored) -> object:
    """Read 1 and 0 as a boolean; anything else stays as it is."""
    return bool(value) if value in (0, 1) else value


def load_uuid(value: Stored) -> object:
    """Read 16 bytes as the UUID that they are."""
    return str(UUID(bytes=value)) if isinstance(value, bytes) and len(value) == 16 else value


def bind_json(value: object) -> Stored:
    """Return JSON text."""
    return None if value is None else json_text(value)


def load_json(value: Stored) -> object:
    """Read JSON text; what is none stays text."""
    if not isinstance(value, str):
        return Decimal(repr(value)) if isinstance(value, float) else value
    try:
        found = decode_json(value)
    except Malformed:
        return value
    return JSON_NULL if found is None else found


def show_json(column: Sequence[Stored], zone: tzinfo) -> Sequence[object]:
    """Show JSON text as it is written, where it is JSON."""
    return [_passed(value) if isinstance(value, str) else jsonable(value, zone) for value in column]


def _passed(text: str) -> object:
    """Hand JSON on as it is written, if it is JSON."""
    try:
        return _raw.decode(text)
    except msgspec.DecodeError:
        return text


class Kept(Protocol):
    """The fields of a model, and how the column of each keeps its values."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields by name, those behind the caller's back included."""
        ...

    @property
    def keepings(self) -> Mapping[str, Keeping]:
        """How their columns keep their values."""
        ...


def like_pattern(value: object) -> str | None:
    """Return a pattern to bind; one that ends within an escape is refused, as PostgreSQL does."""
    pattern = None if value is None else str(value)
    if pattern is not None and (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise BadValue("LIKE pattern must not end with escape character", code="22025")
    return pattern
