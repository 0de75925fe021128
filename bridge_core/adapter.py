"""The contract of an adapter: describe, read, create, update, delete, close; everything else is optional."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from bridge_core.operations import Create, Delete, Page, Read, Update, Written
from bridge_core.schema import Model

T = TypeVar("T")

CONTRACT = 1
ENTRY_POINTS = "bridge.adapters"


class Adapter(Protocol):
    """One configured backend.

    Each verb takes one frozen operation. An adapter does what its models declare, exactly; it retries nothing,
    never holds the event loop, and raises the errors of `bridge_core.errors`. It is used by one event loop, by
    many tasks at once.
    """

    async def describe(self) -> Sequence[Model]:
        """Return every model, as the backend has it now; the same each time while nothing changes there."""
        ...

    async def read(self, op: Read, /) -> Page:
        """Return the records that match within scope, or raise; never fewer than there are."""
        ...

    async def create(self, op: Create, /) -> Written:
        """Add records."""
        ...

    async def update(self, op: Update, /) -> Written:
        """Change the records that match; those with `op.keys` where the model is written by key."""
        ...

    async def delete(self, op: Delete, /) -> Written:
        """Remove the records that match; those with `op.keys` where the model is written by key."""
        ...

    async def close(self) -> None:
        """Give back what was opened."""
        ...


@runtime_checkable
class Watches(Protocol):
    """An adapter that can tell when its models changed."""

    async def changed(self) -> None:
        """Return when `describe` may answer differently from the last time; until then, wait."""
        ...


@runtime_checkable
class Probes(Protocol):
    """An adapter that can tell at little cost whether its backend answers."""

    async def probe(self) -> None:
        """Return when the backend answers, or raise Unavailable."""
        ...


@runtime_checkable
class NativeExplain(Protocol):
    """An adapter that can show the statement it would send."""

    async def explain(self, op: Read | Create | Update | Delete, /) -> str:
        """Return the backend's own form of the operation, without values."""
        ...


class ThreadBridge(Protocol):
    """Runs blocking calls of an SDK beside the event loop, a bounded number at once."""

    async def __call__(self, call: Callable[..., T], /, *args: object) -> T:
        """Run `call(*args)` in a thread of this resource and return what it returns."""
        ...


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What the bridge lends to an adapter for as long as it is open.

    `clock` is monotonic seconds; `deadline()` is the moment on that clock when the present request must be done.
    Relative paths in the settings mean files below `folder`, where plugins.toml is.
    """

    resource: str
    threads: ThreadBridge
    clock: Callable[[], float]
    deadline: Callable[[], float]
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an entry point in the group `bridge.adapters` resolves to.

    `settings` is a pydantic model that forbids unknown keys: the resource's table in plugins.toml is validated by it.
    `connect` opens the adapter; it raises ConfigurationError when the settings cannot work and Unavailable when the
    backend cannot be reached now.
    """

    name: str
    settings: type[Any]  # a pydantic BaseModel; named loosely so that the contract needs no import of it
    connect: Callable[[Any, AdapterContext], Awaitable[Adapter]]
    contract: int = CONTRACT
