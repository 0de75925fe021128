"""PostgreSQL's catalogue: SQLAlchemy's columns, and beside them what only pg_catalog tells.

Everything is read from pg_catalog, never from information_schema: a role sees it all without owning anything.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from bridge_sql.facts import Found, NativeType, Place, Reference, Survey, Writes
from bridge_sql.pg_kinds import field_type
from bridge_sql.pg_views import Origin, lineage
from sqlalchemy import Connection, RowMapping, inspect, text
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import SAWarning
from sqlalchemy.types import TypeEngine

from bridge_core.schema import EVERY_OP, Field, FieldType

_RELATIONS: Final = text("""
    SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS relkind,
           pg_catalog.pg_relation_is_updatable(c.oid, true) AS events,
           EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 64 <> 0) AS instead
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY (CAST(:schemas AS text[]))
       AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
       AND c.relpersistence <> 't'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
       AND NOT (c.relispartition
                AND EXISTS (SELECT FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
                             WHERE r.oid = pg_catalog.pg_partition_root(c.oid)
                               AND rn.nspname = ANY (CAST(:schemas AS text[]))))
     ORDER BY 2, 3
""")

_COLUMNS: Final = text("""
    WITH RECURSIVE base (oid, root, typmod) AS (
        SELECT oid, oid, -1 FROM pg_catalog.pg_type WHERE typtype <> 'd'
         UNION ALL
        SELECT d.oid, b.root, CASE WHEN d.typtypmod = -1 THEN b.typmod ELSE d.typtypmod END
          FROM pg_catalog.pg_type d JOIN base b ON b.oid = d.typbasetype WHERE d.typtype = 'd'
    ), labels AS (
        SELECT enumtypid, pg_catalog.array_agg(enumlabel::text ORDER BY enumsortorder) AS labels
          FROM pg_catalog.pg_enum GROUP BY 1
    )
    SELECT a.attrelid::bigint AS oid, a.attnum AS number, a.attname AS name,
           pg_catalog.format_type(a.atttypid, a.atttypmod) AS native,
           CASE WHEN a.atttypmod = -1 THEN b.typmod ELSE a.atttypmod END AS typmod,
           own.typtype = 'd' AS domain, t.typname AS base, t.typtype::text AS typtype, t.typcategory::text AS category,
           t.typnamespace = 'pg_catalog'::regnamespace AS builtin,
           i.typname AS item, i.typtype::text AS item_typtype, i.typcategory::text AS item_category,
           i.typnamespace = 'pg_catalog'::regnamespace AS item_builtin,
           l.labels AS labels, coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), own.typdefault) AS default,
           CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_column_is_updatable(c.oid, a.attnum, true) END AS updatable
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_type own ON own.oid = a.atttypid
      JOIN base b ON b.oid = a.atttypid
      JOIN pg_catalog.pg_type t ON t.oid = b.root
      LEFT JOIN base e ON t.typcategory = 'A' AND e.oid = t.typelem
      LEFT JOIN pg_catalog.pg_type i ON i.oid = e.root
      LEFT JOIN labels l ON l.enumtypid = t.oid
      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = ANY (CAST(:oids AS bigint[])::oid[])
     ORDER BY a.attrelid, a.attnum
""")

_KEYS: Final = text("""
    SELECT indrelid::bigint AS oid, indisprimary AS primary, indimmediate AND NOT indisexclusion AS arbiter,
           (pg_catalog.string_to_array(indkey::text, ' ')::int[])[1 \\: indnkeyatts] AS numbers
      FROM pg_catalog.pg_index
     WHERE indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL AND indrelid >= 16384
     ORDER BY indrelid, indexrelid
