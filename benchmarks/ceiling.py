"""The ceiling: a hand-written handler for the same JSON. One fixed statement per workload, and nothing else.

    python -m benchmarks.ceiling postgresql://... 8000

No policy, no validation, no choice of fields: what is left is what Starlette and asyncpg cost.
"""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_FIELDS: Final = "id, customer_id, status, total, currency, note, meta, is_paid, created_at, updated_at"
_NEW: Final = (
    "customer_id int, status text, total numeric, currency char(3), note text, meta jsonb, is_paid boolean, "
    "created_at timestamptz, updated_at timestamptz"
)
_NEW_NAMES: Final = _FIELDS.removeprefix("id, ")
_ARRAY: Final = "select coalesce(json_agg(r), '[]'::json)"
GET: Final = f"{_ARRAY} from (select {_FIELDS} from shop.orders where id = $1) r"
LIST25: Final = (
    f"{_ARRAY} from (select {_FIELDS} from shop.orders where status = $1 order by created_at desc limit 25) r"
)
LIST25_COUNTED: Final = (
    f"{_ARRAY}, (select count(*) from shop.orders where status = $1) "
    f"from (select {_FIELDS} from shop.orders where status = $1 order by created_at desc limit 25) r"
)
LIST1000: Final = f"{_ARRAY} from (select {_FIELDS} from shop.orders where id > $1 order by id limit 1000) r"
INSERT: Final = (
    f"with r as (insert into shop.orders ({_NEW_NAMES}) select {_NEW_NAMES} from json_to_record($1) as n({_NEW}) "
    f"returning {_FIELDS}) {_ARRAY} from r"
)
UPDATE: Final = (
    f"with r as (update shop.orders o set note = n.note, total = n.total from json_to_record($2) "
    f"as n(note text, total numeric) where o.id = $1 returning {', '.join('o.' + f for f in _FIELDS.split(', '))}) "
    f"{_ARRAY} from r"
)
EXPORT: Final = f"select row_to_json(r) from (select {_FIELDS} from shop.orders) r"

_JSON: Final = {"content-type": "application/json; charset=utf-8"}


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection whose session never changes, so that nothing needs to be reset when it is given back."""

    def get_reset_query(self) -> str:
        """Return nothing to run."""
        return ""


async def pass_json_through(connection: Any) -> None:
    """Let JSON travel as the bytes that it is."""
    await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")


def application(url: str) -> Starlette:
    """Make the server over one pool."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            url,
            min_size=10,
            max_size=10,
            connection_class=Connection,
            init=pass_json_through,
            server_settings={"timezone": "UTC"},
        ) as pool:
            app.state.pool = pool
            gc.collect()
            gc.freeze()
            yield

    routes = [
        Route("/get/orders", _get),
        Route("/list25/orders", _list25),
        Route("/list25count/orders", _list25_counted),
        Route("/list1000/orders", _list1000),
        Route("/insert/orders", _insert, methods=["POST"]),
        Route("/update/orders", _update, methods=["PATCH"]),
        Route("/export/orders", _export),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _value(request: Request, name: str) -> str:
    return request.query_params[name].partition(".")[2]


async def _get(request: Request) -> Response:
    return Response(await request.app.state.pool.fetchval(GET, int(_value(request, "id"))), headers=_JSON)


async def _list25(request: Request) -> Response:
    return Response(await request.app.state.pool.fetchval(LIST25, _value(request, "status")), headers=_JSON)


async def _list25_counted(request: Request) -> Response:
    body, total = await request.app.state.pool.fetchrow(LIST25_COUNTED, _value(request, "status"))
    return Response(body, status_code=206, headers={**_JSON, "content-range": f"0-24/{total}"})


async def _list1000(request: Request) -> Response:
    return Response(await request.app.state.pool.fetchval(LIST1000, int(_value(request, "id"))), headers=_JSON)


async def _insert(request: Request) -> Response:
    body = await request.app.state.pool.fetchval(INSERT, await request.body())
    return Response(body, status_code=201, headers=_JSON)


async def _update(request: Request) -> Response:
    key = int(_value(request, "id"))
    return Response(await request.app.state.pool.fetchval(UPDATE, key, await request.body()), headers=_JSON)


async def _export(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        async with request.app.state.pool.acquire() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(EXPORT)
            opening = b"["
            while rows := await cursor.fetch(1_000):
                yield opening + b",".join([row[0] for row in rows])
                opening = b","
            yield b"]"

    return StreamingResponse(pieces(), headers=_JSON)


def _main(url: str, port: str) -> None:
    uvicorn.run(
        application(url), host="127.0.0.1", port=int(port), loop="uvloop", http="httptools", log_level="warning",
        access_log=False,
    )  # fmt: skip


if __name__ == "__main__":
    _main(*sys.argv[1:])
