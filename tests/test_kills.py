"""A server that is killed during keyed writes loses none and doubles none; `benchmarks.kills` is the big run."""

from pathlib import Path

import pytest

from benchmarks.kills import Tally, ordeal, over_postgresql, over_sqlite
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio

WRITES, KILLS = 120, 2


def assert_sound(tally: Tally) -> None:
    assert (tally.lost, tally.doubled, tally.otherwise) == (0, 0, 0), str(tally)
    assert len(tally.answered) == WRITES
    assert tally.kills == KILLS


async def test_on_postgresql(postgres_18: PostgresServer, tmp_path: Path) -> None:
    with over_postgresql(postgres_18) as (resource, rows):
        tally = await ordeal(tmp_path, resource, WRITES, KILLS)
        tally.compare(rows(), WRITES)

    assert_sound(tally)


async def test_on_sqlite(tmp_path: Path) -> None:
    with over_sqlite(tmp_path) as (resource, rows):
        tally = await ordeal(tmp_path, resource, WRITES, KILLS)
        tally.compare(rows(), WRITES)

    assert_sound(tally)


def test_what_is_lost_doubled_or_answered_otherwise_is_seen() -> None:
    tally = Tally(answered={0: 1, 1: 2, 2: 9})

    tally.compare([(0, 1), (1, 2), (1, 3)], writes=3)

    assert (tally.lost, tally.doubled, tally.otherwise) == (1, 1, 1)
