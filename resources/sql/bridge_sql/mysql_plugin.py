"""The plugin for MySQL and MariaDB."""

from typing import Annotated

from bridge_sql.mysql import MysqlAdapter
from bridge_sql.mysql_pool import Pool, PoolSettings
from bridge_sql.mysql_watch import Watch
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bridge_core.adapter import Adapter, AdapterContext, Plugin


class MysqlSettings(BaseModel):
    """The keys of a `[resources.NAME]` table with `adapter = "mysql"`. Times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr
    schemas: tuple[str, ...] = ()  # none: the database that the URL names
    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    statement_timeout: Annotated[float, Field(gt=0, le=3600)] = 20.0
    connect_timeout: Annotated[float, Field(gt=0, le=120)] = 10.0
    poll: Annotated[float, Field(gt=0, le=3600)] = 5.0  # between two looks at the catalogue
    tls: bool = False


async def connect_mysql(settings: MysqlSettings, context: AdapterContext) -> Adapter:
    """Open both pools; raise ConfigurationError or Unavailable when the database refuses or cannot be reached."""
    pools = PoolSettings(
        settings.url, settings.pool_size, settings.statement_timeout, settings.connect_timeout, settings.tls
    )
    reads, writes = Pool(pools, writing=False), Pool(pools, writing=True)
    await reads.check()
    return MysqlAdapter(reads, writes, Watch(reads, settings.schemas or (pools.database(),), settings.poll))


mysql = Plugin("mysql", MysqlSettings, connect_mysql)
