"""Large answers: streamed with flat memory, in every form, and never silently short."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from bridge_core.surfaces.rest import RestSettings
from bridge_core.surfaces.rest.response import Interrupted
from tests.rest.conftest import MakeApp
from tests.rest.shelf import Shelf, in_pieces
from tests.rest.wire import Exchange

pytestmark = pytest.mark.anyio

ADMIN = (b"authorization", b"Bearer admin")
PIECES = (b'[{"id":1,"title":"a"}', b',{"id":2,"ti', b'tle":null},{"id":3,"title":"\xc3', b'\xbc,x"}', b"]")


@pytest.mark.parametrize(
    ("accept", "content"),
    [
        ("*/*", b"".join(PIECES)),
        ("text/csv", 'id,title\n1,a\n2,\n3,"ü,x"'.encode()),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            '[{"id":1,"title":"a"},{"id":2},{"id":3,"title":"ü,x"}]'.encode(),
        ),
    ],
)
async def test_a_streamed_page_is_answered_in_every_form(
    client: httpx.AsyncClient, shelf: Shelf, accept: str, content: bytes
) -> None:
    shelf.pieces = lambda: in_pieces(*PIECES)
    answer = await client.get("/books?select=id,title", headers={"accept": accept})

    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-range"] == "*/*"
    assert "content-length" not in answer.headers
    assert shelf.closed_streams == 1


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/vnd.pgrst.array+json;nulls=stripped"])
@pytest.mark.parametrize("pieces", [(b"[]",), (b" [ ", b"] "), (b"[", b"]")])
async def test_an_empty_stream_is_an_empty_answer(
    client: httpx.AsyncClient, shelf: Shelf, accept: str, pieces: tuple[bytes, ...]
) -> None:
    shelf.pieces = lambda: in_pieces(*pieces)
    answer = await client.get("/books?select=id", headers={"accept": accept})

    assert answer.status_code == 200
    assert answer.text.replace(" ", "") == ("id" if accept == "text/csv" else "[]")


async def test_one_object_can_be_asked_of_a_stream(client: httpx.AsyncClient, shelf: Shelf) -> None:
    shelf.pieces = lambda: in_pieces(*PIECES)
    many = await client.get("/books", headers={"accept": "application/vnd.pgrst.object+json"})
    shelf.pieces = lambda: in_pieces(b'[{"id":', b"1}]")
    one = await client.get("/books", headers={"accept": "application/vnd.pgrst.object+json"})

    assert (many.status_code, many.json()["details"]) == (406, "The result contains 3 rows")
    assert one.json() == {"id": 1}


async def test_head_of_a_stream_reads_none_of_it(client: httpx.AsyncClient, shelf: Shelf) -> None:
    shelf.pieces = lambda: in_pieces(*PIECES)
    answer = await client.head("/books")

    assert (answer.status_code, answer.content, shelf.closed_streams) == (200, b"", 1)


async def test_a_stream_that_fails_at_once_is_a_problem(client: httpx.AsyncClient, shelf: Shelf) -> None:
    shelf.pieces = lambda: in_pieces(broken=True)
    answer = await client.get("/books")

    assert (answer.status_code, answer.json()["code"]) == (502, "BRG502")
    assert shelf.closed_streams == 1


@pytest.mark.parametrize("accept", [b"*/*", b"text/csv", b"application/vnd.pgrst.array+json;nulls=stripped"])
@pytest.mark.parametrize("pieces", [PIECES[:3], PIECES[:1], PIECES[:4]])
async def test_a_stream_that_fails_half_way_breaks_the_connection(
    make_app: MakeApp, shelf: Shelf, accept: bytes, pieces: tuple[bytes, ...]
) -> None:
    shelf.pieces = lambda: in_pieces(*pieces, broken=True)
    exchange = Exchange(headers=[ADMIN, (b"accept", accept)], query=b"select=id,title")

    with pytest.raises(Interrupted):
        await exchange.run(await make_app())

    assert exchange.status == 200
    assert not exchange.complete
    assert shelf.closed_streams == 1


async def test_a_stream_that_ends_within_a_record_is_no_whole_list(make_app: MakeApp, shelf: Shelf) -> None:
    shelf.pieces = lambda: in_pieces(*PIECES[:3])

    with pytest.raises(Interrupted):
        await Exchange(headers=[ADMIN, (b"accept", b"text/csv")], query=b"select=id").run(await make_app())


async def test_a_client_that_takes_nothing_is_not_waited_for(make_app: MakeApp, shelf: Shelf) -> None:
    shelf.pieces = lambda: in_pieces(*PIECES)
    exchange = Exchange(headers=[ADMIN], stalled=True)

    with pytest.raises(Interrupted):
        await exchange.run(await make_app(RestSettings(write_timeout=0.02)))

    assert len(exchange.pieces) == 1
    assert shelf.closed_streams == 1


async def test_a_long_stream_is_never_held_as_a_whole(make_app: MakeApp, shelf: Shelf) -> None:
    ahead = sent = 0

    async def many() -> AsyncIterator[bytes]:
        nonlocal ahead
        yield b"["
        for number in range(500):
            ahead = max(ahead, number - len(exchange.pieces))
            yield (b"," if number else b"") + b'{"id":%d}' % number
        yield b"]"

    shelf.pieces = many
    exchange = Exchange(headers=[ADMIN, (b"accept", b"text/csv")], query=b"select=id")
    await exchange.run(await make_app())
    sent = exchange.content.count(b"\n")

    assert (sent, exchange.complete) == (500, True)
    assert ahead <= 2


async def test_a_client_that_goes_away_stops_the_read(make_app: MakeApp, shelf: Shelf) -> None:
    shelf.hold = asyncio.Event()
    exchange = Exchange(headers=[ADMIN])
    exchange.gone.set()

    await asyncio.wait_for(exchange.run(await make_app()), 5)

    assert shelf.cancelled
    assert exchange.status == 0


async def test_a_client_that_goes_away_does_not_stop_a_write(make_app: MakeApp, shelf: Shelf) -> None:
    shelf.hold = asyncio.Event()
    exchange = Exchange("POST", headers=[ADMIN], body=(b'{"title":', b'"x"}'))
    exchange.gone.set()
    running = asyncio.create_task(exchange.run(await make_app()))
    while not shelf.operations:
        await asyncio.sleep(0)
    shelf.hold.set()
    await running

    assert len(shelf.content["books"]) == 4
    assert not shelf.cancelled


async def test_a_client_that_goes_away_within_its_body_writes_nothing(make_app: MakeApp, shelf: Shelf) -> None:
    exchange = Exchange("POST", headers=[ADMIN], body=())
    exchange.gone.set()
    await exchange.run(await make_app())

    assert exchange.status == 0
    assert not shelf.operations


async def test_a_body_that_does_not_come_is_not_waited_for(make_app: MakeApp) -> None:
    exchange = Exchange("POST", headers=[ADMIN], body=())
    await exchange.run(await make_app(RestSettings(body_timeout=0.02)))

    assert exchange.status == 408


async def test_a_body_is_cut_at_its_limit_whatever_its_length_says(make_app: MakeApp) -> None:
    exchange = Exchange("POST", headers=[ADMIN, (b"content-length", b"1")], body=(b"x" * 60, b"x" * 60, b"x" * 60))
    await exchange.run(await make_app(RestSettings(max_body=100)))

    assert exchange.status == 413


async def test_a_stream_that_nobody_is_given_is_closed(client: httpx.AsyncClient, shelf: Shelf) -> None:
    shelf.pieces = lambda: in_pieces(*PIECES)
    answer = await client.get("/books?offset=100", headers={"prefer": "count=exact"})

    assert (answer.status_code, shelf.closed_streams) == (416, 1)
