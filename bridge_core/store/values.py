"""Single values that the bridge must keep: its project and project token."""

from typing import Final

from sqlalchemy import delete, insert, select

from bridge_core.store.engine import Store
from bridge_core.store.tables import SETTINGS

PROJECT: Final = "project"
PROJECT_TOKEN: Final = "project_token"  # noqa: S105 - the name of a value


async def load(store: Store, name: str) -> str | None:
    """Return a kept value."""
    async with store.reading() as connection:
        row = await connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.name == name))
        return row.scalar_one_or_none()


async def keep(store: Store, name: str, value: str, *, now: float) -> None:
    """Keep a value in place of an earlier one."""
    async with store.writing() as connection:
        await connection.execute(delete(SETTINGS).where(SETTINGS.c.name == name))
        await connection.execute(insert(SETTINGS).values(name=name, value=value, changed=now))
