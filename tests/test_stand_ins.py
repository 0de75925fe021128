"""The servers that the tests run against are what they say they are."""

import pytest

from tests.support.mariadb import MariaDbServer
from tests.support.postgres import PASSWORD, PostgresServer, running


def test_a_postgresql_of_the_named_version_answers(postgres: PostgresServer) -> None:
    assert postgres.psql("show server_version_num").startswith(str(postgres.major))


def test_each_test_gets_a_database_of_its_own(postgres: PostgresServer) -> None:
    postgres.database("create table only_here (id int)")
    second = postgres.database().rpartition("/")[2]

    assert postgres.psql("select count(*) from pg_tables where tablename = 'only_here'", second) == "0"


def test_a_wrong_password_is_refused(postgres: PostgresServer) -> None:
    stranger = PostgresServer(postgres.major, postgres.binaries, postgres.directory, postgres.port)
    stranger.url = lambda database="postgres": postgres.url(database).replace(PASSWORD, "wrong")  # type: ignore[method-assign]

    with pytest.raises(AssertionError, match="password authentication failed"):
        stranger.psql("select 1")


def test_a_stopped_server_starts_again_with_what_it_held() -> None:
    with running(17) as server:
        name = server.database("create table kept as select 7 as n").rpartition("/")[2]

        server.stop()
        server.start()

        assert server.psql("select n from kept", name) == "7"


def test_a_mariadb_answers_where_it_is_installed(mariadb: MariaDbServer) -> None:
    url = mariadb.database("create table only_here (id int)")

    assert url.startswith("mysql://")
    assert mariadb.sql("show tables", url.rpartition("/")[2]) == "only_here"
