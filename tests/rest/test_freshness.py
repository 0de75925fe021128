"""Age and Cache-Control: how old an answer may be, and that the caller wants none that was kept."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge_core.bridge import Bridge
from bridge_core.call import Principal
from bridge_core.operations import Page, Read, Written
from bridge_core.policy import EVERY_RIGHT, Policy
from bridge_core.router import Served
from bridge_core.schema import Field, FieldType, Model
from bridge_core.surfaces.rest import RestApp, RestSettings
from bridge_core.testing.memory import MemoryAdapter, Weakness, able
from tests.rest.conftest import client_of

pytestmark = pytest.mark.anyio

BOOKS = Model("books", (Field("id", FieldType.INTEGER, nullable=False), Field("n", FieldType.INTEGER)), key=("id",))


class Keeping(MemoryAdapter):
    """Answers from what it kept for two minutes, unless it shall not."""

    asked: Sequence[bool] = ()

    async def read(self, op: Read, /) -> Page:
        self.asked = [*self.asked, op.fresh]
        return replace(await super().read(replace(op, fresh=False)), age=0.0 if op.fresh else 120.5)

    async def update(self, op: object, /) -> Written:
        return Written(1)


def app_over(adapter: Keeping, model: Model) -> RestApp:
    served = Served("shelf", adapter, {"books": replace(model, resource="shelf")})
    rules = {("admin", "shelf", "books"): EVERY_RIGHT}
    return RestApp(
        Bridge([served], Policy(rules, ("admin",)), default="shelf"),
        lambda authorization, apikey: Principal("admin", ("admin",)),
        RestSettings(),
    )


@pytest.mark.parametrize("weaknesses", [(), (Weakness.FILTER, Weakness.SORT)], ids=["pushed down", "emulated"])
@pytest.mark.parametrize(
    ("headers", "fresh"), [({}, False), ({"cache-control": "max-age=0"}, False), ({"cache-control": "No-Cache"}, True)]
)
async def test_an_answer_is_read_anew_on_demand(
    headers: dict[str, str], weaknesses: tuple[Weakness, ...], *, fresh: bool
) -> None:
    model = able(BOOKS, weaknesses)
    adapter = Keeping([model], {"books": [{"id": 1, "n": 1}]})
    async with client_of(app_over(adapter, model)) as client:
        answer = await client.get("/books?n=eq.1&order=n", headers=headers)

    assert answer.json() == [{"id": 1, "n": 1}]
    assert set(adapter.asked) == {fresh}


async def test_an_answer_says_how_old_it_may_be() -> None:
    model = able(BOOKS)
    adapter = Keeping([model], {"books": [{"id": 1, "n": 1}]})
    async with client_of(app_over(adapter, model)) as client:
        kept, anew = await client.get("/books"), await client.get("/books", headers={"cache-control": "no-cache"})

    assert kept.headers["age"] == "120"
    assert "age" not in anew.headers


async def test_records_that_are_looked_for_before_a_write_are_read_anew() -> None:
    model = able(BOOKS, (Weakness.KEY_WRITES,))
    adapter = Keeping([model], {"books": [{"id": 1, "n": 1}]})
    async with client_of(app_over(adapter, model)) as client:
        await client.patch("/books?n=eq.1", json={"n": 2})

    assert adapter.asked == [True]
