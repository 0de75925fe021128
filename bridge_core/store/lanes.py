"""A connection to the file of an SQLite store that has a thread to itself: it waits behind no other work."""

import asyncio
import errno
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeVar

from bridge_core.errors import ConfigurationError, Unavailable
from bridge_core.store.statements import Change, Done, Query, Statement

_log = logging.getLogger(__name__)

TIMEOUT: Final = 5.0  # seconds that a connection waits for the lock of another
PRIVATE: Final = 0o600

_OF_THE_VALUES: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
_T = TypeVar("_T")


class Lane:
    """One thread with one connection, opened when it is first needed. Work is done in the order in which it comes."""

    def __init__(self, path: str, name: str, *, timeout: float = TIMEOUT) -> None:
        """Take the file, which must be there, and a name for the thread."""
        self._path = path
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"store-{name}")
        self._connection: sqlite3.Connection | None = None

    async def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query."""
        return await self._run(lambda connection: connection.execute(query.text, values).fetchall())

    async def commit(self, changes: Sequence[Change], *, synced: bool) -> Sequence[Done]:
        """Make changes in one transaction; when this returns, it is on the disk, unless that was not wished."""
        return await self._run(lambda connection: _committed(connection, changes, synced=synced))

    async def close(self) -> None:
        """Finish what was begun, and close the connection."""
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._done, work)
        except _OF_THE_VALUES:
            raise  # a matter of what is written, not of the store
        except (sqlite3.Error, OSError) as cause:
            _log.warning("the store failed: %s: %s", type(cause).__name__, cause)
            raise Unavailable("the bridge's own store cannot be used now") from cause

    def _done(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._connection is None:
            connection = sqlite3.connect(self._path, self._timeout, isolation_level=None, check_same_thread=False)
            prepare(connection.cursor())
            self._connection = connection
        try:
            return work(self._connection)
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._undo(self._connection)
            raise

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("rollback")
        except sqlite3.Error:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def prepare(cursor: Any) -> None:
    """Set up a new connection: what is committed is on the disk, and readers do not wait for writers."""
    for pragma in ("synchronous=full", "foreign_keys=on"):
        cursor.execute(f"pragma {pragma}")
    _log_ahead(cursor)
    cursor.close()


def private(path: Path) -> None:
    """Make sure that the file is there and that only its owner can read it; its side files get the same mode.

    A file that is there is not opened: closing it would release the locks that this process holds on it.
    """
    try:
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
        elif not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE)
    except OSError as cause:
        raise ConfigurationError(f"[store] url: {path} cannot be written: {cause.strerror}") from cause


def _committed(connection: sqlite3.Connection, changes: Sequence[Change], *, synced: bool) -> Sequence[Done]:
    if not synced:
        connection.execute("pragma synchronous=normal")  # kept in order, and synced with the next transaction
    try:
        connection.execute("begin immediate")
        done: list[Done] = []
        for statement, together in groupby(changes, key=lambda change: change.statement):
            done += _made(connection, statement, [change.values for change in together])
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    finally:
        if not synced:
            connection.execute("pragma synchronous=full")
    return done


def _made(connection: sqlite3.Connection, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> Sequence[Done]:
    if statement.blind:
        connection.executemany(statement.text, rows)
        return [Done(1)] * len(rows)
    return [_one(connection, statement, values) for values in rows]


def _one(connection: sqlite3.Connection, statement: Statement, values: Mapping[str, Any]) -> Done:
    cursor = connection.execute(statement.text, values)
    if cursor.description is None:
        return Done(cursor.rowcount)
    names = [column[0] for column in cursor.description]
    found = cursor.fetchall()
    first = statement.decoded(dict(zip(names, found[0], strict=True))) if found else None
    return Done(len(found), first)


def _log_ahead(cursor: Any) -> None:
    """Switch to the write-ahead log; SQLite does not wait for the lock that this takes, so we do."""
    until = time.monotonic() + TIMEOUT
    while True:
        try:
            cursor.execute("pragma journal_mode=wal")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)  # only while several processes open a new file
        else:
            return
