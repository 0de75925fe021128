"""Large answers of PostgreSQL, piece by piece: memory stays flat, and a failure half-way is an error."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

from bridge_sql.pg_pool import Pool
from bridge_sql.statement import Statement

from bridge_core.operations import Page

LARGE: Final = 2_000  # records: more than this are not put together in one piece
_OFFSET: Final = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?")
_CHUNK: Final = 500  # records fetched at once


async def streamed(pool: Pool, statement: Statement, values: list[object], timezone: str | None) -> Page:
    """Open a cursor and hand out a JSON array in pieces; the connection is given back when the last one is taken.

    Whoever takes the pieces closes the iterator, also when it stops early.
    """
    pieces = _pieces(pool, statement, values, timezone)
    first = await anext(pieces)  # a statement that cannot run fails here, before an answer has begun
    return Page(stream=_with_first(first, pieces), rows=None)


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()  # type: ignore[attr-defined]  # it is a generator


async def _pieces(pool: Pool, statement: Statement, values: list[object], timezone: str | None) -> AsyncIterator[bytes]:
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(pool.transaction(readonly=True))
        if timezone is not None:
            await use_timezone(connection, timezone)
        cursor = await connection.cursor(statement.sql, *statement.parameters(values))
        opening = b"["
        while rows := await cursor.fetch(_CHUNK):
            yield opening + b",\n".join([row[0] for row in rows])
            opening = b",\n"
        yield b"]" if opening != b"[" else b"[]"


async def use_timezone(connection: Any, name: str) -> None:
    """Show and read times in a zone until the transaction ends."""
    await connection.execute("SELECT pg_catalog.set_config('TimeZone', $1, true)", _as_posix(name))


def _as_posix(name: str) -> str:
    """Turn an offset around: PostgreSQL counts west of Greenwich as positive, everybody else east of it."""
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        return name
    turned = "-" if offset[1] == "+" else "+"
    return f"<{name}>{turned}{offset[2]}:{offset[3] or '00'}"
