"""A backend with transactions, that can fail, stall or die before a write, before its commit, and after it."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from bridge_core.adapter import Adapter
from bridge_core.bridge import Bridge
from bridge_core.call import Call, Principal
from bridge_core.errors import BridgeError, Outcome, Unavailable
from bridge_core.layers.keyed import Memory
from bridge_core.operations import Create, Delete, Page, Read, Update, WriteOptions, Written, page_of
from bridge_core.policy import EVERY_RIGHT, Policy
from bridge_core.router import Served
from bridge_core.schema import Capabilities, Field, FieldType, Literals, Model, Paging

Point = Literal["before", "sealed", "committed"]

FIELDS = (Field("id", FieldType.INTEGER, nullable=False), Field("amount", FieldType.DECIMAL))
ABLE = Capabilities(paging=Paging.OFFSET, literals=Literals.NATIVE, returns=True, create_batch=1_000)
PAYMENTS = Model("payments", FIELDS, key=("id",), resource="bank", capabilities=ABLE)
ADA, BOB = Principal("ada", ("all",)), Principal("bob", ("all",))


class Killed(BaseException):
    """The process ends here."""


class Bank:
    """Keeps payments. `faults` says what happens at which point of the next write."""

    def __init__(self, model: Model = PAYMENTS) -> None:
        self.model = model
        self.payments: list[dict[str, object]] = []
        self.faults: dict[Point, BaseException] = {}
        self.stall: dict[Point, asyncio.Event] = {}
        self.reached = asyncio.Event()
        self.keys: list[str | None] = []

    async def describe(self) -> Sequence[Model]:
        return (self.model,)

    async def read(self, op: Read, /) -> Page:
        return page_of(self.payments)

    async def create(self, op: Create, /) -> Written:
        self.keys.append(op.options.key)
        await self.pass_point("before")
        new = [{"id": len(self.payments) + n + 1, **record} for n, record in enumerate(op.records)]
        answer = Written(len(new), len(new), page_of(new), [{"id": each["id"]} for each in new])
        await self.seal(op.options, answer)
        await self.pass_point("sealed")
        self.commit(op.options, new)
        await self.pass_point("committed")
        return answer

    async def update(self, op: Update, /) -> Written:
        return Written(0)

    async def delete(self, op: Delete, /) -> Written:
        return Written(0)

    async def close(self) -> None:
        pass

    async def seal(self, options: WriteOptions, answer: Written) -> None:
        """Nothing: this bank remembers no transactions."""

    def commit(self, options: WriteOptions, new: list[dict[str, object]]) -> None:
        self.payments += new

    async def pass_point(self, point: Point) -> None:
        if point in self.stall:
            self.reached.set()
            await self.stall[point].wait()
        fault = self.faults.pop(point, None)
        if fault is not None:
            raise fault


class Ledgered(Bank):
    """A bank that remembers its transactions."""

    def __init__(self, model: Model = PAYMENTS) -> None:
        super().__init__(model)
        self.outcomes: dict[str, Outcome | None] = {}
        self.present = ""
        self.forgetful = False

    async def seal(self, options: WriteOptions, answer: Written) -> None:
        self.present = f"tx{len(self.outcomes)}"
        self.outcomes[self.present] = Outcome.NOT_APPLIED
        if options.witness is not None:
            await options.witness(self.present, answer)

    def commit(self, options: WriteOptions, new: list[dict[str, object]]) -> None:
        super().commit(options, new)
        self.outcomes[self.present] = Outcome.APPLIED

    async def outcome_of(self, token: str, /) -> Outcome | None:
        return Outcome.UNKNOWN if self.forgetful else self.outcomes[token]


class Honouring(Bank):
    """A bank that applies a key once, as Stripe does."""

    def __init__(self, model: Model = PAYMENTS) -> None:
        super().__init__(model)
        self.seen: set[str] = set()

    def commit(self, options: WriteOptions, new: list[dict[str, object]]) -> None:
        assert options.key is not None
        if options.key not in self.seen:
            super().commit(options, new)
        self.seen.add(options.key)


def bridge_over(bank: Adapter, memory: Memory | None, model: Model = PAYMENTS) -> Bridge:
    """Serve a bank."""
    served = Served("bank", bank, {model.name: model})
    return Bridge([served], Policy({("all", "*", "*"): EVERY_RIGHT}), memory=memory)


def payment(key: str | None = "k", amount: int = 5, model: Model = PAYMENTS, **options: object) -> Create:
    """Make a write of one payment."""
    chosen = WriteOptions(returning=(), key=key, **options)  # type: ignore[arg-type]  # tests name them
    return Create(model, [{"amount": amount}], ("amount",), options=chosen)


async def pay(bridge: Bridge, op: Create | None = None, who: Principal = ADA, within: float = 30.0) -> Written:
    """Send a write through a bridge."""
    until = asyncio.get_running_loop().time() + within
    answer = await bridge.handle(Call(op or payment(), who, until))
    assert isinstance(answer, Written)
    return answer


def lost(outcome: Outcome = Outcome.UNKNOWN) -> BridgeError:
    """Return the error of a broken connection."""
    return Unavailable("the connection was lost", outcome=outcome)
