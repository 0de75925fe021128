"""Related records over the wire: nested, spread, grouped and hidden, alike in PostgreSQL and in the core."""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from bridge_sql.plugin import PostgresSettings, connect_postgresql
from bridge_sql.sqlite_plugin import SqliteSettings, connect_sqlite
from pydantic import SecretStr

from bridge_core.adapter import Adapter, AdapterContext
from bridge_core.bridge import Bridge, described
from bridge_core.call import Principal
from bridge_core.grammar import filter_of
from bridge_core.operations import Verb
from bridge_core.policy import Policy, Rule
from bridge_core.router import Served
from bridge_core.schema import Model
from bridge_core.surfaces.rest import RestApp, RestSettings
from bridge_core.upstream import Threads
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SCHEMA = """
create table director (id int primary key, name text, born int, secret text, boss int references director);
create table film (
    id int primary key, title text, year int, takings numeric(8, 2),
    director int references director, rescuer int references director
);
create table actor (id int primary key, name text, fee numeric);
create table part (film int references film, actor int references actor, role text, primary key (film, actor));
create table award (id int primary key, film int references film, name text, rank int, more json);
insert into director values (1, 'Ada', 1950, 's1', null), (2, 'Bo', 1960, 's2', 1), (3, 'Cy', null, 's3', 1);
insert into film values
    (1, 'One', 1990, 10.50, 1, null), (2, 'Two', 1995, 20.00, 1, 2), (3, 'Three', 2000, null, 2, null),
    (4, 'Four', 2005, 5.25, null, null);
insert into actor values (1, 'Xi', 5), (2, 'Yo', 7), (3, 'Zu', null);
insert into part values (1, 1, 'lead'), (1, 2, 'villain'), (2, 2, 'lead'), (3, 3, 'lead');
insert into award values
    (1, 1, 'gold', 2, '{"in": "Rome"}'), (2, 1, 'silver', 1, '{"in": "Bonn"}'), (3, 3, 'gold', 1, '{"in": "Rome"}');
"""
EVERY = dict.fromkeys(Verb)
RULES = {
    ("admin", "*", "*"): Rule(EVERY),
    ("clerk", "db", "film"): Rule(EVERY),
    ("clerk", "db", "director"): Rule({Verb.READ: frozenset({"id", "name"})}, filter_of("id=neq.2")),
    ("clerk", "db", "award"): Rule({Verb.READ: frozenset({"id", "name"})}),
    ("clerk", "db", "actor"): Rule({Verb.READ: None}),
    ("clerk", "db", "part"): Rule({Verb.READ: None}, filter_of("role=eq.lead")),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Share one loop, and so one adapter, between the tests."""
    return "asyncio"


def _unable(model: Model) -> Model:
    """Return a model whose related records, and groups, are the core's to make."""
    return replace(model, capabilities=replace(model.capabilities, embeds=False, aggregates=False))


async def _postgresql(request: pytest.FixtureRequest, folder: Path) -> Adapter:
    major = 17 if request.param == "in PostgreSQL 17" else 18
    postgres: PostgresServer = request.getfixturevalue(f"postgres_{major}")
    settings = PostgresSettings(url=SecretStr(postgres.database(SCHEMA)))
    return await connect_postgresql(settings, None)  # type: ignore[arg-type]  # the context is not used


async def _sqlite(request: pytest.FixtureRequest, folder: Path) -> Adapter:
    with closing(sqlite3.connect(folder / "films.db")) as database:
        database.executescript(SCHEMA)
    context = AdapterContext("db", Threads(2), time.monotonic, lambda: float("inf"), folder)
    return await connect_sqlite(SqliteSettings(path=Path("films.db")), context)


@pytest.fixture(scope="module", params=["in PostgreSQL 17", "in PostgreSQL 18", "by the core", "in SQLite"])
async def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    connect = _sqlite if request.param == "in SQLite" else _postgresql
    adapter = await connect(request, tmp_path_factory.mktemp("films"))
    models = await described("db", adapter)
    if request.param == "by the core":
        models = {name: _unable(model) for name, model in models.items()}
    served = Served("db", adapter, models)
    bridge = Bridge([served], Policy(RULES))

    def who(authorization: str | None, apikey: str | None) -> Principal:
        return Principal(authorization or "admin", (authorization or "admin",))

    app = RestApp(bridge, who, RestSettings(aggregates=True, rollback=True))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bridge/rest/db") as opened:  # type: ignore[arg-type]  # a plain ASGI callable
        yield opened
    await adapter.close()


async def _get(client: httpx.AsyncClient, path: str, role: str = "admin", **headers: str) -> Any:
    answer = await client.get(path, headers={"authorization": role, **headers})
    assert answer.status_code in (200, 206), answer.text
    return answer.json()


ADA = {"name": "Ada"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/film?select=id,d:director!film_director_fkey(name)&id=in.(1,4)&order=id",
         [{"id": 1, "d": ADA}, {"id": 4, "d": None}]),
        ("/director?select=id,film!film_director_fkey(title)&order=id&film.order=title.desc",
         [{"id": 1, "film": [{"title": "Two"}, {"title": "One"}]}, {"id": 2, "film": [{"title": "Three"}]},
          {"id": 3, "film": []}]),
        ("/director?select=id,film!film_director_fkey(title)&id=eq.1&film.limit=1&film.offset=1&film.order=id",
         [{"id": 1, "film": [{"title": "Two"}]}]),
        ("/film?select=title,actor(name)&id=in.(1,4)&order=id&actor.order=name",
         [{"title": "One", "actor": [{"name": "Xi"}, {"name": "Yo"}]}, {"title": "Four", "actor": []}]),
        ("/director?select=name,boss(name),staff:director!director_boss_fkey(name)&id=lt.3&order=id&staff.order=id",
         [{"name": "Ada", "boss": None, "staff": [{"name": "Bo"}, {"name": "Cy"}]},
          {"name": "Bo", "boss": ADA, "staff": []}]),
        ("/film?select=id,director!film_director_fkey!inner(name)&director.name=eq.Ada&order=id",
         [{"id": 1, "director": ADA}, {"id": 2, "director": ADA}]),
        ("/film?select=id,award()&award=is.null&order=id", [{"id": 2}, {"id": 4}]),
        ("/film?select=id,award()&award=not.is.null&award.rank=eq.2", [{"id": 1}]),
        ("/film?select=id,award()&or=(award.is.null,title.eq.One)&order=id", [{"id": 1}, {"id": 2}, {"id": 4}]),
        ("/film?select=id,...director!film_director_fkey(by:name,born)&order=director(born).desc.nullslast,id",
         [{"id": 3, "by": "Bo", "born": 1960}, {"id": 1, "by": "Ada", "born": 1950},
          {"id": 2, "by": "Ada", "born": 1950}, {"id": 4, "by": None, "born": None}]),
        ("/film?select=id,...award(prize:name,rank)&id=in.(1,2)&order=id&award.order=rank",
         [{"id": 1, "prize": ["silver", "gold"], "rank": [1, 2]}, {"id": 2, "prize": [], "rank": []}]),
        ("/film?select=count(),takings.sum(),first:year.min()", [{"count": 4, "sum": 35.75, "first": 1990}]),
        ("/film?select=director,n:count()&order=n.desc,director.nullslast",
         [{"director": 1, "n": 2}, {"director": 2, "n": 1}, {"director": None, "n": 1}]),
        ("/film?select=director,n:count()&having=(n.gt.1)", [{"director": 1, "n": 2}]),
        ("/film?select=director,takings.sum(),y:year.max()&having=(or(sum.lt.15,y.gte.2005),director.is.null)&limit=5",
         [{"director": None, "sum": 5.25, "y": 2005}]),
        ("/film?select=count()&having=(count.gt.4)", []),
        ("/award?select=more->>in,count()&having=(in.eq.Rome)", [{"in": "Rome", "count": 2}]),
        ("/film?select=count()&having=(count.in.(4,5))&id=gt.0", [{"count": 4}]),
        ("/film?select=year,t:takings.sum()::text&having=(t.like.2*)", [{"year": 1995, "t": "20.00"}]),
        ("/director?select=name,film!film_director_fkey(year,count())&film.having=(year.lt.1995)&order=id&limit=2",
         [{"name": "Ada", "film": [{"year": 1990, "count": 1}]}, {"name": "Bo", "film": []}]),
        ("/director?select=name,film!film_director_fkey(total:takings.sum())&order=id",
         [{"name": "Ada", "film": [{"total": 30.5}]}, {"name": "Bo", "film": [{"total": None}]},
          {"name": "Cy", "film": [{"total": None}]}]),
        ("/film?select=...director!film_director_fkey(name),takings.sum()&order=director(name).nullslast",
         [{"name": "Ada", "sum": 30.5}, {"name": "Bo", "sum": None}, {"name": None, "sum": 5.25}]),
        ("/director?select=id,film!film_director_fkey(id,actor(id,part(role)))&id=eq.2",
         [{"id": 2, "film": [{"id": 3, "actor": [{"id": 3, "part": [{"role": "lead"}]}]}]}]),
    ],
)  # fmt: skip
async def test_related_records_come_as_the_dialect_says(
    client: httpx.AsyncClient, path: str, expected: list[object]
) -> None:
    assert await _get(client, path) == expected


