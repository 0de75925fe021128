"""The plugin for SQLite files."""

from pathlib import Path
from typing import Annotated

from bridge_sql.sqlite import SqliteAdapter
from bridge_sql.sqlite_connections import Database, FileSettings
from pydantic import BaseModel, ConfigDict, Field

from bridge_core.adapter import Adapter, AdapterContext, Plugin


class SqliteSettings(BaseModel):
    """The keys of a `[resources.NAME]` table with `adapter = "sqlite"`. Times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    path: Path
    readers: Annotated[int, Field(ge=1, le=100)] = 4
    statement_timeout: Annotated[float, Field(gt=0, le=3600)] = 20.0
    busy_timeout: Annotated[float, Field(ge=0, le=60)] = 5.0
    ledger: bool = False  # a table of ours in the file, so that keyed writes have a known outcome after a crash
    poll: Annotated[float, Field(gt=0, le=3600)] = 1.0  # between two looks at the version of the schema


async def connect_sqlite(settings: SqliteSettings, context: AdapterContext) -> Adapter:
    """Open the file; a relative path begins where plugins.toml is."""
    file = FileSettings(
        context.folder / settings.path, settings.readers, settings.statement_timeout, settings.busy_timeout
    )
    adapter = SqliteAdapter(Database(file, context), settings.poll, ledger=settings.ledger)
    if settings.ledger:
        try:
            await adapter.open()
        except BaseException:
            await adapter.close()
            raise
    return adapter


sqlite = Plugin("sqlite", SqliteSettings, connect_sqlite)
