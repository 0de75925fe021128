"""Read `Prefer`, and say with `Preference-Applied` what was honoured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from bridge_core.errors import Rejected
from bridge_core.operations import Missing, Resolution
from bridge_core.query import Counting


class Returning(StrEnum):
    """What a write gives back."""

    MINIMAL = "minimal"
    HEADERS = "headers-only"
    RECORDS = "representation"


class Transaction(StrEnum):
    """What becomes of a write after it was answered."""

    COMMIT = "commit"
    ROLLBACK = "rollback"


class Handling(StrEnum):
    """What to do with a preference that is not known."""

    STRICT = "strict"
    LENIENT = "lenient"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a caller prefers; None: nothing said. `unknown` are the items that nobody understands."""

    resolution: Resolution | None = None
    missing: Missing | None = None
    returning: Returning | None = None
    count: Counting | None = None
    tx: Transaction | None = None
    handling: Handling | None = None
    timezone: str | None = None
    max_affected: int | None = None
    max_scan: int | None = None
    wait: int | None = None
    unknown: tuple[str, ...] = field(default=())

    @property
    def strict(self) -> bool:
        """Tell whether the caller would rather have an error than be misunderstood."""
        return self.handling is Handling.STRICT

    def must_be_known(self) -> None:
        """Raise if the caller insists on something that is not known."""
        if self.strict and self.unknown:
            raise Rejected(
                "Invalid preferences given with handling=strict",
                code="PGRST122",
                details=f"Invalid preferences: {', '.join(self.unknown)[:500]}",
            )


NO_PREFERENCES: Final = Preferences()
_DIGITS: Final = 12
_SHORTEST_WAIT: Final = 1


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def _one_of(choices: type[StrEnum] | type[Missing] | type[Resolution]) -> Callable[[str], Any]:
    return {choice.value: choice for choice in choices}.get


_COUNTS: Final[Mapping[str, Counting]] = {each.value: each for each in Counting if each is not Counting.NONE}
_KINDS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {  # in the order of Preference-Applied
    "resolution": ("resolution", _one_of(Resolution)),
    "missing": ("missing", _one_of(Missing)),
    "return": ("returning", _one_of(Returning)),
    "count": ("count", _COUNTS.get),
    "tx": ("tx", _one_of(Transaction)),
    "handling": ("handling", _one_of(Handling)),
    "timezone": ("timezone", lambda text: text or None),
    "max-affected": ("max_affected", _whole),
    "max-scan": ("max_scan", _whole),
    "wait": ("wait", lambda text: max(_SHORTEST_WAIT, seconds) if (seconds := _whole(text)) is not None else None),
}


def preferences_of(text: str) -> Preferences:
    """Read the items of all `Prefer` headers, joined by commas; the first of each kind counts."""
    found: dict[str, object] = {}
    unknown: list[str] = []
    for each in text.split(","):
        item = each.strip()
        name, _, value = item.partition("=")
        kind = _KINDS.get(name)
        meaning = kind[1](value.strip('"')) if kind is not None else None
        if kind is None or meaning is None:
            unknown.extend([item] if item else [])
        else:
            found.setdefault(kind[0], meaning)
    return replace(NO_PREFERENCES, **found, unknown=tuple(unknown))  # type: ignore[arg-type]  # _KINDS pairs name and type


def applied(preferences: Preferences, honoured: frozenset[str]) -> bytes:
    """Return the value of `Preference-Applied`: those of the honoured kinds that were asked for; it may be empty."""
    items = []
    for name, (attribute, _) in _KINDS.items():
        value = getattr(preferences, attribute)
        if value is not None and name in honoured:
            items.append(f"{name}={getattr(value, 'value', value)}")
    return ", ".join(items).encode("latin-1", "replace")
