"""Lists as Stripe gives them: the newest first, a page at a time, by the filters of each type."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bridge_stripe.catalogue import ObjectType
from bridge_stripe.fake.objects import Object
from bridge_stripe.fake.refusals import Refusal, missing_parameter, no_such

_PAGING: Final = frozenset({"limit", "starting_after", "ending_before", "expand"})
_BOUNDS: Final[Mapping[str, Any]] = {
    "gt": lambda actual, bound: actual > bound,
    "gte": lambda actual, bound: actual >= bound,
    "lt": lambda actual, bound: actual < bound,
    "lte": lambda actual, bound: actual <= bound,
}


def page(kind: ObjectType, objects: Iterable[Object], params: Mapping[str, Any]) -> Object:
    """Return one page of the objects that the filters let through."""
    if kind.required and kind.required not in params:
        raise missing_parameter(kind.required)
    ordered = sorted(objects, key=lambda each: int(each.get("created") or 0))  # stable: the last one is the newest
    found = [each for each in reversed(ordered) if _passes(kind, each, params)]
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Refusal(
            "This value must be between 1 and 100 (inclusive).", code="parameter_invalid_integer", param="limit"
        )
    items, more = _window(found, params, limit)
    return {"object": "list", "data": items, "has_more": more, "url": f"/v1/{kind.path}"}


def _window(found: list[Object], params: Mapping[str, Any], limit: int) -> tuple[list[Object], bool]:
    if "starting_after" in params:
        at = _place(found, params["starting_after"], "starting_after") + 1
        return found[at : at + limit], len(found) > at + limit
    if "ending_before" in params:
        at = _place(found, params["ending_before"], "ending_before")
        return found[max(0, at - limit) : at], at > limit
    return found[:limit], len(found) > limit


def _place(found: list[Object], key: str, param: str) -> int:
    for at, each in enumerate(found):
        if each["id"] == key:
            return at
    raise no_such("object", key, param, status=400)


def _passes(kind: ObjectType, each: Object, params: Mapping[str, Any]) -> bool:
    return all(
        _fits(kind, each, name, wanted) for name, wanted in params.items() if name not in _PAGING
    ) and not _is_left_out(kind, each, params)


def _is_left_out(kind: ObjectType, each: Object, params: Mapping[str, Any]) -> bool:
    """Tell what a list without a filter leaves out: subscriptions that are over."""
    return kind.name == "subscriptions" and "status" not in params and each["status"] == "canceled"


def _fits(kind: ObjectType, each: Object, name: str, wanted: Any) -> bool:
    if wanted == "":
        raise Refusal(f"You passed an empty string for '{name}'.", code="parameter_invalid_empty", param=name)
    if kind.name == "subscriptions" and name == "status" and wanted in ("all", "ended"):
        return wanted == "all" or each["status"] in ("canceled", "incomplete_expired")
    if name == "ids":
        return each["id"] in wanted
    if name == "lookup_keys":
        return each.get("lookup_key") in wanted
    if kind.name == "promotion_codes" and name == "code":
        return str(each["code"]).lower() == str(wanted).lower()
    if kind.name == "events" and name == "type" and "*" in wanted:
        return str(each["type"]).startswith(wanted.partition("*")[0])
    actual = each.get(name)
    actual = actual["id"] if isinstance(actual, dict) and "id" in actual else actual
    if isinstance(wanted, dict):
        return actual is not None and all(_BOUNDS[bound](actual, limit) for bound, limit in wanted.items())
    return bool(actual == wanted)
