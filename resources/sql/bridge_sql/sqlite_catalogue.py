"""SQLite's catalogue: SQLAlchemy's constraints, and beside them what its pragmas tell of types and storage."""

import logging
import re
import sqlite3
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Final

from bridge_sql.facts import READ_ONLY, Found, Place, Reference, Survey, Writes
from bridge_sql.sqlite_types import Declared, DeclaredType, declared, form_of
from sqlalchemy import Connection, Inspector, RowMapping, inspect, text
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import DBAPIError, SAWarning

from bridge_core.schema import ORDERING, TEXTUAL, Field, FieldType

_log = logging.getLogger(__name__)

_RELATIONS: Final = text("""
    SELECT name, type, wr AS without_rowid FROM pragma_table_list
     WHERE schema = :schema AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite@_%' ESCAPE '@'
     ORDER BY name
""")
_COLUMNS: Final = text("""
    SELECT name, type, "notnull" AS required, dflt_value AS preset, pk, hidden FROM pragma_table_xinfo(:name)
     WHERE hidden <> 1 ORDER BY cid
""")
_UNIQUES: Final = text("""
    SELECT l.name AS relation, i.name AS "index", c.name AS name
      FROM pragma_table_list l JOIN pragma_index_list(l.name) i JOIN pragma_index_xinfo(i.name) c
     WHERE l.schema = :schema AND l.type = 'table' AND i."unique" AND NOT i.partial AND i.origin <> 'pk' AND c.key
     ORDER BY l.name, i.name, c.seqno
""")
_KINDS: Final[Mapping[str, str]] = {"table": "table", "view": "view", "virtual": "virtual table"}
_ROWID: Final = "the next free number"
_SAMPLE: Final = 200  # records from either end of a table, to learn how it writes moments
_NAME: Final = r'"(?:[^"]|"")+"|\[[^\]]+\]|`[^`]+`|\w+'
_MEMBERS = re.compile(rf"\s*(?P<name>{_NAME})\s+IN\s*\((?P<members>.*)\)\s*", re.IGNORECASE | re.DOTALL)
_MEMBER = re.compile(r"\s*'((?:[^']|'')*)'\s*(?:,|$)")
_FUEL: Final = 2_000  # thousands of instructions that a view may take to show some records: about a tenth of a second
_SEEN: Final[Mapping[frozenset[type], FieldType]] = {
    frozenset({int}): FieldType.INTEGER,
    frozenset({float}): FieldType.FLOAT,
    frozenset({int, float}): FieldType.FLOAT,
    frozenset({str}): FieldType.TEXT,
}
_MOMENTS: Final = frozenset({FieldType.TIMESTAMP, FieldType.TIMESTAMPTZ})
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.ENUM, FieldType.OTHER})


def survey(connection: Connection, schemas: Sequence[str]) -> Survey:
    """Describe every table and view of a database; its inner ones, such as those of a text index, are left out."""
    (schema,) = schemas
    inspector = inspect(connection)
    relations = connection.execute(_RELATIONS, {"schema": schema}).mappings().all()
    tables = [each["name"] for each in relations if each["type"] == "table"]
    uniques = _uniques(connection, schema)
    members = _members(inspector, tables)
    found = [
        _found(connection, schema, row, columns, uniques.get(row["name"], ()), members)
        for row in relations
        if (columns := _columns(connection, row["name"]))
    ]
    return Survey(found, tuple(_references(inspector, tables, found)))


def _columns(connection: Connection, relation: str) -> Sequence[RowMapping]:
    """Return the columns of a relation; none, where it is a view of what is no longer there: nobody can read it."""
    try:
        return connection.execute(_COLUMNS, {"name": relation}).mappings().all()
    except DBAPIError:
        _log.warning("%s is left out: SQLite itself cannot say what its columns are", relation)
        return ()


