"""The table of endpoints: for each path and method who may come, and what answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from bridge_core.operations import Verb
from bridge_core.surfaces.jet import ordering, summing, writing
from bridge_core.surfaces.jet.access import Anyone, Need
from bridge_core.surfaces.jet.exchange import Reply
from bridge_core.surfaces.jet.problems import Missing
from bridge_core.surfaces.jet.visit import Visit

Answering: TypeAlias = Callable[[Visit], Awaitable[Reply]]

ANY: Final = "*"
MODEL: Final = ("models", ANY)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    need: Need
    answer: Answering


@dataclass(frozen=True, slots=True)
class Route:
    """A path below `/api/`, part by part (`*` is any one), and its methods."""

    parts: tuple[str, ...]
    methods: Mapping[str, Endpoint]

    def takes(self, parts: tuple[str, ...]) -> bool:
        """Tell whether a path is meant."""
        if len(parts) != len(self.parts):
            return False
        return all(own in (ANY, other) for own, other in zip(self.parts, parts, strict=True))


async def _list(visit: Visit) -> Reply:
    return await visit.reading.listed(visit.request, visit.question())


async def _retrieve(visit: Visit) -> Reply:
    return await visit.reading.retrieved(visit.question(), visit.request.segments[3])


async def _siblings(visit: Visit) -> Reply:
    return await visit.reading.siblings(visit.question(), visit.request.segments[3])


def later(what: str) -> Answering:
    """Return what answers where another half of the protocol will be."""

    async def answer(visit: Visit) -> Reply:
        raise Missing(f"{what} are not served by this server yet")

    return answer


def route(parts: tuple[str, ...], **methods: Endpoint) -> Route:
    """Return a path with its methods."""
    return Route(parts, MappingProxyType(methods))


def _later(parts: tuple[str, ...], what: str, need: Need = Anyone.MEMBER) -> Route:
    endpoint = Endpoint(need, later(what))
    return Route(parts, MappingProxyType(dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), endpoint)))


RECORDS: Final = (
    route(MODEL, GET=Endpoint(Verb.READ, _list), POST=Endpoint(Verb.CREATE, writing.create)),
    route((*MODEL, "bulk_create"), POST=Endpoint(Verb.CREATE, writing.create_many)),
    route((*MODEL, "aggregate"), GET=Endpoint(Verb.READ, summing.aggregate)),
    route((*MODEL, "group"), GET=Endpoint(Verb.READ, summing.group)),
    route((*MODEL, "reorder"), POST=Endpoint(Verb.UPDATE, ordering.reorder)),
    route((*MODEL, "reset_order"), POST=Endpoint(Verb.UPDATE, ordering.reset_order)),
    route(
        (*MODEL, ANY),
        GET=Endpoint(Verb.READ, _retrieve),
        PUT=Endpoint(Verb.UPDATE, writing.update),
        PATCH=Endpoint(Verb.UPDATE, writing.update_partly),
        DELETE=Endpoint(Verb.DELETE, writing.delete),
    ),
    route((*MODEL, ANY, "get_siblings"), GET=Endpoint(Verb.READ, _siblings)),
)
OTHER_HALF: Final = (
    _later(("sql",), "SQL statements"),
    _later(("graphql",), "GraphQL queries"),
    _later(("tables",), "changes of tables"),
    _later(("tables", ANY), "changes of tables"),
    _later(("tables", ANY, "columns"), "changes of columns"),
    _later(("tables", ANY, "columns", ANY), "changes of columns"),
    _later(("file_upload",), "uploads"),
    _later(("image_resize",), "images", Anyone.PUBLIC),
    _later(("proxy_request",), "outgoing requests", Anyone.PUBLIC),
    _later(("external_auth", "login", ANY), "log-ins with other providers", Anyone.PUBLIC),
    _later(("external_auth", "complete", ANY), "log-ins with other providers", Anyone.PUBLIC),
)
