"""What the columns of a sheet are: their names from the header, their types from what stands below."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge_core import FieldType
from bridge_sheets.cells import ERRORS, Kind, Misfit, Raw, decoded

_DECIMALS: Final = re.compile(r"0\.(0+)(?![0#?])")
_BY_FORMAT: Final[Mapping[str, FieldType]] = {
    "DATE": FieldType.DATE,
    "TIME": FieldType.TIME,
    "DATE_TIME": FieldType.TIMESTAMPTZ,
    "TEXT": FieldType.TEXT,
}
_BY_TABLE: Final[Mapping[str, str]] = {  # the column types of Tables, as number formats
    "DATE": "DATE",
    "TIME": "TIME",
    "DATE_TIME": "DATE_TIME",
    "TEXT": "TEXT",
}


def header_at(table: Sequence[Sequence[Raw]], wanted: int | None) -> int | None:
    """Return the place of the header: as configured, else the first row with anything in it."""
    if wanted is not None:
        return wanted - 1 if wanted <= len(table) else None
    return next((at for at, row in enumerate(table) if any(cell is not None for cell in row)), None)


def names_of(header: Sequence[Raw], filled: Sequence[bool]) -> tuple[list[str | None], list[str]]:
    """Return a name for each column (None: it is left out), and what was wrong with the header."""
    names: list[str | None] = []
    complaints = []
    for at, used in enumerate(filled):
        text = str(header[at]).strip() if at < len(header) and header[at] is not None else ""
        if not text and not used:
            names.append(None)
            continue
        wanted = text or f"column_{letters(at)}"
        if not text:
            complaints.append(f"column {letters(at)} has no header: it is called {wanted}")
        name, number = wanted, 1
        while name in names:
            number += 1
            name = f"{wanted}_{number}"
        if number > 1:
            complaints.append(f"the header {wanted!r} stands there more than once: column {letters(at)} is {name}")
        names.append(name)
    return names, complaints


def kind_of(values: Sequence[Raw], format: Mapping[str, Any], rule: Mapping[str, Any], zone: str) -> Kind:  # noqa: A002
    """Return the type of a column that fits all of its cells: the format, and the rule for input, are hints."""
    present = [each for each in values if each is not None and each not in ERRORS]
    hinted = _hinted(format, rule, zone)
    if hinted is not None and _fits(hinted, present):
        return hinted
    for kind in (Kind(FieldType.BOOLEAN), *_numbers(format)):
        if present and _fits(kind, present):
            return kind
    return Kind(FieldType.TEXT)


def table_format(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the number format that the type of a Table's column stands for."""
    found = _BY_TABLE.get(str(properties.get("columnType", "")))
    return {} if found is None else {"type": found}


def commonest(formats: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the format that most cells have."""
    counted = Counter(tuple(sorted(each.items())) for each in formats if each)
    return dict(counted.most_common(1)[0][0]) if counted else {}


def letters(number: int) -> str:
    """Return the letters of a column, counted from 0."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def _hinted(format: Mapping[str, Any], rule: Mapping[str, Any], zone: str) -> Kind | None:  # noqa: A002
    condition = rule.get("condition", {})
    match condition.get("type"):
        case "ONE_OF_LIST":
            words = tuple(dict.fromkeys(each.get("userEnteredValue", "") for each in condition.get("values", ())))
            return Kind(FieldType.ENUM, words=words)
        case "BOOLEAN":
            return Kind(FieldType.BOOLEAN)
    found = _BY_FORMAT.get(str(format.get("type", "")))
    return None if found is None else Kind(found, zone=zone)


def _numbers(format: Mapping[str, Any]) -> tuple[Kind, ...]:  # noqa: A002
    decimals = _DECIMALS.search(str(format.get("pattern", "")))
    if decimals is not None:
        return (Kind(FieldType.DECIMAL, scale=len(decimals[1])),)
    return (Kind(FieldType.INTEGER), Kind(FieldType.FLOAT))


def _fits(kind: Kind, values: Sequence[Raw]) -> bool:
    try:
        for each in values:
            decoded(kind, each)
    except Misfit:
        return False
    return True
