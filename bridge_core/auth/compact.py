"""Take a compact JWS apart, strictly: one spelling per token, no duplicate keys, nothing that asks for a key."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_TOKEN: Final = 4_096

_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_FORBIDDEN_HEADERS: Final = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip", "b64", "enc"})


class Damaged(Exception):
    """The token cannot be taken apart, or says something that no token of ours says."""


@dataclass(frozen=True, slots=True)
class Compact:
    """A token in its parts. Nothing in it is true until the signature is verified."""

    text: str
    header: Mapping[str, Any]
    payload: Mapping[str, Any]


def parsed(token: str, *, limit: int = MAX_TOKEN) -> Compact:
    """Return the parts of a token, or raise Damaged. Costs no cryptography, and time bounded by `limit`."""
    if len(token) > limit or not _SHAPE.fullmatch(token):
        raise Damaged
    first, second, third = token.split(".")
    canonical(third)
    header, payload = strict_object(canonical(first)), strict_object(canonical(second))
    if not _FORBIDDEN_HEADERS.isdisjoint(header):
        raise Damaged
    return Compact(token, header, payload)


def canonical(segment: str) -> bytes:
    """Decode unpadded base64url; the one spelling that its bytes encode to, and no other."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError) as cause:
        raise Damaged from cause
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != segment.encode():
        raise Damaged
    return raw


def strict_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object in UTF-8: no duplicate keys, no NaN, no lone surrogates."""
    value = _strict(raw)
    if not isinstance(value, dict):
        raise Damaged
    return value


def strict_list(raw: bytes) -> list[Any]:
    """Parse a JSON list as strictly."""
    value = _strict(raw)
    if not isinstance(value, list):
        raise Damaged
    return value


def _strict(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as cause:
        raise Damaged from cause
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Damaged
    return made


def _no_constant(name: str) -> Any:
    raise Damaged(name)
