"""GET and HEAD: request -> Read, and Page -> response."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from bridge_core.errors import Outcome, Unacceptable
from bridge_core.operations import Embed, Page, Read
from bridge_core.query import Counting, Slice
from bridge_core.schema import Model
from bridge_core.surfaces.rest.media import Media
from bridge_core.surfaces.rest.nesting import Laid
from bridge_core.surfaces.rest.prefer import Preferences
from bridge_core.surfaces.rest.response import Body, Response, Stream
from bridge_core.surfaces.rest.shapes import shaped, shaped_stream
from bridge_core.surfaces.rest.window import NOTHING_KNOWN, content_range
from bridge_core.values import encode

_ENOUGH: Final = 101  # records that show that there is not exactly one, and how many
HONOURED: Final = frozenset({"count", "tx", "handling", "timezone", "max-scan", "wait"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """How records are to be written into an answer."""

    media: Media
    model: Model
    laid: Laid
    timezone: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The keys of each record, in order."""
        return self.laid.names or tuple(field.name for field in self.model.readable)


def read_of(
    window: Slice, wanted: Wanted, preferences: Preferences, max_rows: int | None, *, fresh: bool = False
) -> Read:
    """Make the operation that a query asks for."""
    limit = window.limit
    if max_rows is not None:
        limit = max_rows if limit is None else min(limit, max_rows)
    if wanted.media.singular:
        limit = _ENOUGH if limit is None else min(limit, _ENOUGH)
    return Read(
        wanted.model,
        select=wanted.laid.columns,
        where=wanted.laid.where,
        order=wanted.laid.order,
        window=window if limit == window.limit else Slice(window.offset, limit),
        count=preferences.count or Counting.NONE,
        encoded=True,
        timezone=preferences.timezone,
        max_scan=preferences.max_scan,
        embeds=wanted.laid.embeds if max_rows is None else _capped(wanted.laid.embeds, max_rows),
        having=wanted.laid.having,
        fresh=fresh,
    )


def _capped(embeds: Iterable[Embed], most: int) -> tuple[Embed, ...]:
    """Return embeds none of which shows more records than one answer may have."""
    return tuple([replace(embed, read=_capped_read(embed.read, most)) for embed in embeds])


def _capped_read(read: Read, most: int) -> Read:
    limit = most if read.window.limit is None else min(most, read.window.limit)
    return replace(read, window=replace(read.window, limit=limit), embeds=_capped(read.embeds, most))


def read_response(page: Page, window: Slice, wanted: Wanted) -> Response:
    """Return the answer to a read whose window begins within the records, or raise Unacceptable."""
    first, total, rows = window.offset, page.total, page.rows
    if wanted.media.singular:
        must_be_one(rows)
    status = 206 if total is not None and rows is not None and rows < total else 200
    placed = NOTHING_KNOWN if rows is None else content_range(first, rows, total)
    headers = [(b"content-type", wanted.media.content_type), (b"content-range", placed)]
    if page.age > 0:
        headers.append((b"age", b"%d" % page.age))
    return Response(status, headers, body_of(page, wanted))


def must_be_one(rows: int | None, outcome: Outcome = Outcome.NOT_APPLIED) -> None:
    """Raise Unacceptable unless there is exactly one record."""
    if rows != 1:
        many = "more than 100" if rows is None or rows >= _ENOUGH else str(rows)
        raise Unacceptable(
            "Cannot coerce the result to a single JSON object",
            code="PGRST116",
            details=f"The result contains {many} rows",
            outcome=outcome,
        )


def body_of(page: Page, wanted: Wanted) -> Body:
    """Return the records in the wanted form; bytes that need no change pass through."""
    media = wanted.media
    if page.stream is not None:
        return Stream(page.stream, None if media.plain else shaped_stream(page.stream, media, wanted.names))
    encoded = page.encoded if page.encoded is not None else encode(page.records, wanted.timezone)
    return encoded if media.plain else shaped(encoded, media, wanted.names)
