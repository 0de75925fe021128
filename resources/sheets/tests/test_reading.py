"""Reads: one request for all who wait, kept for a moment, within the quota; and what a large sheet costs."""

import asyncio
import os
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from bridge_sheets.fake import Fault, Server, standin
from bridge_sheets.plugin import SheetsSettings, rates

from bridge_core import Condition, Counting, Create, Op, Order, Path, RateLimited, Read, Slice, Unavailable
from bridge_core.upstream.budgets import Budgets
from tests.support.sheets import opened_on, settings_for

pytestmark = pytest.mark.anyio

PEOPLE: list[list[object]] = [["id", "name"], [1, "Ada"], [2, "Bob"]]
LARGE = 50_000 if os.environ.get("BRIDGE_EXAMPLES") else 2_000


@pytest.fixture
def google() -> Iterator[Server]:
    with standin({"People": PEOPLE}) as server:
        yield server


async def test_all_who_wait_share_one_request_and_an_answer_is_kept_for_a_moment(google: Server) -> None:
    async with opened_on(google, freshness=60) as on:
        google.service.log.clear()
        op = Read(on.models["People"])
        pages = await asyncio.gather(*(on.adapter.read(op) for _ in range(20)))
        later = await on.adapter.read(op)

        assert google.service.log == ["values.batchGet"]
        assert {len(page.records) for page in pages} == {2}
        assert 0 < later.age < 60


async def test_a_write_of_ours_is_seen_at_once(google: Server) -> None:
    async with opened_on(google, freshness=60) as on:
        model = on.models["People"]
        await on.adapter.read(Read(model))
        await on.adapter.create(Create(model, [{"id": 3, "name": "Cleo"}], ("id", "name")))

        assert len((await on.adapter.read(Read(model))).records) == 3


async def test_who_wants_it_gets_a_fresh_answer(google: Server) -> None:
    async with opened_on(google, freshness=60) as on:
        op = Read(on.models["People"])
        await on.adapter.read(op)
        on.person("People").edit(2, 2, "Eve")

        assert (await on.adapter.read(op)).records[0]["name"] == "Ada"
        assert (await on.adapter.read(replace(op, fresh=True))).records[0]["name"] == "Eve"


async def test_a_failure_is_not_kept(google: Server) -> None:
    async with opened_on(google, freshness=60) as on:
        with google.faults.planned(Fault.ERROR_BEFORE), pytest.raises(Unavailable):
            await on.adapter.read(Read(on.models["People"]))

        assert len((await on.adapter.read(Read(on.models["People"]))).records) == 2


async def test_one_who_leaves_does_not_end_the_read_of_others(google: Server) -> None:
    async with opened_on(google) as on:
        op = Read(on.models["People"])
        first, second = asyncio.ensure_future(on.adapter.read(op)), asyncio.ensure_future(on.adapter.read(op))
        await asyncio.sleep(0)
        first.cancel()

        assert len((await second).records) == 2


async def test_a_stalled_answer_ends_in_time(google: Server) -> None:
    async with opened_on(google, timeout=1.0) as on:
        begun = time.monotonic()
        with google.faults.planned(Fault.STALLED), pytest.raises(Unavailable):
            await on.adapter.read(Read(on.models["People"]))

        assert time.monotonic() - begun < 2.5


async def test_a_used_up_quota_is_told_with_the_time_to_wait(google: Server) -> None:
    budget = Budgets({})
    async with opened_on(google, budget=budget) as on:
        with google.faults.planned(Fault.BUSY, times=1), pytest.raises(RateLimited) as caught:
            await on.adapter.read(Read(on.models["People"]))

        assert (caught.value.scope, caught.value.retry_after) == ("reads", 60.0)


@pytest.mark.parametrize("offered", [1, 5, 20, 200])
@pytest.mark.parametrize("begin", [0.0, 59.0])
async def test_no_minute_of_google_sees_more_than_its_quota(offered: int, begin: float) -> None:
    """Offer so many reads in each second of ten minutes, on a clock of our own: as the limiter lets them through."""
    declared = rates(SheetsSettings.model_validate({"credentials": "x", "spreadsheets": {"a": "x" * 30}}))["reads"]
    now, burst = begin, declared.burst or declared.number
    full = begin
    minutes: dict[int, int] = {}
    every = declared.per / declared.number
    while now < begin + 600:
        for _ in range(offered):
            if max(full, now) + every - burst * every <= now + 1e-9:
                full = max(full, now) + every
                minutes[int(now // 60)] = minutes.get(int(now // 60), 0) + 1
        now += 1.0

    assert max(minutes.values()) <= 60


async def test_reads_beyond_the_quota_wait_or_are_refused_and_google_refuses_none() -> None:
    ticks = [0.0]
    with standin({"People": PEOPLE}, per_minute=60, clock=lambda: 1_000_000 + ticks[0]) as server:
        declared = rates(SheetsSettings.model_validate(settings_for(server)))
        async with opened_on(server, budget=Budgets(declared, lambda: ticks[0])) as on:
            answered, refused = 0, 0
            for _ in range(200):
                ticks[0] += 0.3
                try:
                    async with asyncio.timeout(0.02 if answered else 5):
                        page = await on.adapter.read(Read(on.models["People"]))
                    assert len(page.records) == 2
                    answered += 1
                except TimeoutError:
                    refused += 1

            assert server.service.refused == 0
            assert answered + refused == 200
            assert answered > 30


async def test_a_large_sheet_is_filtered_and_sorted_off_the_event_loop(capsys: Any) -> None:
    table: list[list[object]] = [[f"c{at}" for at in range(20)]]
    table += [[row * 7919 % LARGE, f"name {row % 97}", *range(row, row + 18)] for row in range(LARGE)]
    with standin({"Large": table}) as server:
        async with opened_on(server, freshness=600) as on:
            where = Condition(Path("c1"), Op.EQ, "name 5")
            op = Read(
                on.models["Large"], where=where, order=(Order(Path("c0"), descending=True),),
                window=Slice(0, 25), count=Counting.EXACT,
            )  # fmt: skip
            tracemalloc.start()
            times = []
            for _ in range(2):
                begun = time.monotonic()
                page = await on.adapter.read(op)
                times.append(time.monotonic() - begun)
            kept, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()

    assert page.total == len(range(5, LARGE, 97))
    found = [str(each["c0"]).zfill(6) for each in page.records]
    assert found == sorted(found, reverse=True)
    with capsys.disabled():
        print(f"\n{LARGE} x 20: first {times[0]:.2f} s, again {times[1]:.3f} s, {kept / 1e6:.0f} MB kept")
