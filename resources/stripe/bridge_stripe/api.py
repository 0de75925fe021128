"""One account at Stripe, asked through the SDK: within quotas, and a write as often as it takes to know its outcome."""

import asyncio
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import stripe

from bridge_core import AdapterContext, Malformed, Outcome, Unavailable, UpstreamFailed
from bridge_core.values import decode_json
from bridge_stripe.errors import ACCOUNT, translated

Json: TypeAlias = Mapping[str, Any]

NO_PARAMETERS: Final[Json] = MappingProxyType({})
PAUSES: Final = (0.1, 0.4, 1.0)  # seconds before a write whose outcome is not known is sent again under its key
RESERVED: Final = frozenset({"", ".", "..", "search", "upcoming", "create_preview"})  # paths that are no ids


class Api:
    """The requests of one resource. The SDK repeats nothing: what is repeated is decided here and by the bridge."""

    def __init__(
        self,
        client: stripe.StripeClient,
        http: stripe.HTTPXClient,
        context: AdapterContext,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._http = http
        self._context = context
        self._chance = chance

    async def get(self, path: str, scope: str, params: Json = NO_PARAMETERS, *, also: str | None = None) -> Json:
        """Read; `also` is a quota beside those of the account and the endpoint."""
        return await self._sent("get", path, scope, params, None, also)

    async def post(self, path: str, scope: str, params: Json, key: str) -> Json:
        """Write under a key: Stripe does it once, however often it is sent."""
        return await self._certain("post", path, scope, params, key)

    async def delete(self, path: str, scope: str, params: Json = NO_PARAMETERS) -> Json:
        """Delete: the same however often it is sent."""
        return await self._certain("delete", path, scope, params, None)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the SDK says nothing of it

    async def _certain(self, method: str, path: str, scope: str, params: Json, key: str | None) -> Json:
        for pause in PAUSES:
            try:
                return await self._sent(method, path, scope, params, key)
            except Unavailable as failure:
                if failure.outcome is not Outcome.UNKNOWN or self._left() <= 2 * pause:
                    raise
            await asyncio.sleep(pause * (0.5 + self._chance() / 2))
        return await self._sent(method, path, scope, params, key)

    async def _sent(
        self, method: str, path: str, scope: str, params: Json, key: str | None, also: str | None = None
    ) -> Json:
        budget = self._context.budget
        for each in (ACCOUNT, scope, *([also] if also else ())):
            await budget.spend(each)
        options = {"idempotency_key": key} if key else {}
        try:
            answer = await self._client.raw_request_async(method, f"/v1/{path}", **params, **options)
        except stripe.StripeError as error:
            raise translated(error, writing=method != "get", scope=scope) from error
        return _object(answer.body, writing=method != "get")

    def _left(self) -> float:
        return self._context.deadline() - self._context.clock()


def _object(body: str, *, writing: bool) -> Json:
    """Read an answer again: the SDK makes binary fractions of decimals, and dicts of a kind of its own."""
    try:
        found = decode_json(body)
    except Malformed:
        found = None
    if not isinstance(found, dict):
        raise UpstreamFailed(
            "Stripe answered with something else than an object",
            outcome=Outcome.UNKNOWN if writing else Outcome.NOT_APPLIED,
        )
    return found


def below(path: str, key: object) -> str:
    """Return the path of one object; whatever the key holds, it stays one step."""
    return f"{path}/{quote(str(key), safe='')}"
