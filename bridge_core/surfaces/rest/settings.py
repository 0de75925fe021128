"""What the REST surface can be told."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

T = TypeVar("T")
Text = TypeVar("Text", str, bytes)

_LONGEST: Final = 512  # characters of a text that is worth remembering
_REMEMBERED: Final = 1_024


@dataclass(frozen=True, slots=True)
class RestSettings:
    """Where the surface lives and what one request may cost."""

    base: str = "/rest"
    origins: tuple[str, ...] = ()  # that browsers may call from; "*" only where it is asked for
    max_url: int = 16 * 1024  # bytes
    max_body: int = 10 * 1024 * 1024  # bytes
    max_rows: int | None = None  # records that one read answers at most
    deadline: float = 30.0  # seconds, which `Prefer: wait` may shorten
    body_timeout: float = 10.0  # seconds without a byte of the body
    write_timeout: float = 30.0  # seconds for the client to take one piece of an answer
    rollback: bool = False  # whether `Prefer: tx=rollback` is honoured
    aggregates: bool = False


DEFAULTS: Final = RestSettings()


def remembering(read: Callable[[Text], T]) -> Callable[[Text], T]:
    """Return `read` with a bounded memory of its own for short texts."""
    recalled = lru_cache(maxsize=_REMEMBERED)(read)

    def recall(text: Text) -> T:
        return recalled(text) if len(text) <= _LONGEST else read(text)

    return recall
