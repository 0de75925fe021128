"""The plugins that the entry points of this distribution resolve to."""

from typing import Annotated

from bridge_sql.pg_pool import Pool, PoolSettings
from bridge_sql.pg_watch import Watch
from bridge_sql.postgresql import PostgresAdapter
from bridge_sql.sqlite_plugin import sqlite
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bridge_core.adapter import Adapter, AdapterContext, Plugin

__all__ = ["postgresql", "sqlite"]


class PostgresSettings(BaseModel):
    """The keys of a `[resources.NAME]` table with `adapter = "postgresql"`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    schemas: Annotated[tuple[str, ...], Field(min_length=1)] = ("public",)
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    statement_timeout: Annotated[float, Field(gt=0, le=3600)] = 20.0
    connect_timeout: Annotated[float, Field(gt=0, le=120)] = 10.0
    channel: str = "bridge"


async def connect_postgresql(settings: PostgresSettings, context: AdapterContext) -> Adapter:
    """Open both pools; raise ConfigurationError or Unavailable when the database refuses or cannot be reached."""
    pools = PoolSettings(settings.url, settings.pool_size, settings.statement_timeout, settings.connect_timeout)
    reads = await Pool.open(pools, writing=False)
    try:
        writes = await Pool.open(pools, writing=True)
    except BaseException:
        await reads.close()
        raise
    return PostgresAdapter(reads, writes, Watch(pools, settings.schemas, settings.channel))


postgresql = Plugin("postgresql", PostgresSettings, connect_postgresql)
