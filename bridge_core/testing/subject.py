"""What an adapter author tells the conformance kit: which adapter, and what may be done to its backend."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from bridge_core.adapter import Plugin
from bridge_core.operations import Record
from bridge_core.schema import Model

Failing: TypeAlias = Callable[[int], AbstractContextManager[None]]
"""From now, let so many calls to the backend through and fail every later one, until the block ends."""

NewRecord: TypeAlias = Callable[[Model, int], Record]
"""Make a record that the backend takes, another one for each number."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter to be held to what it declares.

    The kit opens the adapter anew for each check, and writes to the models whose capabilities say that this can be
    done: point `settings` at data that may change. All else is optional; what is not given is reported as not
    checked. `models` limits the checks to these. `records` are all that are known to stand in a model.
    """

    plugin: Plugin
    settings: Mapping[str, object] = field(default_factory=dict)
    models: tuple[str, ...] | None = None
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    new_record: NewRecord | None = None  # None: made from the types of the fields
    failing: Failing | None = None
    known: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # checks that are broken for now -> why
    longest_hold: float = 0.1  # seconds that one step may keep the event loop from all others
