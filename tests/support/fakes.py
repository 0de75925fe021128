"""An adapter that serves three cities from memory, as a plugin that fails to open in the ways that plugins fail."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from bridge_core.adapter import ENTRY_POINTS, AdapterContext, Plugin, Rate
from bridge_core.errors import ConfigurationError, Unavailable, UnknownName
from bridge_core.operations import Create, Delete, Page, Read, Update, Written, page_of
from bridge_core.schema import ORDERING, Boolean, Capabilities, Field, FieldType, Model, Paging

CITIES = ({"id": 1, "name": "Bonn"}, {"id": 2, "name": "Lyon"}, {"id": 3, "name": "Turin"})

Fault = Literal["", "configuration", "unavailable", "describe", "hang", "crash", "import"]


class CitySettings(BaseModel):
    """What a `[resources.NAME]` table of this adapter may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "cities"
    fault: Fault = ""
    password: SecretStr = SecretStr("")


class CityAdapter:
    """Reads only; knows whether it was closed. A read of the city with the id 0 waits until it is let go."""

    def __init__(self, settings: CitySettings) -> None:
        self.settings = settings
        self.closed = False
        self.reachable = True
        self.let_go = asyncio.Event()

    async def describe(self) -> Sequence[Model]:
        if self.settings.fault == "describe":
            raise Unavailable("the catalogue does not answer")
        fields = (
            Field("id", FieldType.INTEGER, nullable=False, operators=ORDERING, sortable=True),
            Field("name", FieldType.TEXT, operators=ORDERING, sortable=True),
        )
        return [Model(self.settings.model, fields, key=("id",), capabilities=_CAPABILITIES)]

    async def read(self, op: Read, /) -> Page:
        if "'0'" in repr(op.where) or "value=0" in repr(op.where):
            await self.let_go.wait()
            return page_of([])
        return page_of(CITIES, total=len(CITIES))

    async def create(self, op: Create, /) -> Written:
        raise UnknownName("cities are not founded here")

    async def update(self, op: Update, /) -> Written:
        raise UnknownName("cities do not change here")

    async def delete(self, op: Delete, /) -> Written:
        raise UnknownName("cities stay here")

    async def close(self) -> None:
        self.closed = True

    async def probe(self) -> None:
        if not self.reachable:
            raise Unavailable("nobody answers")


@dataclass
class History:
    """What was opened since a test began, and how many attempts are still to be refused."""

    opened: list[CityAdapter] = field(default_factory=list)
    refusals: int = 0


history = History()

_CAPABILITIES = Capabilities(boolean=Boolean.FULL, paging=Paging.WHOLE)


async def connect(settings: CitySettings, context: AdapterContext) -> CityAdapter:
    """Open an adapter, or fail as the settings say."""
    if history.refusals:
        history.refusals -= 1
        raise Unavailable("not yet")
    match settings.fault:
        case "configuration":
            raise ConfigurationError("password authentication failed", hint="look at `password`")
        case "unavailable":
            raise Unavailable("connection refused")
        case "hang":
            await asyncio.Event().wait()
        case "crash":
            raise ZeroDivisionError(f"while using the password {settings.password.get_secret_value()}")
        case "import":
            raise ModuleNotFoundError("No module named 'citydriver'", name="citydriver")
        case _:
            pass
    adapter = CityAdapter(settings)
    history.opened.append(adapter)
    return adapter


@pytest.fixture
def cities() -> History:
    """Begin a new history of the adapters of this module."""
    history.opened.clear()
    history.refusals = 0
    return history


city = Plugin("city", CitySettings, connect)
newer = replace(city, contract=99)
metered = replace(city, rates=lambda settings: {"read": Rate(100, 60), "write": Rate(60, 60)})
nothing = "not a plugin"


def entry(name: str = "city", attribute: str = "city") -> EntryPoint:
    """Return the entry point of a plugin of this module, as an installed distribution would have it."""
    return EntryPoint(name, f"{__name__}:{attribute}", ENTRY_POINTS)
