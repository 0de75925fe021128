"""Explain a request without running it: the plan that would run, and what the backend would be sent."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from bridge_core import registry, roles
from bridge_core.adapter import NativeExplain
from bridge_core.bridge import Bridge
from bridge_core.call import Call, Principal
from bridge_core.errors import Refused
from bridge_core.generation import rest_settings
from bridge_core.operations import Act, Answer
from bridge_core.planner import Plan
from bridge_core.settings import Settings
from bridge_core.surfaces.rest import RestApp


@dataclass(frozen=True, slots=True)
class Question:
    """A request as one writes it: `GET /rest/shop/customers?limit=5`."""

    method: str
    target: str
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be done: a plan and the backend's own statements; or the answer to a request that gets no further."""

    plan: Mapping[str, object] | None
    statements: Sequence[str] = ()
    answer: str = ""


async def explain(
    settings: Settings, available: Sequence[EntryPoint], question: Question, principal: Principal
) -> Explanation:
    """Open the resources, take the request as far as the adapter, and close them again."""
    served = await registry.open_all(settings, registry.openers(settings, available))
    relations = [each.declared() for each in settings.relations]
    bridge = Bridge(served, roles.policy_of(settings), default=settings.default_resource, relations=relations)
    try:
        return await _explained(bridge, settings, question, principal)
    finally:
        await bridge.close()


async def _explained(bridge: Bridge, settings: Settings, question: Question, principal: Principal) -> Explanation:
    found: list[Explanation] = []

    async def handle(call: Call) -> Answer:
        plan = await bridge.explain(call)
        found.append(Explanation(plan.described(), [each async for each in _statements(bridge, plan)]))
        raise Refused("explained, not run")

    bridge.handle = handle
    answer = await _asked(RestApp(bridge, lambda *_: principal, rest_settings(settings.server)), question)
    return found[0] if found else Explanation(None, answer=answer)


async def _statements(bridge: Bridge, plan: Plan) -> AsyncIterator[str]:
    """Yield what the backends would be sent, those of far ends behind that of the near one."""
    adapter = bridge.resources()[plan.operation.model.resource].adapter
    if adapter is not None and isinstance(adapter, NativeExplain):
        for each in plan.sent:
            if not isinstance(each, Act):
                yield await adapter.explain(each)
    for related in plan.related:
        async for statement in _statements(bridge, related):
            yield statement


async def _asked(app: RestApp, question: Question) -> str:
    path, _, query = question.target.partition("?")
    heads = {"content-type": question.content_type, "content-length": str(len(question.body))}
    scope: dict[str, Any] = {
        "type": "http",
        "method": question.method.upper(),
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in heads.items()],
    }
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": question.body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(sent).decode()
