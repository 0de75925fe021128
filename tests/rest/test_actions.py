"""POST /rpc/MODEL.ACTION: what reaches the adapter, for whom, and what is answered."""

from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from bridge_core.bridge import Bridge, described
from bridge_core.operations import Act, Page, Verb, Written
from bridge_core.policy import EVERY_RIGHT, Policy, Rule
from bridge_core.query import Condition, Op, Path
from bridge_core.router import Served
from bridge_core.schema import Action, Field, FieldType, Model
from bridge_core.surfaces.rest import RestApp
from tests.rest.conftest import ADMIN, READER, RULES, authenticate, client_of
from tests.rest.shelf import BOOKS, Shelf

pytestmark = pytest.mark.anyio

LEND = Action("lend", (Field("days", FieldType.INTEGER), Field("to", FieldType.TEXT)), "Give it to a reader.", True)
BURN = Action("burn")
MINE = Condition(Path("id"), Op.EQ, "1")
GRANTED = {
    **RULES,
    ("reader", "shelf", "books"): Rule({Verb.READ: None, Verb.ACT: frozenset({"lend"})}, MINE),
    ("writer", "shelf", "books"): Rule({Verb.READ: None}),
}


def with_actions(model: Model) -> Model:
    return replace(model, actions=(LEND, BURN)) if model.name == "books" else model


class Library(Shelf):
    """A shelf whose books can be lent."""

    def __init__(self) -> None:
        super().__init__()
        self.lent: list[Act] = []

    async def describe(self) -> Sequence[Model]:
        return [with_actions(each) for each in await super().describe()]

    async def act(self, op: Act, /) -> Written:
        self.lent.append(op)
        record = next(each for each in self.content["books"] if each["id"] == op.key[0])
        return Written(1, page=Page([record], rows=1), keys=[{"id": op.key[0]}])


@pytest.fixture
def library() -> Library:
    return Library()


async def of(library: Library, headers: dict[str, str] = ADMIN) -> httpx.AsyncClient:
    served = Served("shelf", library, await described("shelf", library))
    return client_of(RestApp(Bridge([served], Policy(GRANTED), default="shelf"), authenticate), headers)


async def test_an_action_reaches_the_adapter_and_the_record_comes_back(library: Library) -> None:
    async with await of(library) as client:
        answer = await client.post("/rpc/books.lend?select=id,title", json={"id": 2, "days": "14"})

    assert answer.status_code == 200
    assert [each["id"] for each in answer.json()] == [2]
    assert set(answer.json()[0]) == {"id", "title"}
    assert [(op.action.name, op.key, op.values) for op in library.lent] == [("lend", (2,), {"days": 14})]


async def test_one_object_and_nothing_can_be_asked_for(library: Library) -> None:
    async with await of(library) as client:
        one = await client.post(
            "/rpc/books.lend", json={"id": 2}, headers={"accept": "application/vnd.pgrst.object+json"}
        )
        nothing = await client.post("/rpc/books.lend", json={"id": 2}, headers={"prefer": "return=minimal"})

    assert one.json()["id"] == 2
    assert (nothing.status_code, nothing.content) == (204, b"")


REFUSED: dict[str, tuple[str, object, int, str]] = {
    "an unknown action": ("books.fly", {"id": 1}, 404, "PGRST202"),
    "an unknown model": ("nothing.lend", {"id": 1}, 404, "PGRST205"),
    "a name without a model": ("lend", {"id": 1}, 404, "PGRST202"),
    "no key": ("books.lend", {"days": 1}, 400, "PGRST100"),
    "no object": ("books.lend", [], 400, "PGRST100"),
    "two objects": ("books.lend", [{"id": 1}, {"id": 2}], 400, "PGRST100"),
    "an unknown input": ("books.lend", {"id": 1, "colour": "red"}, 400, "PGRST204"),
    "a value of another type": ("books.lend", {"id": 1, "days": "x"}, 400, "22P02"),
    "a record that is not there": ("books.lend", {"id": 99}, 406, "PGRST116"),
}


@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_done_is_refused(
    library: Library, path: str, body: object, status: int, code: str
) -> None:
    async with await of(library) as client:
        answer = await client.post(f"/rpc/{path}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not library.lent


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH", "PUT", "DELETE"])
async def test_an_action_is_done_by_post_alone(library: Library, method: str) -> None:
    async with await of(library) as client:
        answer = await client.request(method, "/rpc/books.lend", json={"id": 1})

    assert answer.status_code == 405
    assert not library.lent


async def test_what_a_role_is_not_granted_is_not_there(library: Library) -> None:
    async with await of(library, READER) as reader:
        granted = await reader.post("/rpc/books.lend", json={"id": 1})
        hidden = await reader.post("/rpc/books.burn", json={"id": 1})
        elsewhere = await reader.post("/rpc/books.lend", json={"id": 2})
    async with await of(library, {"authorization": "Bearer writer"}) as writer:
        nothing = await writer.post("/rpc/books.lend", json={"id": 1})

    assert granted.status_code == 200
    assert (hidden.status_code, hidden.json()["code"]) == (404, "PGRST202")
    assert elsewhere.json()["code"] == "PGRST116"
    assert nothing.json()["code"] == "PGRST202"
    assert [op.key for op in library.lent] == [(1,)]


async def test_a_backend_without_actions_says_so(shelf: Shelf) -> None:
    models = {"books": replace(with_actions(BOOKS), resource="shelf")}
    served = Served("shelf", shelf, models)
    async with client_of(RestApp(Bridge([served], Policy(GRANTED), default="shelf"), authenticate)) as client:
        answer = await client.post("/rpc/books.lend", json={"id": 1})

    assert answer.status_code == 405


def test_a_credential_alone_is_good_for_no_action() -> None:
    assert Verb.ACT not in EVERY_RIGHT.verbs
