"""Drive one server with one workload and say what it cost."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import usage
from benchmarks.load import Job, Result
from benchmarks.servers import Server
from benchmarks.workloads import Request

_ROOT: Final = Path(__file__).parent.parent
_WARM_UP: Final = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """What one server took for one workload: processor microseconds per request are the main figure."""

    server: str
    workload: str
    microseconds: float
    per_second: float
    p50: float  # milliseconds
    p99: float


def drive(server: Server, name: str, requests: Sequence[bytes], connections: int, seconds: float) -> Cost:
    """Load a server for some seconds after a warm-up; any answer that is no success ends the run."""
    texts = [request.decode("latin-1") for request in requests]
    _generated(Job(server.port, texts, connections, _WARM_UP))
    before = usage.processor_seconds(server.pid)
    half = len(texts) // 2  # the run begins elsewhere than the warm-up
    result = _generated(Job(server.port, texts[half:] + texts[:half], connections, seconds))
    used = usage.processor_seconds(server.pid) - before
    failed = {status: number for status, number in result.statuses.items() if not status.startswith("2")}
    if failed or not result.requests:
        raise SystemExit(f"{name}: {server.name} answered {failed or 'nothing'}")
    return Cost(
        server.name,
        name,
        used / result.requests * 1e6,
        result.requests / result.seconds,
        result.p50 * 1e3,
        result.p99 * 1e3,
    )


def typical(costs: Sequence[Cost]) -> Cost:
    """Return the median of several runs, figure by figure."""
    figures: dict[str, Any] = {
        name: median(getattr(cost, name) for cost in costs) for name in ("microseconds", "per_second", "p50", "p99")
    }
    return Cost(costs[0].server, costs[0].workload, **figures)


@dataclass(frozen=True, slots=True)
class Exported:
    """What reading a whole table took; `added` is the most memory beyond what the server had before, in bytes."""

    server: str
    rows_per_second: float
    microseconds_per_row: float
    first_byte: float  # milliseconds
    added: int


def export(server: Server, request: Request, rows: int) -> Exported:
    """Read all rows over one connection and count them."""
    job = {"port": server.port, "request": request.encoded(server.base, server.headers).decode("latin-1")}
    _module("benchmarks.download", job)  # a warm-up
    usage.forget_peak(server.pid)
    memory, before = usage.resident_bytes(server.pid), usage.processor_seconds(server.pid)
    found = _module("benchmarks.download", job)
    used = usage.processor_seconds(server.pid) - before
    if found["rows"] != rows:
        raise SystemExit(f"export: {server.name} gave {found['rows']} rows of {rows}")
    added = max(0, usage.peak_bytes(server.pid) - memory)
    return Exported(server.name, rows / found["seconds"], used / rows * 1e6, found["first_byte"] * 1e3, added)


def _generated(job: Job) -> Result:
    return Result(**_module("benchmarks.load", asdict(job)))


def _module(name: str, job: Mapping[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", name], cwd=_ROOT, input=json.dumps(job), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
