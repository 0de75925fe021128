"""Read claims that others wrote: times of a sane size, names, values deep inside of objects."""

import math
from collections.abc import Mapping
from typing import Any

from bridge_core.auth.compact import Damaged
from bridge_core.auth.data_tokens import MAX_TIME, SKEW


def moment(value: object) -> float:
    """Return a NumericDate, or raise Damaged: a boolean, a text or an infinity is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Damaged
    if not math.isfinite(value) or not 0 <= value < MAX_TIME:
        raise Damaged
    return float(value)


def in_time(body: Mapping[str, Any], now: float) -> float:
    """Return when a token ends; raise Damaged if it has, if it has not begun, or if it does not say."""
    expires = moment(body.get("exp"))
    begins = [moment(body[name]) for name in ("nbf", "iat") if name in body]
    if not now < expires or any(now < each - SKEW for each in begins):
        raise Damaged
    return expires


def inside(body: Mapping[str, Any], path: str) -> object:
    """Return the value at a path: the claim of that very name, else one step per dot."""
    if path in body:
        return body[path]
    here: object = body
    for step in path.split("."):
        here = here.get(step) if isinstance(here, Mapping) else None
    return here


def words(value: object) -> tuple[str, ...]:
    """Return a text, or a list of texts, as texts; anything else as none."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(each for each in value if isinstance(each, str))
    return ()
