"""Read the body of a write: JSON, CSV or a form -> records of values as they were written."""

import csv
import io
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_plus

from bridge_core.deadlines import Deadlines
from bridge_core.errors import Malformed, Rejected, TooLarge
from bridge_core.operations import Record
from bridge_core.surfaces.rest.media import BodyForm
from bridge_core.values import decode_json

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_NULL: Final = "NULL"


class Gone(Exception):
    """The client went away before its request was whole."""


async def body_of(receive: Receive, *, most: int, patience: float, deadlines: Deadlines) -> bytes:
    """Receive the whole body, or raise TooLarge; every piece has so many seconds to arrive."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await _piece(receive, patience, deadlines)
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise TooLarge(f"the body has more than {most} bytes", hint="write the records in several requests")
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _piece(receive: Receive, patience: float, deadlines: Deadlines) -> MutableMapping[str, Any]:
    try:
        with deadlines.within(deadlines.clock() + patience):
            return await receive()
    except TimeoutError:
        raise Rejected("the body of the request did not arrive in time", code="BRG408") from None


def records_of(body: bytes, form: BodyForm) -> list[Record]:
    """Return the records that a body holds."""
    match form:
        case BodyForm.JSON:
            return _from_json(decode_json(body))
        case BodyForm.CSV:
            return _from_csv(_text(body))
        case BodyForm.FORM:
            return [_from_form(_text(body))]


def _from_json(value: object) -> list[Record]:
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []  # a scalar acts as an empty list
    if not all(isinstance(each, dict) for each in value):
        raise _unequal_keys()
    return value


def fields_of(records: list[Record]) -> tuple[str, ...]:
    """Return the fields that all records name alike, or raise Malformed."""
    if not records:
        return ()
    keys = records[0].keys()
    if any(record.keys() != keys for record in records):
        raise _unequal_keys()
    return tuple(keys)


def _unequal_keys() -> Malformed:
    return Malformed("All object keys must match", code="PGRST102")


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8", code="PGRST102") from None


def _from_csv(text: str) -> list[Record]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as cause:
        raise Malformed(f"the body is no CSV: {cause}", code="PGRST102") from None
    if not rows:
        raise Malformed("the body is no CSV: it has no line with names", code="PGRST102")
    names, *lines = rows
    if len(set(names)) != len(names):
        raise Malformed("the first line of the CSV names a column twice", code="PGRST102")
    if any(len(line) != len(names) for line in lines):
        raise Malformed("All lines must have same number of fields", code="PGRST102")
    return [{name: None if text == _NULL else text for name, text in zip(names, line, strict=True)} for line in lines]


def _from_form(text: str) -> Mapping[str, object]:
    record: dict[str, object] = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if not name:
            continue
        try:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            raise Malformed("the body is not UTF-8", code="PGRST102") from None
        if name in record:
            raise Malformed(f"the form has the field {name[:100]!r} twice", code="PGRST102")
        record[name] = value
    return record
