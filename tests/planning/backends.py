"""Backends for tests of plans: in memory, with what a test takes away or breaks."""

from collections.abc import Iterable
from dataclasses import replace

from bridge_core.errors import BridgeError
from bridge_core.operations import Create, Page, Part, Read, Record, Update, Written, page_of
from bridge_core.query import EVERYTHING, Slice
from bridge_core.schema import Field, FieldType, Model
from bridge_core.testing.memory import MemoryAdapter, Weakness, able

ORDERS = Model(
    "orders",
    (
        Field("id", FieldType.INTEGER, nullable=False),
        Field("tenant", FieldType.TEXT),
        Field("status", FieldType.ENUM, enum=("new", "paid", "gone")),
        Field("total", FieldType.INTEGER),
    ),
    key=("id",),
)


def rows(count: int) -> list[Record]:
    """Make records that differ in each field."""
    words = ("new", "paid", "gone", None)
    return [{"id": at, "tenant": "ab"[at % 2], "status": words[at % 4], "total": (at * 7) % 10} for at in range(count)]


def backend(*weaknesses: Weakness, count: int = 10, model: Model = ORDERS) -> MemoryAdapter:
    """Make a backend with so many records."""
    return MemoryAdapter([able(model, weaknesses)], {model.name: rows(count)})


def orders(*weaknesses: Weakness, **more: object) -> Model:
    """Return the model of a backend with these weaknesses."""
    model = able(ORDERS, weaknesses)
    return replace(model, capabilities=replace(model.capabilities, **more))  # type: ignore[arg-type]  # real names


class Breaking(MemoryAdapter):
    """A backend whose calls fail from the given one on."""

    def __init__(self, model: Model, count: int, *, at: int, error: BridgeError) -> None:
        super().__init__([model], {model.name: rows(count)})
        self._at = at
        self._error = error

    async def read(self, op: Read, /) -> Page:
        self._break()
        return await super().read(op)

    async def create(self, op: Create, /) -> Written:
        self._break()
        return await super().create(op)

    async def update(self, op: Update, /) -> Written:
        self._break()
        return await super().update(op)

    def _break(self) -> None:
        if self.calls + 1 >= self._at:
            raise self._error


class Modest(MemoryAdapter):
    """A backend that declares every ability and then leaves some parts to the core."""

    def __init__(self, count: int, undone: Iterable[Part], *, model: Model | None = None) -> None:
        self._model = able(ORDERS) if model is None else model
        super().__init__([self._model], {self._model.name: rows(count)})
        self._undone = frozenset(undone)

    async def read(self, op: Read, /) -> Page:
        ask = op
        undone = self._undone
        if Part.WHERE in undone:
            ask = replace(ask, where=EVERYTHING, scope=EVERYTHING)
        if Part.ORDER in undone:
            ask = replace(ask, order=())
        if Part.WINDOW in undone:
            ask = replace(ask, window=Slice())
        if Part.SELECT in undone:
            ask = replace(ask, select=())
        page = await super().read(ask)
        total = None if Part.COUNT in undone else page.total
        return replace(page_of(page.records, total=total), unfinished=undone)
