"""The adapter for Google Sheets, opened on its stand-in."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge_sheets.adapter import SheetsAdapter
from bridge_sheets.fake import ID, Person, Server
from bridge_sheets.plugin import SheetsSettings, connect

from bridge_core import AdapterContext, Budget, Model, Unlimited
from bridge_core.call import deadline
from bridge_core.upstream import Threads


@dataclass(frozen=True)
class Opened:
    """An adapter on the stand-in."""

    server: Server
    adapter: SheetsAdapter
    models: Mapping[str, Model]

    def person(self, title: str) -> Person:
        return self.server.person(ID, title)


def settings_for(server: Server, **more: Any) -> dict[str, Any]:
    return {"credentials": server.credentials, "spreadsheets": {"team": ID}, "url": server.url, "freshness": 0, **more}


@asynccontextmanager
async def opened_on(server: Server, budget: Budget = Unlimited(), **more: Any) -> AsyncIterator[Opened]:  # noqa: B008 - it has no state
    chosen = SheetsSettings.model_validate(settings_for(server, **more))
    context = AdapterContext("team", Threads(4), time.monotonic, deadline, Path(), budget)
    adapter = await connect(chosen, context)
    try:
        models = {each.name: replace(each, resource="team") for each in await adapter.describe()}
        yield Opened(server, adapter, models)
    finally:
        await adapter.close()
