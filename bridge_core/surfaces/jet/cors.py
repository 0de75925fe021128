"""Let browsers call from the configured origins, in the words of this protocol."""

from typing import Final

from bridge_core.surfaces.http import Header

_ORIGIN: Final = b"access-control-allow-origin"
_VARY: Final[Header] = (b"vary", b"Origin")
_WORDS: Final[tuple[Header, ...]] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization,DNT,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,"
        b"X-Application-Warning,X-HTTP-Method-Override,X-Bridge-Settings,X-Stick-Session",
    ),
    (
        b"access-control-expose-headers",
        b"Content-Length,Content-Range,Content-Disposition,Content-Type,X-Application-Warning",
    ),
)


class Cors:
    """What answers say to browsers: nothing to origins that nobody named."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Take the origins that may call; `*` is every one, then without cookies."""
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, origin: bytes | None) -> tuple[Header, ...]:
        """Return the headers for a request from an origin."""
        if self._any:
            return ((_ORIGIN, b"*"), *_WORDS)
        if origin is None or origin not in self._origins:
            return (_VARY,) if self._origins else ()
        return ((_ORIGIN, origin), (b"access-control-allow-credentials", b"true"), *_WORDS, _VARY)
