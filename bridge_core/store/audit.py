"""The audit trail in the store: written in batches, so that writes under way at once share one transaction."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from bridge_core.errors import BridgeError, Unavailable
from bridge_core.layers.audit import Begun, Ended
from bridge_core.store.engine import Store
from bridge_core.store.tables import AUDIT

_log = logging.getLogger(__name__)

PENDING: Final = "pending"
DONE: Final = "done"
SOON: Final = 0.1  # seconds within which an outcome is written, where no other write takes it along
LATER: Final = 1.0  # seconds until it is tried again when the store failed
MAX_WAITING: Final = 10_000

_BEGUN: Final = tuple(each.name for each in fields(Begun))
_INSERT: Final = insert(AUDIT)
_UPDATE: Final = (
    update(AUDIT)
    .where(AUDIT.c.request_id == bindparam("number"))
    .values(
        state=DONE,
        outcome=bindparam("result"),
        affected=bindparam("count"),
        changes=bindparam("differences", type_=AUDIT.c.changes.type),
        error=bindparam("code"),
        finished=bindparam("end"),
    )
)


class StoreTrail:
    """Keeps records in the store. Beginnings are waited for; ends follow within moments, or show as pending."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: list[tuple[Begun, asyncio.Future[None]]] = []
        self._ended: list[Ended] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write; needs a running loop. `close` ends it."""
        self._task = asyncio.create_task(self._run())

    async def begin(self, begun: Begun) -> None:
        """Return when the record is kept; see `Trail`."""
        if len(self._begun) >= MAX_WAITING or len(self._ended) >= MAX_WAITING:
            raise Unavailable("the audit trail cannot keep up, so nothing is written now")
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begun.append((begun, kept))
        self._wake.set()
        await kept

    def end(self, ended: Ended) -> None:
        """Note what became of a write; see `Trail`."""
        if not self._ended:
            asyncio.get_running_loop().call_later(SOON, self._wake.set)
        self._ended.append(ended)

    async def close(self) -> None:
        """Write what is left and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await self._flush()

    async def _flush(self) -> None:
        self._wake.clear()
        begun, self._begun = self._begun, []
        ended, self._ended = self._ended, []
        if not begun and not ended:
            return
        try:
            await self._write([each for each, _ in begun], ended)
        except BridgeError as error:
            self._ended = ended + self._ended
            asyncio.get_running_loop().call_later(LATER, self._wake.set)
            _answer(begun, error)
            _log.error("the audit trail cannot be written: %s", error)
        except Exception:  # noqa: BLE001 - a record that cannot be written must not stop those that can
            _answer(begun, Unavailable("the audit trail cannot be written"))
            _log.exception("records of the audit trail cannot be written; what they end stays pending")
        except asyncio.CancelledError:
            _answer(begun, Unavailable("the server stops"))
            self._ended = ended + self._ended
            raise
        else:
            _answer(begun, None)

    async def _write(self, begun: Sequence[Begun], ended: Sequence[Ended]) -> None:
        async with self._store.writing() as connection:
            if begun:
                await connection.execute(_INSERT, [_row(each) for each in begun])
            if ended:
                await connection.execute(_UPDATE, [_result(each) for each in ended])


async def trail(
    store: Store, *, limit: int = 100, pending: bool = False, subject: str | None = None, model: str | None = None
) -> Sequence[Mapping[str, Any]]:
    """Return records, the newest first."""
    question = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if pending:
        question = question.where(AUDIT.c.state == PENDING)
    if subject is not None:
        question = question.where(AUDIT.c.subject == subject)
    if model is not None:
        resource, _, name = model.partition(".")
        question = question.where(AUDIT.c.resource == resource, AUDIT.c.model == name)
    async with store.reading() as connection:
        return [dict(row) for row in (await connection.execute(question)).mappings()]


async def forget(store: Store, *, until: float) -> None:
    """Drop records that are older than the operator wants to keep."""
    async with store.writing() as connection:
        await connection.execute(delete(AUDIT).where(AUDIT.c.at < until))


def _answer(begun: Sequence[tuple[Begun, asyncio.Future[None]]], error: BaseException | None) -> None:
    for _, kept in begun:
        if kept.done():
            continue
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)


def _row(begun: Begun) -> Mapping[str, Any]:
    row: dict[str, Any] = {name: getattr(begun, name) for name in _BEGUN}  # `asdict` would copy all that was asked
    return row | {"roles": list(begun.roles), "state": PENDING}


def _result(ended: Ended) -> Mapping[str, Any]:
    return {
        "number": ended.request_id,
        "result": ended.outcome.value,
        "count": ended.affected,
        "differences": [dict(each) for each in ended.changes],
        "code": ended.error,
        "end": ended.at,
    }
