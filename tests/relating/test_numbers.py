"""Sums, averages and extremes are those of a real PostgreSQL, to the last digit."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import pytest

from bridge_core.errors import BadValue
from bridge_core.query import Aggregate
from bridge_core.relating.numbers import computed, must_compute
from bridge_core.schema import Field, FieldType
from bridge_core.values import text_of, typed
from tests.support.postgres import PostgresServer

TYPES = {
    "bigint": Field("v", FieldType.INTEGER, native="bigint"),
    "numeric": Field("v", FieldType.DECIMAL),
    "double precision": Field("v", FieldType.FLOAT),
    "date": Field("v", FieldType.DATE),
    "text": Field("v", FieldType.TEXT),
}
NUMBERS = (Aggregate.COUNT, Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX)
ANY = (Aggregate.COUNT, Aggregate.MIN, Aggregate.MAX)


def _lists() -> dict[str, list[list[str]]]:
    chance = Random(5)
    whole = [[str(chance.choice([0, 1, -7, 3, 9_999, 10_000, 123_456_789])) for _ in range(n)] for n in (0, 1, 2, 3, 7)]
    digits = [
        [str(Decimal(chance.randrange(-(10**8), 10**8)).scaleb(-chance.randrange(12))) for _ in range(n)]
        for n in (1, 2, 3, 4, 7, 9, 11)
    ]
    return {
        "bigint": whole,
        "numeric": [[], ["0"], ["0.00", "0.00"], ["NaN", "1"], ["1.50", "2"], *digits],
        "double precision": [[], ["1.5", "2.25"], ["NaN", "1"], ["-Infinity", "3"], ["0.1", "0.2", "0.3"]],
        "date": [[], ["2024-02-29", "2023-01-01"]],
        "text": [[], ["b", "a", "B"]],
    }


@pytest.mark.parametrize("name", TYPES)
def test_what_is_computed_is_what_postgresql_computes(postgres_18: PostgresServer, name: str) -> None:
    functions = NUMBERS if TYPES[name].type in (FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT) else ANY
    lists = _lists()[name]

    ours = [_computed(function, name, each) for each in lists for function in functions]

    questions = [_question(function, name, each) for each in lists for function in functions]
    theirs = postgres_18.psql(f"select unnest(array[{', '.join(questions)}])").split("\n")
    assert ours == theirs


@pytest.mark.parametrize(("function", "name"), [(Aggregate.SUM, "text"), (Aggregate.AVG, "date")])
def test_what_postgresql_does_not_compute_is_refused(function: Aggregate, name: str) -> None:
    with pytest.raises(BadValue) as caught:
        must_compute(function, TYPES[name])

    assert caught.value.code == "42883"


def _computed(function: Aggregate, name: str, texts: Sequence[str]) -> str:
    found = computed(function, TYPES[name], [typed(TYPES[name], text) for text in texts])
    return "<null>" if found is None else text_of(found)


def _question(function: Aggregate, name: str, texts: Sequence[str]) -> str:
    values = ", ".join(f"'{text}'" for text in texts)
    source = f"unnest(array[{values}]::{name}[]) as v"
    sorted_by = ' collate "C"' if name == "text" else ""
    return f"(select coalesce({function.value}(v{sorted_by})::text, '<null>') from {source})"
