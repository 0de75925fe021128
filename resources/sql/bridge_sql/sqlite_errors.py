"""What SQLite's failures mean to the caller, with the codes that PostgreSQL has for them."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from bridge_sql.errors import from_sqlstate

from bridge_core.errors import BadValue, BridgeError, DeadlineExceeded, UpstreamFailed

# By extended code where it tells more, else by primary code: a SQLSTATE and the words for it.
_STATES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE: ("23505", "duplicate key value violates unique constraint on {names}"),
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: ("23505", "duplicate key value violates the primary key {names}"),
        sqlite3.SQLITE_CONSTRAINT_ROWID: ("23505", "duplicate key value violates the primary key {names}"),
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: ("23503", 'write on table "{table}" violates a foreign key constraint'),
        sqlite3.SQLITE_CONSTRAINT_NOTNULL: ("23502", "null value in {names} violates not-null constraint"),
        sqlite3.SQLITE_CONSTRAINT_CHECK: ("23514", 'new row for relation "{table}" violates check constraint {names}'),
        sqlite3.SQLITE_CONSTRAINT_TRIGGER: ("P0001", "{said}"),
        sqlite3.SQLITE_CONSTRAINT: ("23000", 'write on table "{table}" violates a constraint'),
        sqlite3.SQLITE_MISMATCH: ("22P02", "a value does not fit the type of its column"),
        sqlite3.SQLITE_TOOBIG: ("22001", "a value is too long"),
        sqlite3.SQLITE_READONLY: ("25006", "the database cannot be written"),
        sqlite3.SQLITE_BUSY: ("55P03", ""),
        sqlite3.SQLITE_LOCKED: ("55P03", ""),
        sqlite3.SQLITE_FULL: ("53100", ""),
        sqlite3.SQLITE_NOMEM: ("53200", ""),
    }
)
_DATATYPE: Final = 3091  # SQLITE_CONSTRAINT_DATATYPE, of STRICT tables; the module has no name for it before 3.13
_UNKNOWN = re.compile(r"no such (?:table|column)|has no column named")


@contextmanager
def translated(table: str) -> Iterator[None]:
    """Turn what SQLite raises within the block into errors that speak to the caller."""
    try:
        yield
    except sqlite3.Error as failure:
        raise meaning(failure, table) from failure
    except OverflowError as failure:
        raise BadValue("a number is out of range for type bigint", code="22003") from failure
    except UnicodeEncodeError as failure:
        raise BadValue("a text holds characters that are no Unicode", code="22021") from failure


def meaning(failure: sqlite3.Error, table: str) -> BridgeError:
    """Return the error for what SQLite said; of its own words, only names of the schema are passed on."""
    code = getattr(failure, "sqlite_errorcode", None)
    said = str(failure)
    if code is None:
        return UpstreamFailed("the database could not carry out the statement", code="XX000")
    if code == sqlite3.SQLITE_INTERRUPT:
        return DeadlineExceeded("the statement took longer than its time limit")
    if code == _DATATYPE:
        return BadValue(said, code="42804")  # the types and the column, never the value
    if code == sqlite3.SQLITE_ERROR and _UNKNOWN.search(said):
        return from_sqlstate("42703", "the table or one of its columns is no longer there")
    known = _STATES.get(code) or _STATES.get(code & 0xFF)
    if known is None:
        return UpstreamFailed("the database could not carry out the statement", code="XX000")
    state, words = known
    return from_sqlstate(state, words.format(names=_names(said), table=table, said=said))


def _names(said: str) -> str:
    """Return what follows the colon of `UNIQUE constraint failed: t.a, t.b`: names of the schema."""
    _, _, names = said.partition(": ")
    return names or "of the table"
