"""`model_descriptions` and the relations that people declare beside those of the backends."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from bridge_core.errors import UnknownName
from bridge_core.store.overrides import Override, RelationOverrides
from bridge_core.surfaces.jet.access import CUSTOMIZATION, Anyone
from bridge_core.surfaces.jet.describing import MANY_TO_ONE, ONE_TO_MANY, described
from bridge_core.surfaces.jet.endpoints import Endpoint, Route, route
from bridge_core.surfaces.jet.exchange import JSON, Reply, reply
from bridge_core.surfaces.jet.naming import every_model, known
from bridge_core.surfaces.jet.problems import general
from bridge_core.surfaces.jet.visit import Visit

_PARTS: Final = ("direction", "local_field", "related_model", "related_field")
_MOST: Final = 1_000


def routes(overrides: RelationOverrides) -> tuple[Route, ...]:
    """Return the endpoints, over the store that keeps declared relations."""
    return (
        route(("model_descriptions",), GET=Endpoint(Anyone.MEMBER, _describing(overrides))),
        route(
            ("model_descriptions", "relationship_overrides"),
            POST=Endpoint(CUSTOMIZATION, _declaring(overrides)),
        ),
    )


def _describing(overrides: RelationOverrides) -> Callable[[Visit], Awaitable[Reply]]:
    async def answer(visit: Visit) -> Reply:
        declared = await overrides.of_every_model(draft=_draft(visit))
        models = every_model(visit.bridge, visit.principal)
        listed = [described(visit.bridge, model, declared) for model in models if model.readable]
        body = msgspec.json.encode(sorted(listed, key=lambda each: str(each["model"])))
        if not visit.request.first("cid"):
            return Reply(200, body, [JSON])
        tag = f'"{hashlib.sha256(body).hexdigest()}"'
        headers = [(b"cache-control", b"no-cache"), (b"etag", tag.encode())]
        known_tags = {each.strip().removeprefix("W/") for each in visit.request.header(b"if-none-match").split(",")}
        return Reply(304, b"", headers) if tag in known_tags else Reply(200, body, [JSON, *headers])

    return answer


def _declaring(overrides: RelationOverrides) -> Callable[[Visit], Awaitable[Reply]]:
    async def answer(visit: Visit) -> Reply:
        data = await visit.receive()
        if not isinstance(data, list) or len(data) > _MOST:
            raise general(f"the body must be an array of at most {_MOST} models")
        declared = dict(_declared(visit, each) for each in data)
        await overrides.replace(declared, draft=_draft(visit))
        return reply(data)

    return answer


def _draft(visit: Visit) -> bool:
    return visit.request.first("draft") not in ("", "0", "false")


def _declared(visit: Visit, data: object) -> tuple[str, Sequence[Override]]:
    if not isinstance(data, Mapping) or not isinstance(data.get("relations"), list):
        raise general("each model needs `model` and `relations`")
    name = data.get("model")
    if not isinstance(name, str) or not _is_known(visit, name):
        raise general(f"Unknown relation override model: {name}")
    if len(data["relations"]) > _MOST:
        raise general(f"at most {_MOST} relations of one model")
    return name, [_override(visit, name, each) for each in data["relations"]]


def _override(visit: Visit, name: str, data: object) -> Override:
    parts = [data.get(part) if isinstance(data, Mapping) else None for part in _PARTS]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != len(_PARTS):
        raise general(f"each relation needs {', '.join(_PARTS)}")
    made = Override(*texts)
    if made.direction not in (MANY_TO_ONE, ONE_TO_MANY):
        raise general(f"Unknown relation direction: {made.direction}")
    if not _is_known(visit, made.related_model):
        raise general(f"Unknown relation override model: {made.related_model}")
    for model, field in ((name, made.local_field), (made.related_model, made.related_field)):
        if field not in visit.find(model).by_name:
            raise general(f"Unknown relation override field: {model}.{field}")
    return made


def _is_known(visit: Visit, name: str) -> bool:
    try:
        known(visit.bridge, visit.principal, name)
    except UnknownName:
        return False
    return True
