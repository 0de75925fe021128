"""Calls to a backend: what is made again and what never, who waits, who is turned away, and who is left alone."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import pytest

from bridge_core.errors import (
    BridgeError,
    Conflict,
    DeadlineExceeded,
    Outcome,
    RateLimited,
    Saturated,
    Unavailable,
    UpstreamFailed,
)
from bridge_core.operations import Operation, Page
from bridge_core.upstream import Bounds, Upstream
from bridge_core.upstream.breaker import PROBE_EVERY, SHORTEST, WINDOW
from tests.support.virtual_time import now, run
from tests.upstream.backend import (
    CREATE,
    DELETE,
    KEYED,
    READ,
    UPDATE,
    Act,
    Backend,
    Probed,
    ask,
    outcomes,
    pieces,
    room,
)

BEFORE_SENT = Unavailable("no connection")
AFTER_SENT = Unavailable("connection lost", outcome=Outcome.UNKNOWN)
BROKEN = UpstreamFailed("500")
MISTAKE = Conflict("there is one already")

REPEATS: Sequence[tuple[str, Operation, Act, int]] = [
    ("a read that was not sent", READ, BEFORE_SENT, 2),
    ("a read that was sent", READ, AFTER_SENT, 2),
    ("a create that was not sent", CREATE, BEFORE_SENT, 2),
    ("an update that was not sent", UPDATE, BEFORE_SENT, 2),
    ("a delete that was not sent", DELETE, BEFORE_SENT, 2),
    ("a create that may have been applied", CREATE, AFTER_SENT, 1),
    ("an update that may have been applied", UPDATE, AFTER_SENT, 1),
    ("a delete that may have been applied", DELETE, AFTER_SENT, 1),
    ("a keyed create that may have been applied, where the backend honours keys", KEYED, AFTER_SENT, 2),
    ("a read that the backend answered with a failure", READ, BROKEN, 1),
    ("a mistake of the caller", CREATE, MISTAKE, 1),
    ("a read beyond a pool of ours", READ, Saturated("full"), 1),
    ("a read that used its time up", READ, DeadlineExceeded("late"), 1),
    ("a read that is asked to wait, in time", READ, Unavailable("busy", retry_after=3), 2),
    ("a read that is asked to wait too long", READ, Unavailable("busy", retry_after=31), 1),
    ("a create beyond a quota", CREATE, RateLimited("quota", retry_after=3), 2),
]


@pytest.mark.parametrize(("operation", "failure", "calls"), [case[1:] for case in REPEATS], ids=[c[0] for c in REPEATS])
def test_a_call_is_made_again_only_where_that_is_safe_and_of_use(
    operation: Operation, failure: Act, calls: int
) -> None:
    async def main() -> tuple[list[object], list[float]]:
        backend = Backend(failure)
        return await outcomes(ask(room(backend), operation)), backend.calls

    answers, made = run(main())

    assert len(made) == calls
    assert (answers == [failure]) == (calls == 1)


def test_a_call_is_made_three_times_at_most_with_growing_pauses_of_chance() -> None:
    async def main() -> list[float]:
        backend = Backend(then=BEFORE_SENT)
        await outcomes(ask(room(backend, chance=lambda: 1.0)))
        return backend.calls

    assert run(main()) == pytest.approx([0.0, 0.101, 0.302])


def test_nothing_is_repeated_once_pieces_of_the_answer_were_handed_out() -> None:
    async def main() -> tuple[list[bytes], object, int]:
        backend = Backend(Page(stream=pieces(b"[1", BEFORE_SENT), rows=None))
        page = await ask(room(backend))
        assert isinstance(page, Page)
        assert page.stream is not None
        got = []
        try:
            while True:
                got.append(await anext(page.stream))
        except Unavailable as failure:
            return got, failure, len(backend.calls)

    assert run(main()) == ([b"[1"], BEFORE_SENT, 1)


@pytest.mark.parametrize("ending", ["drained", "broken", "closed", "never begun"])
def test_a_stream_keeps_its_place_until_it_ends(ending: str) -> None:
    async def main() -> tuple[object, object]:
        last = BEFORE_SENT if ending == "broken" else b"]"
        backend = Backend(Page(stream=pieces(b"[", last), rows=None))
        upstream = room(backend, Bounds(calls=1, patience=0.0, retries=0))
        page = await ask(upstream)
        assert isinstance(page, Page)
        assert page.stream is not None
        if ending != "never begun":
            await anext(page.stream)
        (meanwhile,) = await outcomes(ask(upstream))
        if ending in ("drained", "broken"):
            with suppress(Unavailable):
                assert [piece async for piece in page.stream] == [b"]"]
        else:
            await page.stream.aclose()  # type: ignore[attr-defined]  # ours can be closed
        await page.stream.aclose()  # type: ignore[attr-defined]  # as often as one likes
        return meanwhile, await ask(upstream)

    meanwhile, after = run(main())

    assert isinstance(meanwhile, Saturated)
    assert isinstance(after, Page)


def test_no_more_calls_are_under_way_than_there_are_places() -> None:
    async def main() -> tuple[int, list[object], float]:
        backend = Backend(then=0.4)
        upstream = room(backend, Bounds(calls=3, patience=1.0))
        answers = await outcomes(*(ask(upstream) for _ in range(20)))
        return backend.most, answers, now()

    most, answers, end = run(main())

    assert most == 3
    assert sum(isinstance(each, Page) for each in answers) == 6  # three at once, as many in the line
    assert sum(isinstance(each, Saturated) for each in answers) == 14
    assert end == pytest.approx(0.8)


@pytest.mark.parametrize(("patience", "within", "turned_away"), [(0.0, 30.0, 0.0), (1.0, 30.0, 1.0), (1.0, 0.3, 0.3)])
def test_who_finds_no_place_waits_for_a_short_while_within_the_deadline(
    patience: float, within: float, turned_away: float
) -> None:
    async def main() -> tuple[object, float]:
        upstream = room(Backend(then=20.0), Bounds(calls=1, patience=patience))
        holding = asyncio.create_task(ask(upstream))
        await asyncio.sleep(0)
        (failure,) = await outcomes(ask(upstream, within=within))
        end = now()
        holding.cancel()
        return failure, end

    failure, end = run(main())

    assert isinstance(failure, Saturated | TimeoutError)
    assert end == pytest.approx(turned_away)


def test_places_are_not_lost_when_callers_leave() -> None:
    async def main() -> object:
        upstream = room(Backend(then=1.0), Bounds(calls=2, patience=5.0))
        for leave_after in (0.0, 0.1, 0.9, 1.0, 1.1):
            tasks = [asyncio.create_task(ask(upstream)) for _ in range(6)]
            await asyncio.sleep(leave_after)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return await outcomes(ask(upstream), ask(upstream))

    assert run(main()) == [Page(), Page()]


def test_one_slow_resource_holds_up_nobody_else() -> None:
    """Fifty callers wait for a backend that takes five seconds; calls to another take what they always take."""

    async def main() -> list[float]:
        slow, quick = room(Backend(then=5.0), Bounds(calls=10)), room(Backend(then=0.01))
        callers = [asyncio.create_task(ask(slow)) for _ in range(50)]
        took = []
        for _ in range(100):
            begun = now()
            await ask(quick)
            took.append(now() - begun)
        await asyncio.gather(*callers, return_exceptions=True)
        return took

    assert run(main()) == pytest.approx([0.01] * 100)


async def fail(upstream: Upstream, times: int) -> None:
    for _ in range(times):
        await outcomes(ask(upstream))


def test_a_backend_that_keeps_failing_is_left_alone_and_tried_by_one() -> None:
    async def main() -> tuple[int, list[object], list[object], object]:
        backend = Backend(*[BROKEN] * WINDOW, then=0.5)
        upstream = room(backend)
        await fail(upstream, WINDOW)
        refused = await outcomes(ask(upstream))
        made = len(backend.calls)
        await asyncio.sleep(SHORTEST * 2)
        trial = await outcomes(*(ask(upstream) for _ in range(5)))
        return made, refused, trial, await ask(upstream)

    made, refused, trial, after = run(main())

    assert made == WINDOW
    assert [
        (type(each), each.code, 5 <= each.retry_after <= 30) for each in refused if isinstance(each, Unavailable)
    ] == [(Unavailable, "BRG503", True)]
    assert [isinstance(each, Page) for each in trial] == [True, False, False, False, False]
    assert isinstance(after, Page)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_it_stays_open_for_five_to_thirty_seconds_longer_each_time(chance: float) -> None:
    async def main() -> list[float]:
        backend = Backend(then=BROKEN)
        upstream = room(backend, chance=lambda: chance)
        await fail(upstream, WINDOW)
        for _ in range(1500):
            await outcomes(ask(upstream))
            await asyncio.sleep(0.1)
        tries = backend.calls[WINDOW - 1 :]
        return [after - before for before, after in pairwise(tries)]

    gaps = run(main())

    assert len(gaps) > 3
    assert all(5.0 <= gap <= 30.2 for gap in gaps)
    assert gaps == pytest.approx(sorted(gaps), abs=0.2)


@pytest.mark.parametrize(
    ("failure", "opens"),
    [
        (BROKEN, True),
        (BEFORE_SENT, True),
        (ZeroDivisionError(), True),
        (MISTAKE, False),
        (Saturated("full"), False),
        (RateLimited("quota", retry_after=0.0), False),
        (DeadlineExceeded("in a moment"), False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_only_failures_of_the_backend_itself_count(failure: BaseException, opens: bool) -> None:
    async def main() -> object:
        upstream = room(Backend(*[failure] * 2 * WINDOW), Bounds(retries=0))
        await fail(upstream, 2 * WINDOW)
        return (await outcomes(ask(upstream)))[0]

    assert isinstance(run(main()), BridgeError) == opens


@pytest.mark.parametrize(("within", "opens"), [(1.0, False), (10.0, True)])
def test_a_backend_that_hangs_counts_as_failing_but_not_for_callers_in_a_hurry(within: float, opens: bool) -> None:
    async def main() -> object:
        upstream = room(Backend(*[1e6] * WINDOW))
        await outcomes(*(ask(upstream, within=within) for _ in range(WINDOW)))
        return (await outcomes(ask(upstream)))[0]

    assert isinstance(run(main()), Unavailable) == opens


@pytest.mark.parametrize(("bad", "good", "opens"), [(9, 11, False), (10, 10, True), (19, 0, False), (20, 0, True)])
def test_half_of_twenty_calls_must_fail(bad: int, good: int, opens: bool) -> None:
    async def main() -> object:
        upstream = room(Backend(*[0.0] * good, *[BROKEN] * bad))
        await fail(upstream, good + bad)
        return (await outcomes(ask(upstream)))[0]

    assert isinstance(run(main()), Unavailable) == opens


def test_failures_of_long_ago_are_forgotten() -> None:
    async def main() -> object:
        upstream = room(Backend(*[BROKEN] * 2 * WINDOW))
        for _ in range(2 * WINDOW):
            await fail(upstream, 1)
            await asyncio.sleep(61)
        return await ask(upstream)

    assert isinstance(run(main()), Page)


def test_a_backend_that_can_be_asked_is_asked_before_it_is_left_alone() -> None:
    async def main() -> tuple[object, int]:
        backend = Probed(*[BROKEN] * WINDOW)
        upstream = room(backend)
        await fail(upstream, WINDOW)
        return (await outcomes(ask(upstream)))[0], backend.probes

    answer, probes = run(main())

    assert isinstance(answer, Page)
    assert probes == 1


def test_a_backend_that_can_be_asked_is_back_as_soon_as_it_is_well() -> None:
    async def main() -> tuple[list[bool], float]:
        backend = Probed(*[BROKEN] * WINDOW)
        backend.well = False
        upstream = room(backend)
        await fail(upstream, WINDOW + 1)
        opened = now()
        seen: list[bool] = []
        backend.well = True
        while not seen or not seen[-1]:
            (answer,) = await outcomes(ask(upstream))
            seen.append(isinstance(answer, Page))
            await asyncio.sleep(0.1)
        return seen, now() - opened

    seen, took = run(main())

    assert not seen[0]
    assert took < PROBE_EVERY + 0.3


def test_a_trial_whose_caller_leaves_passes_to_the_next() -> None:
    async def main() -> object:
        backend = Backend(*[BROKEN] * WINDOW, 100.0)
        upstream = room(backend)
        await fail(upstream, WINDOW)
        await asyncio.sleep(30)
        trial = asyncio.create_task(ask(upstream))
        await asyncio.sleep(1)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        return await ask(upstream)

    assert isinstance(run(main()), Page)
