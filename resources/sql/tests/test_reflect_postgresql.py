"""What is read from a real PostgreSQL catalogue: every kind of relation, type, key and name."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from bridge_sql.pg_views import Origin, targets
from bridge_sql.reflect import Catalogue, reflect
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bridge_core.errors import ConfigurationError
from bridge_core.schema import Cardinality, Field, FieldType, Relation
from tests.support.postgres import PostgresServer

SCHEMA = (Path(__file__).parent / "rich_postgresql.sql").read_text()
SCHEMAS = ("public", 'odd "x"; --', "store")
pytestmark = pytest.mark.anyio
HOSTILE = ('a"b;--', "%s", "%(x)s", ":x", "$1", "select", "🦊 ключ", "semi;colon", "back\\slash", "n" * 63)


async def _reflected(url: str, schemas: Sequence[str] = SCHEMAS) -> Catalogue:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    async with engine.connect() as connection:
        return await connection.run_sync(reflect, schemas)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> str:
    return postgres.database(SCHEMA)


@pytest.fixture(scope="module")
def catalogue(database: str) -> Catalogue:
    return asyncio.run(_reflected(database))


def _field(catalogue: Catalogue, model: str, name: str) -> Field:
    return catalogue.entries[model].model.by_name[name]


def _relations(catalogue: Catalogue, model: str, target: str) -> list[Relation]:
    return [each for each in catalogue.entries[model].model.relations if each.target == target]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("person", "table"),
        ("adult", "view"),
        ("by_country", "materialized view"),
        ("measure", "partitioned table"),
        ("store.stray_2024", "table"),
        ('odd "x"; --.%s', "table"),
    ],
)
def test_every_kind_of_relation_is_a_model(catalogue: Catalogue, model: str, kind: str) -> None:
    assert catalogue.entries[model].model.kind == kind


@pytest.mark.parametrize("hidden", ["measure_2024", "measure_2025", "pg_stat_statements", "store.hidden_base"])
def test_parts_of_a_served_whole_and_views_of_extensions_are_not_models(catalogue: Catalogue, hidden: str) -> None:
    assert hidden not in catalogue.entries


@pytest.mark.parametrize(
    ("name", "type_", "native"),
    [
        ("id", FieldType.INTEGER, "bigint"),
        ("price", FieldType.DECIMAL, "numeric(12,2)"),
        ("code", FieldType.TEXT, "character varying(8)"),
        ("fixed", FieldType.TEXT, "character(3)"),
        ("mail", FieldType.TEXT, "email"),
        ("nested", FieldType.TEXT, "short_email"),
        ("mood", FieldType.ENUM, '"Mood of; day"'),
        ("moods", FieldType.ARRAY, '"Mood of; day"[]'),
        ("spot", FieldType.OTHER, "place"),
        ("spots", FieldType.ARRAY, "place[]"),
        ("span", FieldType.OTHER, "int4range"),
        ("words", FieldType.OTHER, "tsvector"),
        ("tags", FieldType.ARRAY, "text[]"),
        ("flags", FieldType.OTHER, "bit varying(4)"),
        ("born", FieldType.DATE, "date"),
        ("seen", FieldType.TIMESTAMPTZ, "timestamp with time zone"),
        ("noted", FieldType.TIMESTAMP, "timestamp(3) without time zone"),
        ("at", FieldType.TIME, "time without time zone"),
        ("long", FieldType.INTERVAL, "interval"),
        ("raw", FieldType.BYTES, "bytea"),
        ("doc", FieldType.JSON, "jsonb"),
        ("flag", FieldType.BOOLEAN, "boolean"),
        ("ratio", FieldType.FLOAT, "double precision"),
        ("uid", FieldType.UUID, "uuid"),
        ("cash", FieldType.OTHER, "money"),
        ("remote", FieldType.ENUM, "store.colour"),
        ("key_values", FieldType.OTHER, "hstore"),
        ("nick", FieldType.TEXT, "citext"),
        ("path", FieldType.OTHER, "ltree"),
    ],
)
def test_a_type_keeps_its_own_name_and_gets_a_kind(
    catalogue: Catalogue, name: str, type_: FieldType, native: str
) -> None:
    field = _field(catalogue, "kinds", name)

    assert (field.type, field.native) == (type_, native)


def test_every_native_name_can_be_cast_to(catalogue: Catalogue, postgres: PostgresServer, database: str) -> None:
    natives = [field.native for entry in catalogue.entries.values() for field in entry.model.fields]

    casts = ", ".join(f"CAST(NULL AS {native})" for native in natives if native != "short_email")  # takes no NULL

    postgres.psql(f"SELECT {casts};", database.rsplit("/", 1)[1])


def test_enums_lengths_items_and_comments_are_told(catalogue: Catalogue) -> None:
    kinds = catalogue.entries["kinds"].model

    assert kinds.by_name["mood"].enum == ("sad, or so", "it's ok", 'very "happy"')
    assert kinds.by_name["moods"].item is FieldType.ENUM
    assert kinds.by_name["spots"].item is FieldType.OTHER
    assert kinds.by_name["tags"].item is FieldType.TEXT
    assert kinds.by_name["code"].max_length == 8
    assert kinds.by_name["fixed"].max_length == 3
    assert kinds.by_name["nested"].max_length == 40
    assert kinds.by_name["id"].max_length is None
    assert kinds.comment == "every kind; it's 100 %"
    assert kinds.by_name["price"].comment == "in :currency"


def test_what_the_database_makes_itself_cannot_be_written(catalogue: Catalogue) -> None:
    made = catalogue.entries["made"].model.by_name

    writable = {name: (field.generated, field.creatable, field.updatable) for name, field in made.items()}

    assert writable == {
        "always": (True, False, False),
        "by_default": (False, True, True),
        "serial": (False, True, True),
        "doubled": (True, False, False),
        "plain": (False, True, True),
        "required": (False, True, True),
    }
    assert made["by_default"].default == "identity"
    assert made["serial"].default == "nextval('made_serial_seq'::regclass)"
    assert made["plain"].default == "'x;--'::text"
    assert not made["required"].nullable
    assert made["required"].default is None


def test_keys_keep_their_order_and_only_full_plain_unique_sets_count(catalogue: Catalogue) -> None:
    keyed = catalogue.entries["keyed"].model

    assert keyed.key == ("b", "a")
    assert keyed.uniques == (("c",), ("d", "c"))


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_survive_into_statements_that_run(catalogue: Catalogue, database: str, name: str) -> None:
    entry = catalogue.entries[f'odd "x"; --.{name}']
    engine = create_async_engine(database.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)

    async with engine.connect() as connection:
        row = (await connection.execute(select(entry.table.c[name]).where(entry.table.c[name] == "v"))).one()

    assert row[0] == "v"
    assert entry.model.namespace == 'odd "x"; --'


def test_a_view_has_the_key_and_the_references_of_its_table(catalogue: Catalogue) -> None:
    adult = catalogue.entries["adult"].model

    assert adult.key == ("person_id",)
    assert _relations(catalogue, "adult", "country") == [
        Relation("person_country_fkey", ("homeland",), "country", ("code",), Cardinality.MANY_TO_ONE)
    ]
    assert [(each.cardinality, each.target) for each in adult.relations if each.target == "visit"] == [
        (Cardinality.ONE_TO_MANY, "visit")
    ]


def test_a_view_over_a_view_with_shifted_columns_is_followed_to_the_table(catalogue: Catalogue) -> None:
    assert catalogue.entries["adult_name"].model.key == ("pid",)
    assert catalogue.entries["joined"].model.key == ("person_id", "code")
    assert catalogue.entries["over_hidden"].model.key == ("hidden_id",)


@pytest.mark.parametrize(
    ("model", "batches"),
    [
        ("person", (True, True, True)),
        ("adult", (True, True, True)),
        ("joined", (False, False, False)),
        ("by_country", (False, False, False)),
        ("insert_only", (True, False, False)),
        ("measure", (True, True, True)),
    ],
)
def test_a_view_takes_the_writes_that_the_database_takes(
    catalogue: Catalogue, model: str, batches: tuple[bool, bool, bool]
) -> None:
    can = catalogue.entries[model].model.capabilities

    assert (can.create_batch > 0, can.update_batch > 0, can.delete_batch > 0) == batches


def test_an_expression_in_an_updatable_view_cannot_be_written(catalogue: Catalogue) -> None:
    assert not _field(catalogue, "adult", "shout").updatable
    assert _field(catalogue, "adult", "homeland").updatable


def test_references_are_relations_from_both_ends(catalogue: Catalogue) -> None:
    assert _relations(catalogue, "visit", "person") == [
        Relation("visit_person_fkey", ("person",), "person", ("id",), Cardinality.MANY_TO_ONE)
    ]
    assert _relations(catalogue, "person", "visit") == [
        Relation("visit_person_fkey", ("id",), "visit", ("person",), Cardinality.ONE_TO_MANY)
    ]
    assert [each.owns_key for each in _relations(catalogue, "passport", "person")] == [True]
    one_to_one = _relations(catalogue, "person", "passport")
    assert [(each.cardinality, each.owns_key) for each in one_to_one] == [(Cardinality.ONE_TO_ONE, False)]


def test_a_reference_to_itself_is_flagged_at_both_ends(catalogue: Catalogue) -> None:
    itself = [each for each in catalogue.entries["person"].model.relations if each.self_referring]

    assert {each.cardinality for each in itself} == {Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY}


def test_a_table_whose_key_holds_two_references_is_a_junction(catalogue: Catalogue) -> None:
    (across,) = [each for each in _relations(catalogue, "person", "club") if each.junction is not None]

    assert across.cardinality is Cardinality.MANY_TO_MANY
    assert across.junction is not None
    assert (across.junction.model, across.junction.near, across.junction.far) == ("membership", ("person",), ("club",))


async def test_a_role_without_rights_sees_the_same_catalogue(
    catalogue: Catalogue, postgres: PostgresServer, database: str
) -> None:
    name = database.rsplit("/", 1)[1]
    postgres.psql(f"CREATE ROLE {name}_guest LOGIN PASSWORD 'guest'")
    at = database.index("@")

    seen = await _reflected(f"postgresql://{name}_guest:guest{database[at:]}")

    assert [model.relations for model in seen.models] == [model.relations for model in catalogue.models]
    assert [model.key for model in seen.models] == [model.key for model in catalogue.models]


async def test_the_answer_is_the_same_each_time(catalogue: Catalogue, database: str) -> None:
    again = await _reflected(database)

    assert again.models == catalogue.models
    assert list(again.entries) == list(catalogue.entries)


async def test_two_relations_cannot_go_by_one_name(postgres: PostgresServer) -> None:
    url = postgres.database('CREATE SCHEMA s; CREATE TABLE s.t (a int); CREATE TABLE public."s.t" (a int);')

    with pytest.raises(ConfigurationError, match="both be called"):
        await _reflected(url, ("public", "s"))


def test_only_the_targets_of_the_query_itself_are_read_from_a_rule() -> None:
    inner = "{TARGETENTRY :resno 7 :resorigtbl 99 :resorigcol 9}"
    tree = (
        r"({QUERY :rtable ({RTE :subquery {QUERY :targetList (" + inner + r")}}) :targetList ("
        r"{TARGETENTRY :expr {VAR :varno 1} :resno 1 :resname a\ \:resorigtbl\ 5\}\{ :resorigtbl 16400 :resorigcol 3}"
        r" {TARGETENTRY :expr {OPEXPR} :resno 2 :resname x :resorigtbl 0 :resorigcol 0})})"
    )

    assert list(targets(tree)) == [(1, Origin(16400, 3))]