async def test_a_total_counts_what_an_inner_embed_leaves(client: httpx.AsyncClient) -> None:
    answer = await client.get("/film?select=id,award!inner(name)&limit=1", headers={"prefer": "count=exact"})

    assert answer.headers["content-range"] == "0-0/2"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/film?select=id,director(name)", 300, "PGRST201"),
        ("/film?select=id,nothing(name)", 400, "PGRST200"),
        ("/film?select=id,director!no_such_hint(name)", 400, "PGRST200"),
        ("/film?select=id&director.name=eq.x", 400, "PGRST108"),
        ("/film?select=id&order=award(rank)", 400, "PGRST108"),
        ("/film?select=id,award(name)&order=award(rank)", 400, "PGRST118"),
        ("/film?select=id,award(name)&award=eq.1", 400, "PGRST120"),
        ("/film?select=id,...award(rank.sum())", 400, "PGRST127"),
        ("/film?select=id,award(nope)", 400, "42703"),
        ("/film?select=id,award(name)&award.nope=eq.1", 400, "42703"),
        ("/film?select=title,count()&order=year", 400, "42803"),
        ("/film?select=title,count()&having=(year.gt.1)", 400, "42703"),
        ("/film?select=title&having=(title.eq.x)", 400, "PGRST100"),
        ("/film?select=title,count()&having=(count.gt.x)", 400, "22P02"),
        ("/film?select=title,count()&having=eq.5", 400, "42703"),
        ("/film?select=" + ",".join(f"a{n}:award(name)" for n in range(101)), 400, "PGRST100"),
    ],
)
async def test_what_cannot_be_nested_is_refused_with_the_code_of_the_dialect(
    client: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_row_scope_holds_at_the_far_end_and_between(client: httpx.AsyncClient) -> None:
    films = await _get(
        client, "/film?select=id,director!film_director_fkey(name),actor(name)&id=in.(1,3)&order=id", "clerk"
    )

    assert films == [
        {"id": 1, "director": ADA, "actor": [{"name": "Xi"}]},
        {"id": 3, "director": None, "actor": [{"name": "Zu"}]},
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/film?select=id,director!film_director_fkey(secret)",
        "/film?select=id,director!film_director_fkey(name)&director.secret=eq.s1",
        "/film?select=id,director!film_director_fkey(name)&order=director(secret)",
        "/film?select=id,director!film_director_fkey(name)&director.order=secret",
        "/film?select=id,director!film_director_fkey(secret.max())",
        "/film?select=id,award(name)",  # the field that refers to the film may not be read
    ],
)
async def test_a_hidden_field_cannot_be_reached_through_a_relation(client: httpx.AsyncClient, path: str) -> None:
    allowed = await client.get(path)
    refused = await client.get(path, headers={"authorization": "clerk"})

    assert allowed.status_code == 200, allowed.text
    assert refused.status_code == 400
    assert "s1" not in refused.text


async def test_a_scope_at_the_far_end_decides_what_an_inner_embed_finds(client: httpx.AsyncClient) -> None:
    path = "/film?select=id,director!film_director_fkey!inner(name)&order=id"

    assert [film["id"] for film in await _get(client, path)] == [1, 2, 3]
    assert [film["id"] for film in await _get(client, path, "clerk")] == [1, 2]


async def test_the_answer_to_a_write_is_shaped_by_its_select(client: httpx.AsyncClient) -> None:
    answer = await client.patch(
        "/film?id=eq.1&select=id,director!film_director_fkey(name),award(name)&award.order=rank",
        json={"title": "Uno"},
        headers={"prefer": "return=representation, tx=rollback"},
    )

    assert answer.json() == [{"id": 1, "director": ADA, "award": [{"name": "silver"}, {"name": "gold"}]}]
