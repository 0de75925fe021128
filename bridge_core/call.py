"""The waist: who asks for what until when, and the one function that everything above and below goes through."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from bridge_core.operations import Answer, Operation

NO_CLAIMS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. There is no null principal: a caller without a credential is ANONYMOUS, who has no rights of its own.

    `claims` are what the credential says about its bearer; row rules may refer to them.
    """

    subject: str
    roles: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default_factory=lambda: NO_CLAIMS, hash=False)
    anonymous: bool = False


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
