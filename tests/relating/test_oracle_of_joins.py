"""Related records are those that a join by brute force finds, whatever the backends can do, or it is refused."""

import asyncio
import os

from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from bridge_core.errors import BridgeError, Refused
from bridge_core.operations import Page, Read
from bridge_core.planner import Limits
from bridge_core.query import Counting
from bridge_core.relate import perform
from bridge_core.testing.memory import Weakness
from tests.relating.house import House, answer, house, reads, rows, total

EXAMPLES = int(os.environ.get("BRIDGE_EXAMPLES", "300"))
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
SIZES, SEEDS = st.integers(0, 9), st.integers(0, 2**32)
_READING = sorted(set(Weakness) - {Weakness.OFFSET}, key=lambda each: each.name)
WEAKNESSES = st.fixed_dictionaries(
    {name: st.frozensets(st.sampled_from(_READING), max_size=6) for name in ("shop", "crm", "labels")}
)


@many
@given(SIZES, SEEDS, reads(), WEAKNESSES)
def test_related_records_are_those_of_a_join(
    size: int, seed: int, op: Read, weaknesses: dict[str, frozenset[Weakness]]
) -> None:
    content = rows(size, seed)
    made = house(content, lambda name: sorted(weaknesses[name], key=lambda each: each.name))

    page = asked(made, op)

    assert isinstance(page, Page), page
    note(f"{page.records}")
    event(f"embeds: {len(op.embeds)}")
    assert list(page.records) == answer(op, content)
    if op.count is Counting.EXACT:
        assert page.total == total(op, content)


@many
@given(SIZES, SEEDS, reads(), WEAKNESSES)
def test_within_narrow_bounds_the_answer_is_right_or_refused(
    size: int, seed: int, op: Read, weaknesses: dict[str, frozenset[Weakness]]
) -> None:
    content = rows(size, seed)
    made = house(content, lambda name: sorted(weaknesses[name], key=lambda each: each.name), Limits(max_scan=4))

    page = asked(made, op)

    if isinstance(page, Refused):
        event("refused")
        assert page.hint
        return
    assert isinstance(page, Page), page
    assert list(page.records) == answer(op, content)
    if op.count is Counting.EXACT:
        assert page.total == total(op, content)


def asked(made: House, op: Read) -> object:
    """Perform a read in a house of its own."""

    async def performed() -> object:
        try:
            return await perform(made.placed(op), made.source)
        except BridgeError as error:
            return error

    return asyncio.run(performed())
