"""The adapter keeps what its models declare."""

from collections.abc import Iterator
from typing import Any

import pytest
from bridge_stripe.catalogue import CATALOGUE
from bridge_stripe.fake import KEY, Server, standin
from bridge_stripe.plugin import stripe

from bridge_core import Model
from bridge_core.testing.conformance import Subject, suite

MODELS = ("customers", "products", "prices", "subscriptions", "invoices")


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    with standin(customers=24) as server:
        settings = {"api_key": KEY, "url": server.url, "writes": [each.name for each in CATALOGUE if each.writes]}
        yield Subject(stripe, settings, models=MODELS, new_record=_maker(server), failing=server.faults.failing)


def _maker(server: Server) -> Any:
    customer = server.account.test.all_of("customers")[0]["id"]
    product = server.account.test.all_of("products")[0]["id"]
    price = next(each["id"] for each in server.account.test.all_of("prices") if each["type"] == "recurring")
    makers: dict[str, Any] = {
        "customers": lambda number: {"name": f"New {number}", "email": f"new{number}@example.com"},
        "products": lambda number: {"name": f"New {number}"},
        "prices": lambda number: {"product": product, "currency": "eur", "nickname": f"New {number}"},
        "subscriptions": lambda number: {"customer": customer, "new_items": [{"price": price}]},
        "invoices": lambda number: {"customer": customer, "description": f"New {number}"},
    }

    def make(model: Model, number: int) -> dict[str, object]:
        return dict(makers[model.name](number))

    return make


test_conformance = suite()
