"""The catalogue of MySQL and MariaDB, from information_schema: what the user of the database may see of it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bridge_sql.facts import READ_ONLY, Found, Place, Reference, Survey, Writes
from bridge_sql.mysql_types import MysqlType, field_type, operators
from sqlalchemy import Connection, RowMapping, TextClause, bindparam, text

from bridge_core.schema import Field, FieldType


def _query(words: str) -> TextClause:
    return text(words).bindparams(bindparam("schemas", expanding=True))


_RELATIONS: Final = _query("""
    SELECT t.TABLE_SCHEMA AS `schema`, t.TABLE_NAME AS name, t.TABLE_TYPE AS kind, t.TABLE_COMMENT AS comment,
           v.IS_UPDATABLE AS updatable
      FROM information_schema.TABLES t
      LEFT JOIN information_schema.VIEWS v ON v.TABLE_SCHEMA = t.TABLE_SCHEMA AND v.TABLE_NAME = t.TABLE_NAME
     WHERE t.TABLE_SCHEMA IN :schemas AND t.TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
     ORDER BY 1, 2
""")
_COLUMNS: Final = _query("""
    SELECT TABLE_SCHEMA AS `schema`, TABLE_NAME AS relation, COLUMN_NAME AS name, LOWER(DATA_TYPE) AS base,
           COLUMN_TYPE AS native, IS_NULLABLE = 'YES' AS nullable, COLUMN_DEFAULT AS preset, LOWER(EXTRA) AS extra,
           CHARACTER_MAXIMUM_LENGTH AS length, CHARACTER_SET_NAME AS charset, COLUMN_COMMENT AS comment,
           COALESCE(GENERATION_EXPRESSION, '') <> '' AS made
      FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN :schemas
     ORDER BY 1, 2, ORDINAL_POSITION
""")
_INDEXES: Final = _query("""
    SELECT TABLE_SCHEMA AS `schema`, TABLE_NAME AS relation, INDEX_NAME AS `index`, COLUMN_NAME AS name,
           SUB_PART AS part
      FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN :schemas AND NON_UNIQUE = 0
     ORDER BY 1, 2, 3, SEQ_IN_INDEX
""")
_REFERENCES: Final = _query("""
    SELECT CONSTRAINT_NAME AS name, TABLE_SCHEMA AS `schema`, TABLE_NAME AS relation, COLUMN_NAME AS `column`,
           REFERENCED_TABLE_SCHEMA AS target_schema, REFERENCED_TABLE_NAME AS target,
           REFERENCED_COLUMN_NAME AS target_column
      FROM information_schema.KEY_COLUMN_USAGE
     WHERE TABLE_SCHEMA IN :schemas AND REFERENCED_TABLE_NAME IS NOT NULL
     ORDER BY 2, 3, 1, ORDINAL_POSITION
""")
# MariaDB keeps JSON in text columns, and says so by a check.
_JSON_CHECKS: Final = _query("""
    SELECT CONSTRAINT_SCHEMA AS `schema`, TABLE_NAME AS relation, CHECK_CLAUSE AS clause
      FROM information_schema.CHECK_CONSTRAINTS
     WHERE CONSTRAINT_SCHEMA IN :schemas AND CHECK_CLAUSE LIKE 'json_valid(%'
