"""The stand-in for Stripe, and its adapter opened there."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from bridge_stripe.adapter import StripeAdapter
from bridge_stripe.catalogue import CATALOGUE
from bridge_stripe.fake import KEY, Server, standin
from bridge_stripe.plugin import StripeSettings, connect

from bridge_core import AdapterContext, Model
from bridge_core.call import deadline
from bridge_core.upstream import Threads

EVERYTHING = tuple(each.name for each in CATALOGUE if each.writes)


@dataclass(frozen=True)
class Opened:
    """An adapter on the stand-in."""

    server: Server
    adapter: StripeAdapter
    models: Mapping[str, Model]


Open = Callable[..., AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def opened_on(server: Server, **settings: Any) -> AsyncIterator[Opened]:
    chosen = StripeSettings.model_validate({"api_key": KEY, "url": server.url, "writes": EVERYTHING, **settings})
    context = AdapterContext("billing", Threads(2), time.monotonic, deadline, Path())
    adapter = await connect(chosen, context)
    try:
        models = {each.name: replace(each, resource="billing") for each in await adapter.describe()}
        yield Opened(server, adapter, models)
    finally:
        await adapter.close()


@pytest.fixture
def stripe_server() -> Iterator[Server]:
    with standin() as server:
        yield server


@pytest.fixture
def empty_server() -> Iterator[Server]:
    with standin(customers=None) as server:
        yield server


@pytest.fixture
def opened(stripe_server: Server) -> Open:
    def on(server: Server = stripe_server, **settings: Any) -> AbstractAsyncContextManager[Opened]:
        return opened_on(server, **settings)

    return on
