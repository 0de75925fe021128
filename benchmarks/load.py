"""The load generator, in a process of its own: keeps connections busy with prepared requests and times each answer.

    python -m benchmarks.load < job > result

A job is bounded by time. Requests go out in turn; the next one of a connection when the answer to the last is
complete. The parser of the answers is llhttp, as in the servers, so that the generator is no slower than they are.
"""

import asyncio
import json
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import Any, Final

import httptools
import uvloop

_PATIENCE: Final = 10.0  # seconds for the last answers to arrive


@dataclass(frozen=True, slots=True)
class Job:
    """What to do. The requests are complete, as Latin-1 text so that a job is JSON."""

    port: int
    requests: list[str]
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """What happened, times in seconds. `statuses` counts answers by status."""

    requests: int
    seconds: float
    p50: float
    p99: float
    statuses: dict[str, int]


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self._sent = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the answer; send the next request, or stop."""
        self._run.answered(self._parser.get_status_code(), time.perf_counter() - self._sent)
        self._parser = httptools.HttpResponseParser(self)
        if self._run.open():
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the run that this connection is over."""
        self._run.ended()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._run.requests))


class Run:
    """All connections of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.requests: Iterator[bytes] = cycle([text.encode("latin-1") for text in job.requests])
        self._times = array("d")
        self._statuses: Counter[int] = Counter()
        self._until = 0.0
        self._left = job.connections
        self._done = asyncio.Event()

    def open(self) -> bool:
        """Tell whether there is time for another request."""
        return time.perf_counter() < self._until

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer."""
        self._statuses[status] += 1
        self._times.append(seconds)

    def ended(self) -> None:
        """Count a connection that is closed."""
        self._left -= 1
        if self._left == 0:
            self._done.set()

    async def result(self) -> Result:
        """Open the connections and wait until all of them are over."""
        loop = asyncio.get_running_loop()
        begun = time.perf_counter()
        self._until = begun + self._job.seconds
        for _ in range(self._job.connections):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", self._job.port)
        await asyncio.wait_for(self._done.wait(), self._job.seconds + _PATIENCE)
        took = time.perf_counter() - begun
        times = sorted(self._times)
        statuses = {str(status): number for status, number in self._statuses.items()}
        return Result(len(times), took, _at(times, 0.50), _at(times, 0.99), statuses)


def _at(times: list[float], share: float) -> float:
    return next(islice(times, int(len(times) * share), None), 0.0)


def _main() -> None:
    job = Job(**json.load(sys.stdin))
    print(json.dumps(asdict(uvloop.run(_run(job)))))


async def _run(job: Job) -> Result:
    return await Run(job).result()


if __name__ == "__main__":
    _main()
