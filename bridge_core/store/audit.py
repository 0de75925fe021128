"""The audit trail in the store: writes under way at once share its commits."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from bridge_core.errors import BridgeError, Unavailable
from bridge_core.layers.audit import Begun, Ended
from bridge_core.store.engine import Store
from bridge_core.store.statements import Encoded, Statement
from bridge_core.store.tables import AUDIT

_log = logging.getLogger(__name__)

PENDING: Final = "pending"
DONE: Final = "done"

_BEGUN: Final = ("request_id", "at", "subject", "roles", "resource", "model", "verb", "asked", "state")
_INSERT: Final = Statement(insert(AUDIT), _BEGUN, blind=True)
_END: Final = ("state", "outcome", "affected", "changes", "error", "finished")
_UPDATE: Final = Statement(
    update(AUDIT)
    .where(AUDIT.c.request_id == bindparam("number"))
    .values({name: bindparam(f"to_{name}") for name in _END}),
    blind=True,
)


class StoreTrail:
    """Keeps records in the store. Beginnings are waited for; ends follow within moments, or show as pending.

    The end of a write goes with the commit of later beginnings, or soon after. A crash in between loses it: the record
    then says `pending`, which is all that is certain, though the caller may have got an answer.
    """

    def __init__(self, store: Store) -> None:
        self._batches = store.batches

    async def begin(self, begun: Begun) -> None:
        """Return when the record is kept; see `Trail`."""
        try:
            await self._batches.run(_INSERT, _row(begun))
        except BridgeError as error:
            _log.error("the audit trail cannot be written: %s", error)
            raise
        except Exception as failure:  # whatever is wrong with a record, the write is not tried
            _log.exception("a record of the audit trail cannot be written")
            raise Unavailable("the audit trail cannot be written") from failure

    def end(self, ended: Ended) -> None:
        """Note what became of a write; see `Trail`."""
        self._batches.later(_UPDATE, _result(ended))

    async def close(self) -> None:
        """Write what is left."""
        await self._batches.flush()


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


def _row(begun: Begun) -> Mapping[str, Any]:
    return {
        "request_id": begun.request_id,
        "at": begun.at,
        "subject": begun.subject,
        "roles": _json(begun.roles),
        "resource": begun.resource,
        "model": begun.model,
        "verb": begun.verb,
        "asked": _json(begun.asked),
        "state": PENDING,
    }


def _result(ended: Ended) -> Mapping[str, Any]:
    return {
        "number": ended.request_id,
        "to_state": DONE,
        "to_outcome": ended.outcome.value,
        "to_affected": ended.affected,
        "to_changes": _json(ended.changes),
        "to_error": ended.error,
        "to_finished": ended.at,
    }


def _json(value: object) -> Encoded:
    try:
        return Encoded(msgspec.json.encode(value), "utf-8")
    except (TypeError, ValueError):  # text that is no UTF-8: escaped rather than lost
        return Encoded(json.dumps(value, default=str))
