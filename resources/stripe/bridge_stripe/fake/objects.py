"""Objects as Stripe keeps them: every declared field, with the values that a new one has."""

import itertools
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from bridge_stripe.catalogue import CATALOGUE, ObjectType
from bridge_stripe.shapes import Declared, Either, Nested, Plain, Several, Shape, Sublist, Table, Words, object_fields

Object: TypeAlias = dict[str, Any]

KINDS: Final[Mapping[str, ObjectType]] = {each.path: each for each in CATALOGUE}
PREFIXES: Final[Mapping[str, str]] = {
    "customers": "cus", "products": "prod", "prices": "price", "promotion_codes": "promo", "tax_rates": "txr",
    "subscriptions": "sub", "subscription_items": "si", "subscription_schedules": "sub_sched", "quotes": "qt",
    "invoices": "in", "invoiceitems": "ii", "credit_notes": "cn", "payment_intents": "pi", "setup_intents": "seti",
    "payment_methods": "pm", "charges": "ch", "refunds": "re", "disputes": "du", "checkout/sessions": "cs_test",
    "payment_links": "plink", "balance_transactions": "txn", "payouts": "po", "transfers": "tr", "events": "evt",
    "files": "file", "webhook_endpoints": "we", "accounts": "acct",
}  # fmt: skip
_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Mint:
    """Makes ids: random, but the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - these are names, no secrets
        self._numbers = itertools.count(1)

    def __call__(self, prefix: str, length: int = 14) -> str:
        """Return an id that no other object has."""
        letters = "".join(self._random.choices(_LETTERS, k=length))
        return f"{prefix}_{letters}" if prefix else letters

    def number(self) -> int:
        """Return the next number."""
        return next(self._numbers)


def new(kind: ObjectType, key: str, created: int, *, live: bool) -> Object:
    """Return an object of which nothing is known but its id and its age."""
    found = {name: _default(each) for name, each in object_fields(kind.sdk).items() if name != "deleted"}
    given: Object = {"id": key, "created": created, "livemode": live, "active": True, "metadata": {}, "valid": True}
    for name, value in given.items():
        if name in found:
            found[name] = value
    return found


def changed(found: Object, params: Mapping[str, Any], declared: Mapping[str, Declared]) -> Object:
    """Return an object with the parameters that are fields of it set, unset or merged."""
    after = dict(found)
    for name, value in params.items():
        if name not in declared or name in ("items", "expand"):
            continue
        if name == "metadata":
            after[name] = _merged(found.get(name) or {}, value)
        elif value == "":
            after[name] = _default(declared[name])
        elif isinstance(value, dict):
            after[name] = _filled(declared[name].shape, value, found.get(name))
        elif not _differs(declared[name].shape, value):
            after[name] = value
    return after


def sublist(url: str, items: list[Object]) -> Object:
    """Return a list within an object."""
    return {"object": "list", "data": items, "has_more": False, "url": url}


def _default(declared: Declared) -> Any:
    return None if declared.optional else _empty(declared.shape, declared.name)


def _empty(shape: Shape, name: str) -> Any:
    make = _EMPTY.get(type(shape))
    return None if make is None else make(shape, name)


def _nested(shape: Any, _: str) -> Object:
    return {name: _default(each) for name, each in shape.fields.items()}


_NUMBERS: Final[Mapping[str, Any]] = {"int": 0, "bool": False, "float": 0.0, "Decimal": "0", "str": ""}
_EMPTY: Final[Mapping[type, Callable[[Any, str], Any]]] = {
    Plain: lambda shape, _: _NUMBERS[shape.kind],
    Words: lambda shape, _: shape.words[0],
    Several: lambda shape, _: [],
    Nested: _nested,
    Table: lambda shape, _: {},
    Sublist: lambda shape, name: sublist(f"/v1/{name}", []),
    Either: lambda shape, name: _empty(shape.shapes[0], name),
}


def _merged(there: Mapping[str, str], sent: Any) -> dict[str, str]:
    if sent == "":
        return {}
    return {name: value for name, value in {**there, **sent}.items() if value != ""}


def _filled(shape: Shape, sent: Mapping[str, Any], there: Any) -> Object:
    """Return a nested object with every field that it can have."""
    if not isinstance(shape, Nested):
        return dict(sent)
    base = dict(there) if isinstance(there, dict) else {name: _default(each) for name, each in shape.fields.items()}
    for name, value in sent.items():
        inner = shape.fields[name].shape if name in shape.fields else None
        if inner is not None:
            base[name] = None if value == "" else value if not isinstance(value, dict) else _filled(inner, value, None)
    return base


def _differs(shape: Shape, value: Any) -> bool:
    """Tell whether a parameter is written in another form than the field of that name is read."""
    return (
        isinstance(value, list)
        and not (isinstance(shape, Several) and all(isinstance(each, str) for each in value))
        and not (isinstance(shape, Several) and isinstance(shape.item, Nested))
    )