""")

# `conperiod` came with version 18: there such a key says "some time overlaps", which is no reference for us.
_REFERENCES: Final = text("""
    SELECT conname AS name, conrelid::bigint AS source, conkey::int[] AS columns,
           confrelid::bigint AS target, confkey::int[] AS target_columns
      FROM pg_catalog.pg_constraint k
     WHERE contype = 'f' AND coalesce(pg_catalog.to_jsonb(k) ->> 'conperiod', 'false') = 'false'
     ORDER BY conrelid, conname
""")

_KINDS: Final[Mapping[str, str]] = {
    "r": "table",
    "v": "view",
    "m": "materialized view",
    "p": "partitioned table",
    "f": "foreign table",
}
_CAN_UPDATE, _CAN_INSERT, _CAN_DELETE = 4, 8, 16  # bits of pg_relation_is_updatable

_Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A served relation while it is put together: which of its columns hold which columns of stored tables."""

    place: Place
    names: Mapping[int, str]
    origins: Mapping[Origin, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _KeyFact:
    """A unique index of a stored table, by the numbers of its columns."""

    table: int
    primary: bool
    arbiter: bool
    numbers: _Numbers


def survey(connection: Connection, schemas: Sequence[str]) -> Survey:
    """Describe every table and view of the schemas, except those of extensions and parts of a served whole."""
    rows = connection.execute(_RELATIONS, {"schemas": list(schemas)}).mappings().all()
    columns = _columns(connection, [row["oid"] for row in rows])
    reflected = _reflected(connection, schemas)
    comments = _comments(connection, schemas)
    views = lineage(connection)
    keys = _keys(connection)
    found: list[Found] = []
    seen: list[_Seen] = []
    for row in rows:
        place = Place(row["schema"], row["name"])
        known = reflected.get(place, {})
        mine = [each for each in columns[row["oid"]] if each["name"] in known]
        sight = _seen(place, row["oid"], mine, views.get(row["oid"]))
        seen.append(sight)
        found.append(
            Found(
                place=place,
                kind=_KINDS[row["relkind"]],
                fields=tuple(_field(each, known[each["name"]], row) for each in mine),
                types={each["name"]: _type(each, known[each["name"]]) for each in mine},
                key=_key(sight, keys),
                uniques=_uniques(sight, keys),
                comment=comments.get(place, ""),
                writes=_writes(row["events"]),
            )
        )
    return Survey(found, tuple(_references(connection, seen)))


def _columns(connection: Connection, oids: Sequence[int]) -> Mapping[int, list[RowMapping]]:
    columns: dict[int, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(_COLUMNS, {"oids": list(oids)}).mappings():
        columns[row["oid"]].append(row)
    return columns


def _reflected(connection: Connection, schemas: Sequence[str]) -> Mapping[Place, Mapping[str, ReflectedColumn]]:
    inspector = inspect(connection)
    reflected: dict[Place, Mapping[str, ReflectedColumn]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # types that it does not know: NativeType stands in
        for schema in schemas:
            for (_, name), each in inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY).items():
                reflected[Place(schema, name)] = {column["name"]: column for column in each}
    return reflected


def _comments(connection: Connection, schemas: Sequence[str]) -> Mapping[Place, str]:
    inspector = inspect(connection)
    return {
        Place(schema, name): comment["text"] or ""
        for schema in schemas
        for (_, name), comment in inspector.get_multi_table_comment(schema=schema, kind=ObjectKind.ANY).items()
    }


def _keys(connection: Connection) -> Mapping[int, list[_KeyFact]]:
    keys: dict[int, list[_KeyFact]] = defaultdict(list)
    for row in connection.execute(_KEYS).mappings():
        fact = _KeyFact(row["oid"], row["primary"], row["arbiter"], tuple(row["numbers"]))
        keys[fact.table].append(fact)
    return keys


def _seen(place: Place, oid: int, columns: Iterable[RowMapping], origins: Mapping[int, Origin] | None) -> _Seen:
    names = {row["number"]: row["name"] for row in columns}
    held: dict[Origin, tuple[str, ...]] = {}
    for number, name in names.items():
        origin = Origin(oid, number) if origins is None else origins.get(number)
        if origin is not None:
            held[origin] = (*held.get(origin, ()), name)
    return _Seen(place, names, held)


def _held(sight: _Seen, table: int, numbers: _Numbers) -> Iterator[tuple[str, ...]]:
    """Yield every way in which a relation holds these columns of a stored table; none if one is lacking."""
    yield from product(*(sight.origins.get(Origin(table, number), ()) for number in numbers))


def _tables(sight: _Seen) -> list[int]:
    return list(dict.fromkeys(origin.table for origin in sight.origins))


def _key(sight: _Seen, keys: Mapping[int, list[_KeyFact]]) -> tuple[str, ...]:
    """Return the primary key; of a view, those of all its tables that it shows whole."""
    parts: list[str] = []
    for table in _tables(sight):
        for fact in keys.get(table, ()):
            if fact.primary:
                parts.extend(next(_held(sight, table, fact.numbers), ()))
    return tuple(dict.fromkeys(parts))


def _uniques(sight: _Seen, keys: Mapping[int, list[_KeyFact]]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        columns
        for table in _tables(sight)
        for fact in keys.get(table, ())
        if fact.arbiter and not fact.primary
        for columns in _held(sight, table, fact.numbers)
    )


def _writes(events: int) -> Writes:
    return Writes(
        create=bool(events & _CAN_INSERT), update=bool(events & _CAN_UPDATE), delete=bool(events & _CAN_DELETE)
    )


def _field(row: RowMapping, reflected: ReflectedColumn, relation: RowMapping) -> Field:
    made = "computed" in reflected or bool(reflected.get("identity", {}).get("always"))
    takes = not made and (row["updatable"] is not False or relation["instead"])
    return Field(
        name=row["name"],
        type=_kind(row),
        native=row["native"],
        nullable=reflected["nullable"],
        default="identity" if "identity" in reflected else row["default"],
        generated=made,
        max_length=_max_length(row),
        enum=tuple(row["labels"] or ()),
        item=_item(row),
        comment=reflected.get("comment") or "",
        operators=EVERY_OP,
        paths=True,
        texts=True,
        sortable=True,
        groupable=True,
        creatable=takes and bool(relation["events"] & _CAN_INSERT),
        updatable=takes and bool(relation["events"] & _CAN_UPDATE),
    )


def _kind(row: RowMapping) -> FieldType:
    return field_type(row["base"], row["typtype"], row["category"], builtin=row["builtin"])


def _item(row: RowMapping) -> FieldType | None:
    if row["item"] is None:
        return None
    return field_type(row["item"], row["item_typtype"], row["item_category"], builtin=row["item_builtin"])


def _max_length(row: RowMapping) -> int | None:
    return row["typmod"] - 4 if row["base"] in ("varchar", "bpchar") and row["typmod"] > 4 else None


def _type(row: RowMapping, reflected: ReflectedColumn) -> TypeEngine[Any]:
    """Return SQLAlchemy's type where it is the database's own, else one that carries the exact name."""
    plain = row["builtin"] and not row["domain"] and row["item_builtin"] is not False
    known = reflected["type"]
    return known if plain and known.__visit_name__ != "null" else NativeType(row["native"])


def _references(connection: Connection, seen: Sequence[_Seen]) -> Iterator[Reference]:
    """Yield each foreign key between any two relations that hold its columns, views included."""
    holders: dict[int, list[_Seen]] = defaultdict(list)
    for sight in seen:
        for table in _tables(sight):
            holders[table].append(sight)
    for row in connection.execute(_REFERENCES).mappings():
        for source, target in product(holders[row["source"]], holders[row["target"]]):
            pairs = product(
                _held(source, row["source"], tuple(row["columns"])),
                _held(target, row["target"], tuple(row["target_columns"])),
            )
            for columns, target_columns in pairs:
                yield Reference(row["name"], source.place, columns, target.place, target_columns)
