"""Know afterwards whether a keyed write was committed: SQLite itself keeps no account of its transactions.

With the owner's leave (`ledger = true`) the key of a write is written into a table of ours by the same transaction,
where it can stand once only. Without it, a write whose answer was lost after it was sealed stays unknown.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from bridge_core.errors import Conflict, Outcome, Unavailable
from bridge_core.operations import Witness, WriteOptions, Written

TABLE: Final = "bridge_ledger"
KEPT: Final = 2 * 24 * 3600.0  # seconds: twice as long as anybody asks
TIDY_EVERY: Final = 3600.0
SEALED_WITHIN: Final = 10.0  # seconds, for the bridge to take a write down while the file is locked

_MAKE: Final = f"create table if not exists {TABLE} (key text primary key, at real not null) without rowid"
_ENTER: Final = f"insert or ignore into {TABLE} (key, at) values (?, ?)"  # noqa: S608 - the table is ours
_FIND: Final = f"select 1 from {TABLE} where key = ?"  # noqa: S608 - the table is ours
_TIDY: Final = f"delete from {TABLE} where at < ?"  # noqa: S608 - the table is ours

Work = Callable[[sqlite3.Connection], Written]


class Ledger:
    """The account of keyed writes of one file; `kept`: it may have a table of ours."""

    def __init__(self, *, kept: bool, clock: Callable[[], float] = time.time) -> None:
        """Take a clock of seconds since 1970."""
        self._kept = kept
        self._clock = clock
        self._tidied = float("-inf")

    def open(self, connection: sqlite3.Connection) -> None:
        """Make the table, where it may be."""
        if self._kept:
            connection.execute(_MAKE)

    def sealing(self, options: WriteOptions, work: Work) -> Work:
        """Return the work of a transaction that is entered first, and taken down before it is committed."""
        witness = options.witness
        if witness is None or options.dry_run:
            return work
        loop = asyncio.get_running_loop()
        key = options.key or ""

        def sealed(connection: sqlite3.Connection) -> Written:
            if self._kept:
                self._enter(connection, key)
            answer = work(connection)
            try:
                asyncio.run_coroutine_threadsafe(_taken_down(witness, key, answer), loop).result(SEALED_WITHIN)
            except TimeoutError as cause:
                raise Unavailable("the bridge's own store did not answer in time") from cause
            return answer

        return sealed

    def outcome(self, connection: sqlite3.Connection, key: str) -> Outcome:
        """Tell what became of the write with this key."""
        if not self._kept:
            return Outcome.UNKNOWN
        return Outcome.NOT_APPLIED if connection.execute(_FIND, (key,)).fetchone() is None else Outcome.APPLIED

    def _enter(self, connection: sqlite3.Connection, key: str) -> None:
        now = self._clock()
        if now - self._tidied > TIDY_EVERY:
            self._tidied = now
            connection.execute(_TIDY, (now - KEPT,))
        if connection.execute(_ENTER, (key, now)).rowcount == 0:  # while we waited for the file
            raise Conflict("another try of this write was just applied", code="BRG409", outcome=Outcome.APPLIED)


async def _taken_down(witness: Witness, key: str, answer: Written) -> None:
    await witness(key, answer)
