"""Make other forms of a JSON array: one object, without nulls, CSV; whole, or piece by piece."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec

from bridge_core.operations import Page
from bridge_core.surfaces.rest.media import Media

_decoder = msgspec.json.Decoder(list[dict[str, object]], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_scan = json.JSONDecoder(parse_float=Decimal).raw_decode
_BLANKS: Final = " \t\r\n"


def shaped(encoded: bytes, media: Media, names: Sequence[str]) -> bytes:
    """Return a JSON array in another form; a singular one holds exactly one object."""
    if media.csv:
        return _csv_head(names) + _csv_lines(_decoder.decode(encoded), names)
    if not media.stripped:
        return encoded.strip()[1:-1].strip()
    records = [_without_nulls(record) for record in _decoder.decode(encoded)]
    return _encoder.encode(records[0] if media.singular else records)


def first_record(page: Page | None) -> Mapping[str, object] | None:
    """Return the first record of a page that is there as a whole."""
    if page is None or page.stream is not None:
        return None
    records = _decoder.decode(page.encoded) if page.encoded is not None else page.records
    return records[0] if records else None


async def gathered(page: Page) -> Page:
    """Return a streamed page, known to be short, as a whole one."""
    assert page.stream is not None
    encoded = b"".join([piece async for piece in page.stream])
    return replace(page, stream=None, encoded=encoded, rows=len(_decoder.decode(encoded)))


async def shaped_stream(pieces: AsyncIterator[bytes], media: Media, names: Sequence[str]) -> AsyncIterator[bytes]:
    """Yield a streamed JSON array in another form, holding only as much as one piece and one record."""
    if media.csv:
        yield _csv_head(names)
        async for batch in _batches(pieces):
            yield _csv_lines(batch, names)
        return
    opening = b"["
    async for batch in _batches(pieces):
        yield opening + b",".join(_encoder.encode(_without_nulls(record)) for record in batch)
        opening = b","
    yield b"]" if opening == b"," else b"[]"


async def _batches(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[Mapping[str, object]]]:
    """Yield the records of a JSON array that arrives in pieces, as many at a time as are whole."""
    rest, waiting = "", b""
    opened = False
    async for piece in pieces:
        text, waiting = _whole_characters(waiting + piece)
        rest += text
        if not opened:
            rest = rest.lstrip(_BLANKS)
            opened = rest.startswith("[")
            rest = rest[1:] if opened else rest
        batch, rest = _records(rest)
        if batch:
            yield batch
    if not opened or rest.strip(_BLANKS) != "]":
        raise ValueError("the stream ended within a record")


def _whole_characters(data: bytes) -> tuple[str, bytes]:
    """Split bytes before a character that is not there in full."""
    for cut in range(min(4, len(data) + 1)):
        try:
            return data[: len(data) - cut].decode(), data[len(data) - cut :]
        except UnicodeDecodeError:
            continue
    raise ValueError("the stream is not UTF-8")


def _records(text: str) -> tuple[list[Mapping[str, object]], str]:
    records: list[Mapping[str, object]] = []
    at = _next(text, 0)
    while at < len(text) and text[at] == "{":
        try:
            record, end = _scan(text, at)
        except json.JSONDecodeError:
            break
        records.append(record)
        at = _next(text, end)
    return records, text[at:]


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _csv_head(names: Sequence[str]) -> bytes:
    return ",".join(_cell(name) for name in names).encode()


def _csv_lines(records: Iterable[Mapping[str, object]], names: Sequence[str]) -> bytes:
    lines = ("\n" + ",".join(_cell(record.get(name)) for name in names) for record in records)
    return "".join(lines).encode()


def _cell(value: object) -> str:
    form = _CELLS.get(type(value))
    return form(value) if form is not None else _quoted(_encoder.encode(value).decode())


def _quoted(text: str) -> str:
    if not text:
        return '""'  # unlike a null, which is nothing
    plain = not ("," in text or '"' in text or "\n" in text or "\r" in text)
    return text if plain else '"' + text.replace('"', '""') + '"'


_CELLS: Final[Mapping[type, Callable[..., str]]] = {
    type(None): lambda _: "",
    str: _quoted,
    int: str,
    bool: lambda value: "true" if value else "false",
}
