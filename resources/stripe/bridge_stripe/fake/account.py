"""An account that behaves like one at Stripe: what is asked of it, by method, path and parameters."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from bridge_stripe.catalogue import ObjectType
from bridge_stripe.fake import lists, search
from bridge_stripe.fake.checking import checked
from bridge_stripe.fake.expanding import expanded
from bridge_stripe.fake.forms import decoded, texts
from bridge_stripe.fake.lives import Lives
from bridge_stripe.fake.objects import KINDS, Object
from bridge_stripe.fake.refusals import Refusal, no_such
from bridge_stripe.shapes import parameters

KEPT_FOR: Final = 86_400  # seconds that an idempotency key is known
KEY: Final = "sk_test_standin"
READ_ONLY_KEY: Final = "rk_test_standin_readonly"
LIVE_KEY: Final = "sk_live_standin"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str  # below /v1/
    text: str  # the parameters as they came
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """One answer."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Kept:
    asked: tuple[str, str, str]
    answer: Answer
    at: float


class Account:
    """All objects of one account, in both modes, and what it has answered to whom."""

    def __init__(
        self, clock: Callable[[], float] = time.time, *, per_second: float | None = None, seed: int = 1
    ) -> None:
        """Begin without an object; `per_second` bounds the requests, by the given clock."""
        self._clock = clock
        self._modes = {False: Lives(clock, live=False, seed=seed), True: Lives(clock, live=True, seed=seed + 1)}
        self._kept: dict[str, _Kept] = {}
        self._per_second = per_second
        self._second = (0, 0)
        self._requests = 0
        self.log: list[tuple[str, str]] = []  # method and path of every request

    @property
    def test(self) -> Lives:
        """The objects of the test mode."""
        return self._modes[False]

    def answer(self, asked: Asked, *, stored_error: bool = False) -> Answer:
        """Answer one request. With `stored_error` it is done, and answered as a failure for ever."""
        self._requests += 1
        self.log.append((asked.method, asked.path))
        number = f"req_{self._requests:014d}"
        try:
            found = self._once(asked, number, stored_error=stored_error)
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body, {"Request-Id": number})
        return Answer(found.status, found.body, {"Request-Id": number, **found.headers})

    def _once(self, asked: Asked, number: str, *, stored_error: bool) -> Answer:
        live = self._authenticated(asked)
        self._must_be_in_time()
        key = asked.headers.get("idempotency-key") if asked.method == "POST" else None
        said = (asked.method, asked.path, asked.text)
        kept = self._kept.get(key) if key else None
        if kept is not None and kept.at + KEPT_FOR > self._clock():
            if kept.asked != said:
                raise Refusal(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with.",
                    kind="idempotency_error",
                )
            return Answer(kept.answer.status, kept.answer.body, {"Idempotent-Replayed": "true"})
        body = json.loads(json.dumps(self._performed(asked, self._modes[live])))
        answer = failure(number) if stored_error else Answer(200, body)
        if key:
            self._kept[key] = _Kept(said, answer, self._clock())
        return answer

    def _authenticated(self, asked: Asked) -> bool:
        """Return whether it is the live mode that the key opens."""
        key = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if key == READ_ONLY_KEY and asked.method != "GET":
            raise Refusal(
                "The provided key does not have the required permissions for this endpoint.",
                status=403,
                code="more_permissions_required",
            )
        if key not in (KEY, READ_ONLY_KEY, LIVE_KEY):
            shown = f"{key[:8]}****{key[-4:]}" if key else ""
            raise Refusal(f"Invalid API Key provided: {shown}", status=401)
        return key == LIVE_KEY

    def _must_be_in_time(self) -> None:
        if self._per_second is None:
            return
        second = int(self._clock())
        self._second = (second, self._second[1] + 1) if self._second[0] == second else (second, 1)
        if self._second[1] > self._per_second:
            raise Refusal("Request rate limit exceeded.", status=429, kind="invalid_request_error", code="rate_limit")

    def _performed(self, asked: Asked, mode: Lives) -> Any:
        if asked.path == "account":
            return {"id": "acct_standin", "object": "account", "country": "DE", "email": "owner@example.com"}
        kind, rest = _place(asked.path)
        params = decoded(asked.text)
        expand = texts(params.get("expand"))
        found = self._routed(asked.method, kind, rest, params, mode)
        return expanded(found, expand, mode)

    def _routed(self, method: str, kind: ObjectType, rest: list[str], params: Mapping[str, Any], mode: Lives) -> Any:
        match method, rest:
            case "GET", []:
                wanted = checked(params, parameters(kind.sdk, "List"))
                return lists.page(kind, mode.living(kind), wanted)
            case "GET", ["search"] if kind.searched:
                wanted = checked(params, parameters(kind.sdk, "Search"))
                return search.found(kind, mode.living(kind), wanted, self._clock())
            case "GET", [key]:
                return self._there(kind, key, mode)
            case "POST", []:
                return mode.create(kind, checked(params, _written(kind, "Create")))
            case "POST", [key]:
                self._there(kind, key, mode)
                return mode.update(kind, key, checked(params, _written(kind, "Update", "Modify")))
            case "POST", [key, verb] if (kind.name, verb) != ("subscriptions", "cancel"):  # that is a DELETE
                self._there(kind, key, mode)
                return mode.act(kind, key, verb, params)
            case "DELETE", [key]:
                self._there(kind, key, mode)
                return mode.delete(kind, key, params)
            case _:
                raise Refusal(f"Unrecognized request URL ({method}: /v1/{kind.path}).", status=404)

    def _there(self, kind: ObjectType, key: str, mode: Lives) -> Object:
        found = mode.find(kind, key)
        if found is None:
            other = self._modes[not mode.live].find(kind, key)
            elsewhere = "" if other is None else "test" if mode.live else "live"
            raise no_such(kind.sdk.lower(), key, "id", elsewhere=elsewhere)
        return found


def failure(number: str) -> Answer:
    """Return the answer of a Stripe that is not well."""
    body = {"error": {"message": f"An unknown error occurred ({number}).", "type": "api_error"}}
    return Answer(500, body, {"Request-Id": number})


def _place(path: str) -> tuple[ObjectType, list[str]]:
    """Return the type that a path begins with, and the rest of it."""
    for length in (2, 1):
        steps = path.split("/")
        kind = KINDS.get("/".join(steps[:length]))
        if kind is not None:
            return kind, [unquote(each) for each in steps[length:]]
    raise Refusal(f"Unrecognized request URL (/v1/{path}).", status=404)


def _written(kind: ObjectType, *calls: str) -> Mapping[str, Any]:
    found = next((each for call in calls if (each := parameters(kind.sdk, call))), None)
    if found is None:
        raise Refusal(f"Unrecognized request URL (POST: /v1/{kind.path}).", status=404)
    return found
