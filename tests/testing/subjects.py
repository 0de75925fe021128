"""Subjects over a backend in memory, for the tests of the kit itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr

from bridge_core.adapter import Adapter, AdapterContext, Plugin
from bridge_core.errors import Unavailable
from bridge_core.operations import Create, Delete, Page, Read, Record, Update, Written
from bridge_core.schema import Field, FieldType, Model, Precondition
from bridge_core.testing.conformance import Subject
from bridge_core.testing.hostile import SECRET
from bridge_core.testing.memory import MemoryAdapter, Weakness, able

THINGS = Model(
    "things",
    (
        Field("id", FieldType.INTEGER, nullable=False),
        Field("name", FieldType.TEXT),
        Field("price", FieldType.DECIMAL),
        Field("size", FieldType.INTEGER),
        Field("weight", FieldType.FLOAT),
        Field("sold", FieldType.BOOLEAN),
        Field("mood", FieldType.ENUM, enum=("sad", "ok", "glad")),
        Field("day", FieldType.DATE),
        Field("hour", FieldType.TIME),
        Field("local", FieldType.TIMESTAMP),
        Field("made", FieldType.TIMESTAMPTZ),
        Field("code", FieldType.UUID),
        Field("raw", FieldType.BYTES),
        Field("note", FieldType.JSON),
        Field("tags", FieldType.ARRAY, item=FieldType.TEXT),
    ),
    key=("id",),
)
PLACES = Model(
    "places",
    (
        Field("country", FieldType.TEXT, nullable=False),
        Field("city", FieldType.TEXT, nullable=False),
        Field("people", FieldType.INTEGER),
    ),
    key=("country", "city"),
)
WORDS = ("ada", "Bob", "çedilla", "", "50%_off", None, "日本", "bob", "it's")


class MemorySettings(BaseModel):
    """The settings of a backend in memory."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str
    password: SecretStr


def things(how_many: int = 120) -> list[Record]:
    """Return records of every type, each field missing in some."""
    return [_thing(number) for number in range(1, how_many + 1)]


def places() -> list[Record]:
    """Return records whose key has two parts."""
    return [{"country": country, "city": city, "people": len(country)} for country in "abc" for city in ("x", "y", "z")]


def models(weaknesses: Iterable[Weakness] = ()) -> list[Model]:
    """Return both models, without some abilities."""
    return [_versioned(able(each, weaknesses)) for each in (THINGS, PLACES)]


class Weather:
    """Decides which calls to the backend fail."""

    def __init__(self) -> None:
        self._left: int | None = None

    def pass_or_fail(self) -> None:
        """Raise Unavailable if this call is to fail."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Unavailable("the backend does not answer")

    @contextmanager
    def failing(self, after: int) -> Iterator[None]:
        """Let so many calls pass, and fail the later ones."""
        self._left = after
        yield
        self._left = None


class Exposed:
    """An adapter whose calls to its backend can fail."""

    def __init__(self, inner: Adapter, weather: Weather) -> None:
        self._inner = inner
        self._weather = weather

    async def describe(self) -> Sequence[Model]:
        return await self._inner.describe()

    async def read(self, op: Read, /) -> Page:
        self._weather.pass_or_fail()
        return await self._inner.read(op)

    async def create(self, op: Create, /) -> Written:
        self._weather.pass_or_fail()
        return await self._inner.create(op)

    async def update(self, op: Update, /) -> Written:
        self._weather.pass_or_fail()
        return await self._inner.update(op)

    async def delete(self, op: Delete, /) -> Written:
        self._weather.pass_or_fail()
        return await self._inner.delete(op)

    async def close(self) -> None:
        await self._inner.close()


def subject(
    weaknesses: Iterable[Weakness] = (),
    wrapped: Callable[[Adapter], Adapter] = lambda adapter: adapter,
    rows: Mapping[str, Sequence[Record]] | None = None,
    **more: Any,
) -> Subject:
    """Return a subject whose adapter begins with the same records each time it is opened."""
    described = models(weaknesses)
    weather = Weather()
    records = ROWS if rows is None else rows

    async def connect(settings: MemorySettings, context: AdapterContext) -> Adapter:
        return wrapped(Exposed(MemoryAdapter(described, records), weather))

    plugin = Plugin("memory", MemorySettings, connect)
    settings = {"name": "x", "password": SECRET}
    return Subject(plugin, settings, records=records, failing=weather.failing, **more)


def _versioned(model: Model) -> Model:
    return replace(model, capabilities=replace(model.capabilities, precondition=Precondition.ETAG))


def _thing(number: int) -> Record:
    def some(value: object, every: int) -> object:
        return None if number % every == 0 else value

    return {
        "id": number,
        "name": WORDS[number % len(WORDS)],
        "price": some(Decimal(number * 5).scaleb(-2), 7),
        "size": some(number % 11 - 5 if number != 50 else 2**53 + 1, 5),
        "weight": some(number / 4, 6),
        "sold": some(number % 2 == 0, 3),
        "mood": some(("sad", "ok", "glad")[number % 3], 8),
        "day": some(date(2024, 1 + number % 12, 1 + number % 28), 9),
        "hour": some(time(number % 24, 30), 10),
        "local": some(datetime.fromisoformat(f"2024-03-{1 + number % 28:02}T02:30:00"), 11),
        "made": some(datetime(2024, 1, 1, number % 24, 0, 0, number, tzinfo=UTC), 4),
        "code": some(f"00000000-0000-4000-8000-{number:012}", 13),
        "raw": some(bytes([number % 256, 0]), 6),
        "note": some({"k": WORDS[number % 5], "n": number, "l": [number, None]}, 5),
        "tags": some(("a", WORDS[number % 5] or "b"), 7),
    }


ROWS: Mapping[str, Sequence[Record]] = {"things": things(), "places": places()}
FEW: Mapping[str, Sequence[Record]] = {"things": things(25), "places": places()}
