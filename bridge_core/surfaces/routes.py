"""The table of routes: every one of them says who may come through it, or the server does not start."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from starlette.types import ASGIApp

from bridge_core.errors import ConfigurationError


class Access(Enum):
    """Who may come through a route."""

    PUBLIC = "public"  # anybody: it tells nothing about any resource
    CREDENTIAL = "credential"  # the route checks the credential that it is there for
    POLICY = "policy"  # it makes operations, and policy decides about each of them


@dataclass(frozen=True, slots=True)
class Entry:
    """One route: a path, or a prefix that ends in `/`, and the ASGI application that answers there."""

    path: str
    app: ASGIApp
    methods: tuple[str, ...] = ()  # empty: the application decides
    access: Access | None = None

    @property
    def prefix(self) -> bool:
        """Tell whether the entry answers for everything below its path."""
        return self.path.endswith("/")


def checked(entries: Iterable[Entry]) -> Sequence[Entry]:
    """Return the table, or raise ConfigurationError for a route without access, and for two with one path."""
    table = tuple(entries)
    unguarded = [entry.path for entry in table if entry.access is None]
    if unguarded:
        raise ConfigurationError(f"routes without a policy: {', '.join(unguarded)}", hint="give each an Access")
    paths = [entry.path for entry in table]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise ConfigurationError(f"two routes have one path: {', '.join(twice)}")
    return table
