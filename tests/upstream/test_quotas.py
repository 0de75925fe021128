"""Token buckets keep their rate whatever happens, and say honestly when it will be one's turn."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_core.adapter import Rate
from bridge_core.call import ANONYMOUS, Call, begin
from bridge_core.errors import Outcome, RateLimited, Unavailable
from bridge_core.upstream import Budgets
from bridge_core.upstream.budgets import Bucket
from bridge_core.upstream.retries import FLOOR, SHARE, WINDOW, RetryBudget
from tests.support.virtual_time import now, run
from tests.upstream.backend import READ, Backend, ask, outcomes, room

TINY = 1e-6


def most_within(times: list[tuple[float, float]], window: float) -> float:
    """Return the most units that were spent in any window of this length."""
    return max((sum(u for t, u in times if start <= t <= start + window) for start, _ in times), default=0.0)


@given(
    number=st.integers(1, 20),
    per=st.sampled_from([0.5, 1.0, 60.0]),
    burst=st.integers(1, 10),
    events=st.lists(
        st.tuples(
            st.floats(0, 5),  # pause before it
            st.integers(1, 3),  # units
            st.sampled_from([0.5, 5.0, 1e6]),  # patience
            st.sampled_from(["spend", "spend", "spend", "leave", "pause"]),
        ),
        max_size=25,
    ),
)
def test_no_window_ever_sees_more_than_the_rate_and_one_burst(
    number: int, per: float, burst: int, events: list[tuple[float, int, float, str]]
) -> None:
    spent: list[tuple[float, float]] = []
    pauses: list[tuple[float, float]] = []

    async def spend(budgets: Budgets, units: float, patience: float) -> None:
        begin(Call(READ, ANONYMOUS, now() + patience))
        try:
            await budgets.spend("read", units)
        except RateLimited:
            return
        spent.append((now(), units))

    async def main() -> None:
        budgets = Budgets({"read": Rate(number, per, burst)}, now)
        tasks = []
        for wait, units, patience, kind in events:
            await asyncio.sleep(wait)
            if kind == "pause":
                budgets.pause("read", 3.0)
                pauses.append((now(), now() + 3.0))
                continue
            task = asyncio.create_task(spend(budgets, min(units, burst), patience))
            tasks.append(task)
            if kind == "leave":
                await asyncio.sleep(per / number / 2)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())

    for window in (0.0, per / number, per, 3 * per, 10.0):
        assert most_within(spent, window) <= burst + window * number / per + TINY
    assert not [t for t, _ in spent for begun, end in pauses if begun + TINY < t < end - TINY]


def test_those_in_line_are_served_in_order_and_those_who_could_not_be_are_told_when() -> None:
    served: list[tuple[int, float]] = []

    async def one(budgets: Budgets, number: int) -> None:
        begin(Call(READ, ANONYMOUS, 3.5))
        await budgets.spend("read")
        served.append((number, now()))

    async def main() -> list[object]:
        budgets = Budgets({"read": Rate(1, 1, burst=1)}, now)
        return await outcomes(*(one(budgets, number) for number in range(6)))

    refused = [each for each in run(main()) if isinstance(each, RateLimited)]

    assert served == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    assert [(each.retry_after, each.scope, each.outcome) for each in refused] == [
        (4.0, "read", Outcome.NOT_APPLIED),
        (4.0, "read", Outcome.NOT_APPLIED),
    ]


def test_a_pause_sends_everybody_back_into_the_line() -> None:
    served: list[float] = []

    async def one(budgets: Budgets) -> None:
        await budgets.spend("read")
        served.append(now())

    async def main() -> None:
        budgets = Budgets({"read": Rate(1, 1, burst=3)}, now)
        tasks = [asyncio.create_task(one(budgets)) for _ in range(5)]
        await asyncio.sleep(0.5)
        budgets.pause("read", 10)
        await asyncio.gather(*tasks)

    run(main())

    assert served == [0.0, 0.0, 0.0, 10.5, 11.5]


def test_scopes_do_not_know_each_other_and_one_without_a_rate_is_free() -> None:
    async def main() -> float:
        budgets = Budgets({"write": Rate(1, 60, burst=1)}, now)
        await budgets.spend("write")
        for _ in range(100):
            await budgets.spend("read")
        return now()

    assert run(main()) == 0.0


def test_a_429_of_the_backend_pauses_the_whole_scope_for_everybody() -> None:
    async def main() -> tuple[list[object], list[float]]:
        backend = Backend(RateLimited("slow down", retry_after=7.0))
        upstream = room(backend)
        first = asyncio.create_task(ask(upstream))
        await asyncio.sleep(0.5)
        await outcomes(ask(upstream, within=2.0), ask(upstream), first)
        return await outcomes(ask(upstream)), backend.calls

    _, calls = run(main())

    assert calls[0] == 0.0
    assert all(time >= 7.0 for time in calls[1:])
    assert len(calls) == 4  # the first one again, the patient one, the last one; the impatient one never


def test_a_429_with_a_wait_beyond_the_deadline_is_told_as_it_came() -> None:
    async def main() -> list[object]:
        return await outcomes(ask(room(Backend(RateLimited("slow down", retry_after=60.0))), within=5.0))

    (failure,) = run(main())

    assert isinstance(failure, RateLimited)
    assert failure.retry_after == 60.0


def test_calls_themselves_can_be_a_quota() -> None:
    async def main() -> list[float]:
        backend = Backend()
        upstream = room(backend, call=Rate(2, 1, burst=1))
        await outcomes(*(ask(upstream) for _ in range(5)))
        return backend.calls

    assert run(main()) == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_a_quota_is_shared_out_among_processes() -> None:
    assert Rate(60, 60, burst=20).shared(4) == Rate(15, 60, 5)
    assert Rate(2, 1).shared(4) == Rate(0.5, 1, 1)


@given(st.lists(st.tuples(st.floats(0, 4), st.booleans()), max_size=400))
def test_repeats_never_exceed_their_share_of_the_calls_and_the_floor(events: list[tuple[float, bool]]) -> None:
    time, made = 0.0, 0
    calls: list[float] = []
    granted: list[float] = []
    budget = RetryBudget(lambda: time)
    for wait, repeats in events:
        time += wait / 10
        if repeats:
            granted += [time] if budget.grant(made) else []
        else:
            made += 1
            calls.append(time)

    for end in granted:
        repeats_then = sum(end - WINDOW < each <= end for each in granted)
        calls_then = sum(end - WINDOW < each <= end for each in calls)
        assert repeats_then <= FLOOR + SHARE * calls_then + TINY


def test_the_floor_is_there_for_those_who_ask_seldom() -> None:
    time = [0.0]
    budget = RetryBudget(lambda: time[0])

    first = [budget.grant(1) for _ in range(5)]
    time[0] = WINDOW
    later = [budget.grant(1) for _ in range(5)]

    assert first == later == [True] * FLOOR + [False] * 2


@pytest.mark.parametrize("units", [0.5, 1, 7])
def test_more_than_a_burst_is_waited_for(units: float) -> None:
    bucket = Bucket(Rate(1, 1, burst=2), lambda: 0.0)

    assert bucket.wait(units) <= 0 if units <= 2 else bucket.wait(units) == units - 2


def test_a_storm_of_failures_is_not_made_worse() -> None:
    async def main() -> tuple[int, int]:
        backend = Backend(then=Unavailable("503"))
        upstream = room(backend)
        made = 0
        tasks = []
        for _ in range(50 * 60):  # 50 each second, for a minute
            tasks.append(asyncio.create_task(ask(upstream)))
            made += 1
            await asyncio.sleep(0.02)
        await asyncio.gather(*tasks, return_exceptions=True)
        return made, len(backend.calls)

    made, seen = run(main())

    assert seen <= 1.25 * made
    assert seen < 300  # the breaker keeps nearly all of them away
