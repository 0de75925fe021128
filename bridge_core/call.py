"""The waist: who asks for what until when, and the one function that everything above and below goes through."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeAlias, TypeVar

from bridge_core.errors import DeadlineExceeded
from bridge_core.operations import Answer, Operation, Verb

T = TypeVar("T")

NO_CLAIMS: Mapping[str, object] = MappingProxyType({})


class Rights(Protocol):
    """What a credential itself allows at most, where it says so; what roles grant is narrowed to it."""

    async def allow(self, resource: str, model: str, verb: Verb) -> bool:
        """Tell whether the credential is good for this; Unavailable where that cannot be found out now."""
        ...


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. There is no null principal: a caller without a credential is ANONYMOUS, who has no rights of its own.

    `claims` are what the credential says about its bearer; row rules may refer to them. With `rights`, the
    credential brings its own permissions; roles, where there are any, narrow them.
    """

    subject: str
    roles: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default_factory=lambda: NO_CLAIMS, hash=False)
    anonymous: bool = False
    rights: Rights | None = field(default=None, hash=False, repr=False)


ANONYMOUS = Principal("anonymous", anonymous=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is executed is exactly what was authorised. `deadline` is on the clock of `time.monotonic`."""

    operation: Operation
    principal: Principal
    deadline: float


Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]
Layer: TypeAlias = Callable[[Handler], Handler]

_deadline: ContextVar[float] = ContextVar("deadline")


def remaining(clock: Callable[[], float] = time.monotonic) -> float:
    """Return the seconds left to the present request; infinite outside of one."""
    return _deadline.get(float("inf")) - clock()


def deadline() -> float:
    """Return the moment when the present request must be done; infinite outside of one."""
    return _deadline.get(float("inf"))


def begin(call: Call) -> None:
    """Make the deadline of this call that of the present task."""
    _deadline.set(call.deadline)


async def in_time(call: Call, waiting: Awaitable[T], clock: Callable[[], float] = time.monotonic) -> T:
    """Wait for what must come before an operation, within the operation's time; nothing has been applied by then."""
    try:
        async with asyncio.timeout(max(0.0, call.deadline - clock())):
            return await waiting
    except TimeoutError as cause:
        raise DeadlineExceeded("the time of the request is used up") from cause