def _uniques(connection: Connection, schema: str) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Return the unique sets of columns of each table; an index over an expression has a part without a name."""
    indexes: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for row in connection.execute(_UNIQUES, {"schema": schema}).mappings():
        indexes[row["relation"], row["index"]].append(row["name"])
    uniques: dict[str, tuple[tuple[str, ...], ...]] = defaultdict(tuple)
    for (relation, _), names in indexes.items():
        plain = tuple(name for name in names if name is not None)
        if len(plain) == len(names) and plain not in uniques[relation]:
            uniques[relation] += (plain,)
    return uniques


def _members(inspector: Inspector, tables: Sequence[str]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return the values that `CHECK (column IN ('a', 'b'))` allows, by table and column."""
    members: dict[tuple[str, str], tuple[str, ...]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # what it can't read is no list of members
        checks = inspector.get_multi_check_constraints(filter_names=tables, kind=ObjectKind.TABLE)
    for (_, table), constraints in checks.items():
        for constraint in constraints:
            found = _MEMBERS.fullmatch(constraint["sqltext"])
            if found is None:
                continue
            inside = found["members"]
            literals = list(_MEMBER.finditer(inside))
            if "".join(each[0] for each in literals) == inside and literals:
                members[table, _unquoted(found["name"])] = tuple(each[1].replace("''", "'") for each in literals)
    return members


def _unquoted(name: str) -> str:
    match name[0]:
        case '"':
            return name[1:-1].replace('""', '"')
        case "[" | "`":
            return name[1:-1]
        case _:
            return name


def _found(
    connection: Connection,
    schema: str,
    relation: RowMapping,
    columns: Sequence[RowMapping],
    uniques: tuple[tuple[str, ...], ...],
    members: Mapping[tuple[str, str], tuple[str, ...]],
) -> Found:
    name = relation["name"]
    written = {each["name"]: declared(each["type"]) for each in columns}
    if relation["type"] == "view":
        written = _computed(connection, relation, written)
    types = _with_forms(connection, relation, columns, written)
    key = tuple(each["name"] for each in sorted(columns, key=lambda each: each["pk"]) if each["pk"])
    numbered = len(key) == 1 and not relation["without_rowid"] and types[key[0]].native.upper() == "INTEGER"
    rowid = key[0] if numbered else None
    writable = relation["type"] == "table"
    enums = {each["name"]: members.get((name, each["name"]), ()) for each in columns}
    return Found(
        place=Place(schema, name),
        kind=_KINDS[relation["type"]],
        fields=tuple(
            _field(each, types[each["name"]], enums[each["name"]], rowid=each["name"] == rowid, writable=writable)
            for each in columns
        ),
        types={each["name"]: DeclaredType(types[each["name"]]) for each in columns},
        key=key,
        uniques=uniques,
        writes=Writes() if writable else READ_ONLY,
    )


def _computed(connection: Connection, relation: RowMapping, types: Mapping[str, Declared]) -> dict[str, Declared]:
    """Look at what a view computes: its columns have a declared type only where they are those of a table."""
    names = [name for name, known in types.items() if not known.native]
    if not names:
        return dict(types)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    fuel = count()
    driver.set_progress_handler(lambda: next(fuel) > _FUEL, 1_000)
    quote = connection.dialect.identifier_preparer.quote_identifier
    rows = f"SELECT {', '.join(map(quote, names))} FROM {quote(relation['name'])} LIMIT {_SAMPLE}"  # noqa: S608  # names
    try:
        records = driver.execute(rows).fetchall()
    except sqlite3.Error:  # too long, or a view of what is no longer there: its columns stay without a type
        records = []
    finally:
        driver.set_progress_handler(None, 0)
    kinds = {name: frozenset(type(r[at]) for r in records if r[at] is not None) for at, name in enumerate(names)}
    seen = {name: replace(types[name], type=_SEEN.get(kinds[name], FieldType.OTHER)) for name in names}
    return {**types, **seen}


def _with_forms(
    connection: Connection, relation: RowMapping, columns: Sequence[RowMapping], types: dict[str, Declared]
) -> Mapping[str, Declared]:
    """Look at how the moments of a table are written; SQLite itself has no type for them."""
    moments = [each for each in columns if types[each["name"]].type in _MOMENTS]
    if not moments or relation["type"] == "virtual":
        return types
    for each, seen in zip(moments, _samples(connection, relation, [each["name"] for each in moments]), strict=True):
        known = types[each["name"]]
        if "CURRENT_TIMESTAMP" in (each["preset"] or "").upper():
            seen.append("2000-01-01 00:00:00")
        form, zoned, unlike = form_of(seen, zoned=known.type is FieldType.TIMESTAMPTZ)
        kind = FieldType.TIMESTAMPTZ if zoned else FieldType.TIMESTAMP
        types[each["name"]] = replace(known, type=kind, form=form, unlike=unlike)
    return types


def _samples(connection: Connection, relation: RowMapping, names: Sequence[str]) -> list[list[object]]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    rows = f"SELECT {', '.join(map(quote, names))} FROM {quote(relation['name'])}"  # noqa: S608  # names of the catalogue
    ends = [f"{rows} LIMIT {_SAMPLE}"]
    if relation["type"] == "table" and not relation["without_rowid"]:
        ends.append(f"{rows} ORDER BY rowid DESC LIMIT {_SAMPLE}")
    records = list(chain.from_iterable(connection.exec_driver_sql(each).all() for each in ends))
    return [[record[at] for record in records if record[at] is not None] for at in range(len(names))]


def _field(row: RowMapping, known: Declared, enum: tuple[str, ...], *, rowid: bool, writable: bool) -> Field:
    made = row["hidden"] in (2, 3)  # virtual and stored generated columns
    kind = FieldType.ENUM if enum and known.type is FieldType.TEXT else known.type
    opaque = kind in (FieldType.OTHER, FieldType.INTERVAL)
    return Field(
        name=row["name"],
        type=kind,
        native=known.native.lower(),
        nullable=not (row["required"] or rowid),
        default=_ROWID if rowid else row["preset"],
        generated=made,
        max_length=known.size if kind is FieldType.TEXT else None,
        enum=enum if kind is FieldType.ENUM else (),
        operators=TEXTUAL if kind in _TEXTS and not opaque else ORDERING,
        paths=kind is FieldType.JSON,
        sortable=True,
        groupable=True,
        creatable=writable and not made,
        updatable=writable and not made,
    )


def _references(inspector: Inspector, tables: Sequence[str], found: Sequence[Found]) -> Iterator[Reference]:
    """Yield the foreign keys, spelled as their ends are: SQLite does not mind the case of names."""
    spelled = {each.place.name.lower(): (each.place, {f.name.lower(): f.name for f in each.fields}) for each in found}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        keys = inspector.get_multi_foreign_keys(filter_names=tables, kind=ObjectKind.TABLE)
    primary = {each.place: each.key for each in found}
    for (_, table), references in sorted(keys.items(), key=lambda each: each[0][1]):
        for each in references:
            source, names = spelled[table.lower()]
            target, target_names = spelled.get(each["referred_table"].lower(), (None, {}))
            if target is None:
                continue  # nothing stands there; SQLite only complains when it is used
            referred = each["referred_columns"] or primary[target]
            if len(referred) == len(names_here := each["constrained_columns"]) and target_names.keys() >= _low(
                referred
            ):
                yield Reference(
                    name=each["name"] or f"{table}_{'_'.join(names_here)}_fkey",
                    source=source,
                    columns=tuple(names[name.lower()] for name in names_here),
                    target=target,
                    target_columns=tuple(target_names[name.lower()] for name in referred),
                )


def _low(names: Sequence[str]) -> set[str]:
    return {name.lower() for name in names}
