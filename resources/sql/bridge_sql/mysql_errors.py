"""What the failures of MySQL and MariaDB mean to the caller, with the codes that PostgreSQL has for them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import asyncmy.errors
from bridge_sql.errors import from_sqlstate, lost

from bridge_core.errors import BridgeError, UpstreamFailed

FAILURES: Final = (asyncmy.errors.MySQLError, OSError, EOFError)

_LOST: Final = frozenset({0, 1927, 2003, 2006, 2013, 2014, 2055, 4031})
_DUPLICATE = "duplicate key value violates unique constraint {name}"
_FOREIGN = 'write on table "{table}" violates foreign key constraint {name}'
_CHECK = 'new row for relation "{table}" violates check constraint {name}'
_NULL = "null value in column {name} violates not-null constraint"
_WRONG = "a value does not fit the type of column {name}"
_STATES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        1062: ("23505", _DUPLICATE),
        1586: ("23505", _DUPLICATE),
        1216: ("23503", _FOREIGN),
        1217: ("23503", _FOREIGN),
        1451: ("23503", _FOREIGN),
        1452: ("23503", _FOREIGN),
        3819: ("23514", _CHECK),
        4025: ("23514", _CHECK),
        1048: ("23502", _NULL),
        1364: ("23502", _NULL),
        1263: ("23502", _NULL),
        1264: ("22003", "a value is out of range for column {name}"),
        1690: ("22003", "a number is out of range"),
        1406: ("22001", "a value is too long for column {name}"),
        1265: ("22P02", _WRONG),
        1292: ("22P02", _WRONG),
        1366: ("22P02", _WRONG),
        1411: ("22P02", _WRONG),
        3140: ("22P02", _WRONG),
        1139: ("2201B", "the regular expression is not valid"),
        1644: ("P0001", "{said}"),  # SIGNAL: words of the database's owner for the caller
        1153: ("54000", ""),
        1044: ("42501", "permission denied"),
        1045: ("42501", "permission denied"),
        1142: ("42501", 'permission denied for table "{table}"'),
        1143: ("42501", 'permission denied for table "{table}"'),
        1370: ("42501", "permission denied"),
        1054: ("42703", "a column is no longer there"),
        1146: ("42P01", 'relation "{table}" does not exist'),
        1792: ("25006", "this connection only reads"),
        1205: ("55P03", ""),
        1213: ("40P01", ""),
        1020: ("40001", ""),
        1040: ("53300", ""),
        1203: ("53300", ""),
        1317: ("57014", ""),
        1969: ("57014", ""),
        3024: ("57014", ""),
    }
)
_KEY = re.compile(r"for key '([^']+)'$")
_CONSTRAINT = re.compile(r"CONSTRAINT [`']?([^`']+)[`']?")
_CHECKED = re.compile(r"[Cc]heck constraint '([^']+)'")
_COLUMN = re.compile(r"(?:column|Column|Field) (?:(?:`[^`]*`\.)*`([^`]*)`|'([^']*)')")


def meaning(failure: BaseException, table: str, *, writing: bool) -> BridgeError:
    """Return the error for what the database said; values in its words are left out."""
    code, said = _parts(failure)
    if code in _LOST or not isinstance(failure, asyncmy.errors.MySQLError):
        return lost(sent=writing)
    known = _STATES.get(code)
    if known is None:
        return UpstreamFailed("the database could not carry out the statement", code="XX000")
    state, words = known
    return from_sqlstate(state, words.format(name=_name(said), table=table, said=said))


def _parts(failure: BaseException) -> tuple[int, str]:
    match failure.args:
        case (int(code), str(said), *_):
            return code, said
        case _:
            return 0, ""


def _name(said: str) -> str:
    """Return the name of the schema that an error is about."""
    for pattern in (_KEY, _CHECKED, _CONSTRAINT, _COLUMN):
        found = list(pattern.finditer(said))
        if found:
            name = next(group for group in found[-1].groups() if group is not None)
            return f'"{name}"'
    return "of the table"
