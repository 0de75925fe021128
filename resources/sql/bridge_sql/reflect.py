"""A live connection -> the catalogue: every table and view as a model, beside its SQLAlchemy table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bridge_sql import mysql_catalogue, pg_catalogue, sqlite_catalogue
from bridge_sql.facts import Found, Place, Survey
from bridge_sql.relations import relations
from sqlalchemy import Column, Connection, MetaData, Table
from sqlalchemy.sql.elements import quoted_name

from bridge_core.errors import ConfigurationError
from bridge_core.schema import Boolean, Capabilities, Literals, Model, Paging, WriteBy

WRITE_BATCH: Final = 100_000
MAX_PAGE: Final = 10**9


@dataclass(frozen=True, slots=True)
class Entry:
    """A model, and the table that statements about it are built from."""

    model: Model
    table: Table


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is served of one database, by the name of the model."""

    entries: Mapping[str, Entry]

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model, in order of schemas and names."""
        return tuple(entry.model for entry in self.entries.values())


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a kind of database is surveyed, and what differs in its promises."""

    survey: Callable[[Connection, Sequence[str]], Survey]
    literals: Literals
    qualified: bool = True  # relations are written with their schema
    returning: bool = True  # a write gives records back by itself; else they are read again by their key
    levels: bool = False  # one statement nests, and aggregates, on every level


_DIALECTS: Final[Mapping[str, _Dialect]] = MappingProxyType(
    {
        "postgresql": _Dialect(pg_catalogue.survey, Literals.NATIVE, levels=True),
        "sqlite": _Dialect(sqlite_catalogue.survey, Literals.TYPED, qualified=False),
        "mysql": _Dialect(mysql_catalogue.survey, Literals.TYPED, returning=False),
        "mariadb": _Dialect(mysql_catalogue.survey, Literals.TYPED, returning=False),
    }
)


def reflect(connection: Connection, schemas: Sequence[str]) -> Catalogue:
    """Read the catalogue of the schemas; the first is the default one, whose models go by their bare names.

    The answer is the same each time while nothing changes in the database.
    """
    dialect = _DIALECTS[connection.dialect.name]
    survey = dialect.survey(connection, schemas)
    found = {each.place: each for each in _in_order(survey.found, schemas)}
    names = _names(found, schemas[0])
    ways = relations(found, names, survey.references)
    metadata = MetaData()
    entries = {}
    for place, each in found.items():
        model = Model(
            name=names[place],
            fields=each.fields,
            key=each.key,
            namespace=place.schema,
            uniques=each.uniques,
            relations=ways.get(names[place], ()),
            comment=each.comment,
            kind=each.kind,
            capabilities=_capabilities(each, dialect),
        )
        entries[model.name] = Entry(model, _table(each, metadata, qualified=dialect.qualified))
    return Catalogue(MappingProxyType(entries))


def _in_order(found: Sequence[Found], schemas: Sequence[str]) -> list[Found]:
    ranks = {schema: rank for rank, schema in enumerate(schemas)}
    return sorted(found, key=lambda each: (ranks[each.place.schema], each.place.name))


def _names(found: Mapping[Place, Found], default: str) -> Mapping[Place, str]:
    names: dict[Place, str] = {}
    taken: dict[str, Place] = {}
    for place in found:
        name = place.name if place.schema == default else f"{place.schema}.{place.name}"
        other = taken.setdefault(name, place)
        if other != place:
            raise ConfigurationError(
                f"{place.schema}.{place.name} and {other.schema}.{other.name} would both be called {name!r}",
                hint="serve one of the two schemas as a resource of its own",
            )
        names[place] = name
    return names


def _capabilities(found: Found, dialect: _Dialect) -> Capabilities:
    def batch(possible: bool) -> int:
        return WRITE_BATCH if possible else 0

    writes = found.writes
    return Capabilities(
        boolean=Boolean.FULL,
        sort_terms=None,
        paging=Paging.OFFSET,
        max_page=MAX_PAGE,
        counts=True,
        selects=True,
        encodes=True,
        streams=True,
        embeds=dialect.levels,
        aggregates=dialect.levels,
        key_batch=1_000 if found.key else 0,
        create_batch=batch(writes.create),
        update_batch=batch(writes.update),
        delete_batch=batch(writes.delete),
        write_by=WriteBy.FILTER,
        atomic=True,
        upserts=writes.create and writes.update and bool(found.key or found.uniques),
        returns=dialect.returning or bool(found.key),
        literals=dialect.literals,
    )


def _table(found: Found, metadata: MetaData, *, qualified: bool) -> Table:
    """Make a table whose every name is quoted, whatever it looks like."""
    return Table(
        quoted_name(found.place.name, quote=True),
        metadata,
        *(
            Column(
                quoted_name(field.name, quote=True),
                found.types[field.name],
                key=field.name,
                nullable=field.nullable,
            )
            for field in found.fields
        ),
        schema=quoted_name(found.place.schema, quote=True) if qualified else None,
    )
