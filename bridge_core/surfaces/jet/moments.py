"""Read dates and times as people and clients of this protocol write them."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Final

_WRITTEN: Final = (
    "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y",
    "%B %d, %Y %H:%M", "%b %d, %Y %H:%M", "%d %B %Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M", "%a, %d %b %Y %H:%M:%S %Z",
)  # fmt: skip
_DAYS: Final[Mapping[str, int]] = MappingProxyType({"today": 0, "yesterday": -1, "tomorrow": 1})
_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}(:\d{2}){0,2}([.,]\d{1,9})?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?", re.IGNORECASE
)
_LONGEST: Final = 64


def moment_of(text: str, zone: tzinfo, now: datetime | None = None) -> datetime | None:
    """Return the moment that a text means, without an offset where it names none; None: it means none."""
    text = " ".join(text[: _LONGEST + 1].split())
    if not text or len(text) > _LONGEST:
        return None
    if _ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper().replace(" Z", "Z").replace(" +", "+"))
        except ValueError:
            return None
    return _spoken(text.lower(), (now or datetime.now(UTC)).astimezone(zone)) or _listed(text)


def day_of(text: str, zone: tzinfo) -> date | None:
    """Return the day that a text means; None: it means none."""
    found = moment_of(text, zone)
    return None if found is None else found.date()


def local(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment as the clocks of a zone show it, without the zone."""
    return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)


def _spoken(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    away = _DAYS.get(text)
    return None if away is None else now + timedelta(days=away)


def _listed(text: str) -> datetime | None:
    for form in _WRITTEN:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a text without an offset is meant in the caller's zone
        except ValueError:
            continue
    return None
