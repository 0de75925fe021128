"""Blocking calls run beside the event loop: a bounded number of them, whoever leaves and whatever hangs."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge_core.upstream import Threads

pytestmark = pytest.mark.anyio

HERE: contextvars.ContextVar[str] = contextvars.ContextVar("here")


class Sdk:
    """Calls that block until they are let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun: list[int] = []
        self.under_way = 0
        self.most = 0
        self._lock = threading.Lock()

    def call(self, number: int) -> int:
        with self._lock:
            self.begun.append(number)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.let_go.wait(10)
        with self._lock:
            self.under_way -= 1
        return number

    async def until(self, begun: int) -> None:
        async with asyncio.timeout(5):
            while len(self.begun) < begun:
                await asyncio.sleep(0.001)


@contextmanager
def hanging() -> Iterator[Sdk]:
    sdk = Sdk()
    try:
        yield sdk
    finally:
        sdk.let_go.set()


async def test_calls_return_what_they_return_and_raise_what_they_raise() -> None:
    threads = Threads(2)

    with pytest.raises(ZeroDivisionError):
        await threads(divmod, 1, 0)

    assert await threads(divmod, 7, 2) == (3, 1)


async def test_a_call_sees_the_context_of_its_caller() -> None:
    HERE.set("caller")

    assert await Threads(1)(HERE.get) == "caller"


async def test_so_many_run_at_once_and_the_others_wait() -> None:
    with hanging() as sdk:
        threads = Threads(3)
        tasks = [asyncio.create_task(threads(sdk.call, number)) for number in range(10)]
        await sdk.until(3)
        sdk.let_go.set()

        assert await asyncio.gather(*tasks) == list(range(10))
        assert sdk.most == 3


async def test_a_call_that_hangs_keeps_its_thread_when_its_caller_leaves() -> None:
    with hanging() as sdk:
        threads = Threads(2)
        for _ in range(5):
            tasks = [asyncio.create_task(threads(sdk.call, number)) for number in range(2)]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        assert len(sdk.begun) == 2
        sdk.let_go.set()
        async with asyncio.timeout(5):
            assert list(await asyncio.gather(threads(sdk.call, 7), threads(sdk.call, 8))) == [7, 8]


async def test_a_call_whose_caller_left_before_it_began_is_never_run() -> None:
    with hanging() as sdk:
        threads = Threads(1)
        first = asyncio.create_task(threads(sdk.call, 1))
        await sdk.until(1)
        second = asyncio.create_task(threads(sdk.call, 2))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        sdk.let_go.set()

        assert await first == 1
        assert await threads(sdk.call, 3) == 3
        assert sdk.begun == [1, 3]


async def test_threads_of_one_resource_are_no_threads_of_another() -> None:
    with hanging() as sdk:
        stuck, free = Threads(1), Threads(1)
        waiting = [asyncio.create_task(stuck(sdk.call, number)) for number in range(50)]
        await sdk.until(1)

        async with asyncio.timeout(5):
            assert await free(divmod, 7, 2) == (3, 1)

        sdk.let_go.set()
        await asyncio.gather(*waiting)


async def test_a_caller_who_leaves_at_any_moment_loses_no_thread() -> None:
    threads = Threads(1)
    for steps in range(6):
        task = asyncio.create_task(threads(divmod, 7, 2))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with asyncio.timeout(5):
        assert await threads(divmod, 7, 2) == (3, 1)
