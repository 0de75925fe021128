"""SQLite's declared types -> kinds of values, and the form in which a column keeps them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from sqlalchemy.types import UserDefinedType

from bridge_core.schema import FieldType

_DECLARED: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "BOOLEAN": FieldType.BOOLEAN,
        "BOOL": FieldType.BOOLEAN,
        "DECIMAL": FieldType.DECIMAL,
        "NUMERIC": FieldType.DECIMAL,
        "DEC": FieldType.DECIMAL,
        "DECIMAL_TEXT": FieldType.DECIMAL,
        "DECIMAL TEXT": FieldType.DECIMAL,
        "DATE": FieldType.DATE,
        "TIME": FieldType.TIME,
        "DATETIME": FieldType.TIMESTAMP,
        "TIMESTAMP": FieldType.TIMESTAMP,
        "TIMESTAMP WITHOUT TIME ZONE": FieldType.TIMESTAMP,
        "TIMESTAMPTZ": FieldType.TIMESTAMPTZ,
        "TIMESTAMP WITH TIME ZONE": FieldType.TIMESTAMPTZ,
        "DATETIME WITH TIME ZONE": FieldType.TIMESTAMPTZ,
        "INTERVAL": FieldType.INTERVAL,
        "JSON": FieldType.JSON,
        "JSONB": FieldType.JSON,
        "UUID": FieldType.UUID,
        "GUID": FieldType.UUID,
        "BYTEA": FieldType.BYTES,
        "BINARY": FieldType.BYTES,
        "VARBINARY": FieldType.BYTES,
    }
)


class Affinity(Enum):
    """What SQLite prefers to store in a column, by the rules of its documentation."""

    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BLOB = "BLOB"
    REAL = "REAL"
    NUMERIC = "NUMERIC"


_BY_AFFINITY: Final[Mapping[Affinity, FieldType]] = MappingProxyType(
    {
        Affinity.INTEGER: FieldType.INTEGER,
        Affinity.TEXT: FieldType.TEXT,
        Affinity.BLOB: FieldType.BYTES,
        Affinity.REAL: FieldType.FLOAT,
        Affinity.NUMERIC: FieldType.OTHER,
    }
)
_PARTS: Final[tuple[tuple[str, Affinity], ...]] = (  # the first that occurs in the name decides
    ("INT", Affinity.INTEGER),
    ("CHAR", Affinity.TEXT),
    ("CLOB", Affinity.TEXT),
    ("TEXT", Affinity.TEXT),
    ("BLOB", Affinity.BLOB),
    ("REAL", Affinity.REAL),
    ("FLOA", Affinity.REAL),
    ("DOUB", Affinity.REAL),
)
_TYPE = re.compile(r"\s*([^(]*?)\s*(?:\(\s*(\d{1,6})\s*(?:,\s*(\d{1,6})\s*)?\)\s*([^(]*?)\s*)?", re.DOTALL)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?P<between>[ T])\d\d:\d\d:\d\d(?P<fraction>\.\d{1,9})?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"
)
_ZONES: Final = frozenset({"", "Z", "+00:00"})
_PLAIN_FRACTIONS: Final = frozenset({0, 7})  # none, or a point and six digits: what Python writes


@dataclass(frozen=True, slots=True)
class Form:
    """How a column writes moments, so that they sort as text: `T` or a blank, the digits of seconds, the zone.

    `digits` None means six where they are needed, else none.
    """

    between: str = " "
    digits: int | None = None
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared type taken apart. `unlike`: the moments that were seen in it are not all of one form."""

    native: str
    type: FieldType
    affinity: Affinity
    size: int | None = None
    scale: int | None = None
    form: Form = Form()
    unlike: bool = False


class DeclaredType(UserDefinedType[object]):
    """A declared type as SQLAlchemy carries it with a column."""

    cache_ok = True

    def __init__(self, declared: Declared) -> None:
        self.declared = declared

    def get_col_spec(self, **_: object) -> str:
        """Return the type as it was declared."""
        return self.declared.native


def declared(native: str) -> Declared:
    """Take a declared type apart: `DECIMAL(10, 2)`."""
    affinity = _affinity(native)
    found = _TYPE.fullmatch(native)
    if found is None:
        return Declared(native, _BY_AFFINITY[affinity], affinity)
    base = " ".join(f"{found[1]} {found[4] or ''}".upper().split())
    kind = _DECLARED.get(base, _BY_AFFINITY[affinity])
    if base in ("", "ANY"):
        kind = FieldType.OTHER
    return Declared(native, kind, affinity, _number(found[2]), _number(found[3]))


def form_of(moments: Iterable[object], *, zoned: bool) -> tuple[Form, bool, bool]:
    """Return the form of the moments seen; whether they have a zone; and whether they are unlike each other."""
    utc = Form(zone="+00:00")
    seen = [_MOMENT.fullmatch(each) if isinstance(each, str) else None for each in moments]
    found = [each for each in seen if each is not None]
    betweens = {each["between"] for each in found}
    zones = {each["zone"] or "" for each in found}
    lengths = {len(each["fraction"] or "") for each in found}
    zoned = zoned or not zones <= {""}
    if not seen or len(found) < len(seen) or len(betweens) > 1 or len(zones) > 1 or not zones <= _ZONES:
        return utc if zoned else Form(), zoned, bool(seen)
    (between,), (zone,) = betweens, zones
    if len(lengths) == 1:
        (length,) = lengths
        return Form(between, length - 1 if length else None, zone), zoned, False
    # A fraction sorts before `Z`, so where it varies only the other spelling of the zone sorts by time.
    return Form(between, None, zone), zoned, zone == "Z" or not lengths <= _PLAIN_FRACTIONS


def _affinity(native: str) -> Affinity:
    name = native.upper()
    if not name:
        return Affinity.BLOB
    return next((affinity for part, affinity in _PARTS if part in name), Affinity.NUMERIC)


def _number(text: str | None) -> int | None:
    return int(text) if text else None
