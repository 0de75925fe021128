"""Relations that people declared in the interface of Jet Admin, draft and live apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from bridge_core.store.engine import Store
from bridge_core.store.tables import RELATION_OVERRIDES as OVERRIDES


@dataclass(frozen=True, slots=True)
class Override:
    """A way from a field of one model to a field of another."""

    direction: str
    local_field: str
    related_model: str
    related_field: str


class RelationOverrides:
    """The declared relations, by model."""

    def __init__(self, store: Store) -> None:
        """Take the store that keeps them."""
        self._store = store

    async def of_every_model(self, *, draft: bool) -> Mapping[str, Sequence[Override]]:
        """Return what is declared for each model, in the order in which it was."""
        columns = (
            OVERRIDES.c[name] for name in ("model", "direction", "local_field", "related_model", "related_field")
        )
        query = select(*columns).where(OVERRIDES.c.draft == draft).order_by(OVERRIDES.c.model, OVERRIDES.c.position)
        found: dict[str, list[Override]] = defaultdict(list)
        async with self._store.reading() as connection:
            for model, *parts in await connection.execute(query):
                found[model].append(Override(*parts))
        return found

    async def replace(self, declared: Mapping[str, Sequence[Override]], *, draft: bool) -> None:
        """Put what is declared for some models in the place of what was; other models keep theirs."""
        rows = [
            {
                "model": model,
                "draft": draft,
                "position": position,
                "direction": each.direction,
                "local_field": each.local_field,
                "related_model": each.related_model,
                "related_field": each.related_field,
            }
            for model, relations in declared.items()
            for position, each in enumerate(relations)
        ]
        async with self._store.writing() as connection:
            await connection.execute(
                delete(OVERRIDES).where(OVERRIDES.c.draft == draft, OVERRIDES.c.model.in_(list(declared)))
            )
            if rows:
                await connection.execute(insert(OVERRIDES), rows)
