"""The contract of an adapter: describe, read, create, update, delete, close; everything else is optional."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from bridge_core.errors import Outcome
from bridge_core.operations import Act, Create, Delete, Page, Read, Update, Written
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


@runtime_checkable
class Actions(Protocol):
    """An adapter whose models have actions: `Model.actions` says which."""

    async def act(self, op: Act, /) -> Written:
        """Do an action to one record, and give the record back as it is then."""
        ...


@runtime_checkable
class Transactions(Protocol):
    """An adapter that can tell afterwards what became of a write whose answer was lost.

    Such an adapter honours `WriteOptions.witness`: before a write becomes final, it calls it with a token and with the
    answer that will hold; if that raises, nothing is applied.
    """

    async def outcome_of(self, token: str, /) -> Outcome | None:
        """Return what became of the write with this token; None: it is still under way."""
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """How many units of a quota may be spent: `number` per so many seconds, up to `burst` of them at once."""

    number: float
    per: float = 1.0  # seconds
    burst: float | None = None  # None: as many as in one period

    def shared(self, parts: int) -> "Rate":
        """Return what each of so many processes may spend, so that all together keep the rate."""
        burst = self.number if self.burst is None else self.burst
        return Rate(self.number / parts, self.per, max(1.0, burst / parts))


class Budget(Protocol):
    """The quotas of one resource, by scope; the scopes are those of `Plugin.rates`."""

    async def spend(self, scope: str, units: float = 1.0) -> None:
        """Wait until so much may be spent; raise RateLimited where that is beyond the deadline."""
        ...

    def pause(self, scope: str, seconds: float) -> None:
        """Spend nothing for a while: the backend said that the quota is used up."""
        ...


class Unlimited:
    """A budget without bounds, for tests of adapters."""

    async def spend(self, scope: str, units: float = 1.0) -> None:
        """Spend it."""

    def pause(self, scope: str, seconds: float) -> None:
        """Go on."""


def no_rates(settings: Any) -> Mapping[str, Rate]:
    """Declare no quota."""
    return {}


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
    budget: Budget = Unlimited()


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an entry point in the group `bridge.adapters` resolves to.

    `settings` is a pydantic model that forbids unknown keys: the resource's table in plugins.toml is validated by it.
    `connect` opens the adapter; it raises ConfigurationError when the settings cannot work and Unavailable when the
    backend cannot be reached now. `rates` are the quotas of the backend by scope, for these settings: the adapter
    spends them through `AdapterContext.budget`, but for the scope `call`, which every call of the adapter spends.
    """

    name: str
    settings: type[Any]  # a pydantic BaseModel; named loosely so that the contract needs no import of it
    connect: Callable[[Any, AdapterContext], Awaitable[Adapter]]
    contract: int = CONTRACT
    rates: Callable[[Any], Mapping[str, Rate]] = no_rates
