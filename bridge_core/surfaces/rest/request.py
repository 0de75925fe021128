"""What of a request the surface looks at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge_core.errors import Rejected, TooLarge
from bridge_core.surfaces.http import malformed_header

_PROFILE_OF_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_KEY: Final = 255
_MOST_ETAGS: Final = 20
ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Request:
    """Method, path below the base, query string and headers; a header that came twice is joined by commas."""

    method: str
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]

    @property
    def profile(self) -> str | None:
        """The schema that the caller names, in the header that counts for the method."""
        name = b"accept-profile" if self.method in _PROFILE_OF_READS else b"content-profile"
        value = self.headers.get(name)
        return None if value is None else text_of(value)

    @property
    def idempotency_key(self) -> str | None:
        """The caller's own number of this write."""
        value = self.headers.get(b"idempotency-key")
        if value is None:
            return None
        text = text_of(value)
        if not (0 < len(text) <= _LONGEST_KEY and text.isascii() and text.isprintable()):
            raise malformed_header("Idempotency-Key", f"must be 1 to {_LONGEST_KEY} printable characters")
        return text

    @property
    def fresh(self) -> bool:
        """Whether the caller wants no answer that was kept, by Cache-Control."""
        value = self.headers.get(b"cache-control")
        return value is not None and b"no-cache" in value.lower()

    @property
    def etags(self) -> tuple[str, ...] | None:
        """The versions that the record may have, by If-Match."""
        return self._versions("If-Match")

    @property
    def unless_match(self) -> tuple[str, ...] | None:
        """The versions that the caller has already, or that must not be there, by If-None-Match."""
        return self._versions("If-None-Match", weak=True)

    def _versions(self, name: str, *, weak: bool = False) -> tuple[str, ...] | None:
        value = self.headers.get(name.lower().encode())
        if value is None:
            return None
        tags = tuple(tag.strip().removeprefix("W/" if weak else "") for tag in text_of(value).split(","))
        if len(tags) > _MOST_ETAGS or not all(_is_etag(tag) for tag in tags):
            raise malformed_header(name, 'must list versions as in "abc", or be *')
        return tuple(tag.strip('"') for tag in tags)

    def must_be_bounded(self, longest: int) -> None:
        """Raise TooLarge if the target of the request is too long."""
        if len(self.path) + len(self.query) > longest:
            raise TooLarge(f"the URL has more than {longest} bytes", code="BRG414")

    def must_be_plain(self) -> None:
        """Raise if the body is compressed: what it would become cannot be bounded beforehand."""
        encoding = self.headers.get(b"content-encoding", b"identity")
        if encoding.strip().lower() not in (b"", b"identity"):
            raise Rejected("a body with Content-Encoding is not taken", code="BRG415", hint="send it uncompressed")


def text_of(value: bytes) -> str:
    """Return a header's value as text: UTF-8 where it is, else latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_of(scope: Mapping[str, Any], base: bytes) -> Request:
    """Take from an ASGI scope what counts."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = value if name not in headers else headers[name] + b", " + value
    return Request(scope["method"], _below(base, scope), scope["query_string"], headers)


def _below(base: bytes, scope: Mapping[str, Any]) -> bytes:
    """Return the path, still encoded, without what stands before the resource."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    root: bytes = scope.get("root_path", "").encode()
    if root:
        path = path.removeprefix(root)
        if root.endswith(base):
            return path
    return path[len(base) :] if path.startswith(base + b"/") else b""


def _is_etag(tag: str) -> bool:
    return tag == ANY or (len(tag) >= 2 and tag.startswith('"') and tag.endswith('"'))