""")
_JSON_CHECK = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)", re.IGNORECASE)
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {"BASE TABLE": "table", "SYSTEM VERSIONED": "table", "VIEW": "view"}
)
_Columns = tuple[str, ...]


def survey(connection: Connection, schemas: Sequence[str]) -> Survey:
    """Describe every table and view of the schemas."""

    def rows(query: TextClause) -> Sequence[RowMapping]:
        return connection.execute(query, {"schemas": list(schemas)}).mappings().all()

    is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
    json = _json_columns(rows(_JSON_CHECKS)) if is_mariadb else frozenset()
    columns: dict[Place, list[RowMapping]] = defaultdict(list)
    for row in rows(_COLUMNS):
        columns[Place(row["schema"], row["relation"])].append(row)
    keys, uniques = _keys(rows(_INDEXES))
    found = [_found(row, columns, keys, uniques, json) for row in rows(_RELATIONS)]
    return Survey(found, tuple(_references(rows(_REFERENCES))))


def _json_columns(rows: Sequence[RowMapping]) -> frozenset[tuple[Place, str]]:
    found = ((row, _JSON_CHECK.fullmatch(row["clause"])) for row in rows)
    return frozenset(
        (Place(row["schema"], row["relation"]), check[1].replace("``", "`"))
        for row, check in found
        if check is not None
    )


def _keys(rows: Sequence[RowMapping]) -> tuple[Mapping[Place, _Columns], Mapping[Place, tuple[_Columns, ...]]]:
    """Return primary keys and other unique sets; an index over an expression, or over parts of texts, is none."""
    indexes: dict[tuple[Place, str], list[RowMapping]] = defaultdict(list)
    for row in rows:
        indexes[Place(row["schema"], row["relation"]), row["index"]].append(row)
    keys: dict[Place, _Columns] = {}
    uniques: dict[Place, tuple[_Columns, ...]] = defaultdict(tuple)
    for (place, index), parts in indexes.items():
        names = tuple(part["name"] for part in parts)
        if index == "PRIMARY":
            keys[place] = names
        elif all(part["name"] is not None and part["part"] is None for part in parts):
            uniques[place] += (names,)
    return keys, uniques


def _found(
    row: RowMapping,
    columns: Mapping[Place, list[RowMapping]],
    keys: Mapping[Place, _Columns],
    uniques: Mapping[Place, tuple[_Columns, ...]],
    json: frozenset[tuple[Place, str]],
) -> Found:
    place = Place(row["schema"], row["name"])
    writable = row["kind"] != "VIEW" or row["updatable"] == "YES"
    mine = columns.get(place, [])
    return Found(
        place=place,
        kind=_KINDS[row["kind"]],
        fields=tuple(_field(each, is_json=(place, each["name"]) in json, writable=writable) for each in mine),
        types={each["name"]: MysqlType(each["native"], each["base"], each["charset"]) for each in mine},
        key=keys.get(place, ()),
        uniques=uniques.get(place, ()),
        comment="" if row["kind"] == "VIEW" else row["comment"] or "",
        writes=Writes() if writable else READ_ONLY,
    )


def _field(row: RowMapping, *, is_json: bool, writable: bool) -> Field:
    kind = FieldType.JSON if is_json else field_type(row["base"], row["native"])
    numbered = "auto_increment" in row["extra"]
    takes = writable and not row["made"]
    return Field(
        name=row["name"],
        type=kind,
        native=row["native"],
        nullable=bool(row["nullable"]),
        default="auto_increment" if numbered else _default(row["preset"]),
        generated=bool(row["made"]),
        max_length=row["length"] if kind is FieldType.TEXT and row["base"] in ("char", "varchar") else None,
        enum=_labels(row["native"]) if kind is FieldType.ENUM else (),
        comment=row["comment"] or "",
        operators=operators(kind),
        sortable=kind not in (FieldType.JSON, FieldType.OTHER),
        groupable=kind is not FieldType.JSON,
        creatable=takes,
        updatable=takes,
    )


def _default(preset: Any) -> str | None:
    return None if preset in (None, "NULL") else str(preset)


def _labels(native: str) -> tuple[str, ...]:
    return tuple(found[1].replace("''", "'") for found in _LABEL.finditer(native))


def _references(rows: Sequence[RowMapping]) -> Iterator[Reference]:
    grouped: dict[tuple[Place, str], list[RowMapping]] = defaultdict(list)
    for row in rows:
        grouped[Place(row["schema"], row["relation"]), row["name"]].append(row)
    for (source, name), parts in grouped.items():
        yield Reference(
            name=name,
            source=source,
            columns=tuple(part["column"] for part in parts),
            target=Place(parts[0]["target_schema"], parts[0]["target"]),
            target_columns=tuple(part["target_column"] for part in parts),
        )
