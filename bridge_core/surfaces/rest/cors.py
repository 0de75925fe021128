"""Let browsers call from the configured origins, and from no others."""

from typing import Final

from bridge_core.surfaces.http import Header
from bridge_core.surfaces.rest.response import Response

_ALLOWED: Final = b"access-control-allow-origin"
_METHODS: Final = (b"access-control-allow-methods", b"GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD")
_MAX_AGE: Final = (b"access-control-max-age", b"86400")
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, "
    b"Range-Unit, Preference-Applied, Proxy-Status, Retry-After, ETag, Idempotent-Replayed, Bridge-Outcome",
)
_VARY: Final = (b"vary", b"Origin")
_MOST_ASKED: Final = 100
_TOKEN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~")


class Cors:
    """Answers to browsers. No credentials of theirs (cookies) are ever asked for."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Take the origins that may call; `*` is every one."""
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)
        self._always: tuple[Header, ...] = ((_ALLOWED, b"*"), _EXPOSED) if self._any else ((_VARY,) if origins else ())

    def headers(self, origin: bytes | None) -> tuple[Header, ...]:
        """Return what an ordinary answer says to a browser."""
        if self._any or origin is None or origin not in self._origins:
            return self._always
        return ((_ALLOWED, origin), _EXPOSED, _VARY)

    def preflight(self, origin: bytes, asked: bytes) -> Response:
        """Answer the question whether a browser may call; to a strange origin it says nothing."""
        if not self._any and origin not in self._origins:
            return Response(200, list(self._always))
        names = [name.strip() for name in asked.split(b",")[:_MOST_ASKED]]
        wanted = [name for name in names if name and _TOKEN.issuperset(name)]
        allowed = b", ".join((b"Authorization", *wanted, b"Accept", b"Accept-Language", b"Content-Language"))
        headers = [_METHODS, (b"access-control-allow-headers", allowed), _MAX_AGE]
        return Response(200, [*self.headers(origin)[:1], *headers, _VARY])
