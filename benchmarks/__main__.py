"""Run the benchmarks: `python -m benchmarks [--small] [--only get,list25] [--json FILE]`."""

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks import dataset, servers, usage
from benchmarks.agree import must_agree
from benchmarks.measure import Cost, drive, export, typical
from benchmarks.report import Report
from benchmarks.servers import Server
from benchmarks.workloads import EXPORT, Workload, workloads
from tests.support.postgres import PostgresServer, running


def main() -> None:
    """Make the data, start the servers, drive each with each workload in turn, and print what it cost."""
    asked = _arguments()
    size = dataset.SMALL if asked.small else dataset.Size()
    chosen = [each for each in workloads(size) if not asked.only or each.name in asked.only]
    report = Report(asdict(size))
    with running(18) as database, tempfile.TemporaryDirectory(prefix="benchmarks-") as place:
        folder = Path(place)
        _say("making the data")
        url = dataset.create(database, size)
        _over_postgresql(database, url, folder, chosen, report, asked)
        if not asked.only or "sqlite" in asked.only:
            _over_sqlite(database, url, folder, [each for each in workloads(size) if not each.writes], report, asked)
    print(report.as_markdown())
    Path(asked.json).write_text(json.dumps(report.as_json(), indent=1) + "\n")
    _say(f"the same as JSON: {asked.json}")


def _over_postgresql(
    database: PostgresServer,
    url: str,
    folder: Path,
    chosen: Sequence[Workload],
    report: Report,
    asked: argparse.Namespace,
) -> None:
    with ExitStack() as stack:
        bridge = stack.enter_context(servers.bridge(url, folder))
        ceiling = stack.enter_context(servers.ceiling(url, folder))
        third = stack.enter_context(servers.postgrest(url, folder))
        if third is None:
            _say("PostgREST is not installed: it is left out")
        present = [bridge, ceiling] if third is None else [bridge, ceiling, third]
        unaudited = stack.enter_context(servers.bridge_without_audit(url, folder))
        idle = {server.name: usage.resident_bytes(server.pid) for server in present}
        for workload in chosen:
            _say(workload.name)
            driven = [*present, unaudited] if workload.writes else present
            must_agree(workload, driven)
            report.costs += _side_by_side(driven, workload, asked)
            if workload.writes:
                dataset.tidy(database, url)
        if not asked.only or "auth" in asked.only:
            report.costs += _authentication(bridge, workloads(dataset.SMALL)[0], asked)
        report.memory += [(each.name, idle[each.name], usage.resident_bytes(each.pid)) for each in present]
        if not asked.only or "export" in asked.only:
            rows = int(database.psql("select count(*) from shop.orders", url.rpartition("/")[2]))
            report.exports += [export(server, EXPORT, rows) for server in present]


def _over_sqlite(
    database: PostgresServer,
    url: str,
    folder: Path,
    chosen: Sequence[Workload],
    report: Report,
    asked: argparse.Namespace,
) -> None:
    file = folder / "shop.db"
    dataset.copy_to_sqlite(database, url, file)
    with servers.bridge_over_sqlite(file, folder) as server:
        for workload in chosen:
            _say(f"{workload.name}, SQLite")
            report.costs += _side_by_side([server], replace(workload, name=f"{workload.name}, SQLite"), asked)


def _side_by_side(present: Sequence[Server], workload: Workload, asked: argparse.Namespace) -> list[Cost]:
    """Drive the servers in turn, several times over, so that a slow moment of the machine hits all of them."""
    runs: dict[str, list[Cost]] = {server.name: [] for server in present}
    for _ in range(asked.rounds):
        for server in present:
            requests = [request.encoded(server.base, server.headers) for request in workload.requests]
            runs[server.name].append(drive(server, workload.name, requests, workload.connections, asked.seconds))
    return [typical(each) for each in runs.values()]


def _authentication(bridge: Server, gets: Workload, asked: argparse.Namespace) -> list[Cost]:
    """Measure what credentials cost: none at all, and one that was never seen before with each request.

    `get` itself carries one token that is remembered. New tokens run out after a while: the time is theirs.
    """
    _say("credentials")
    anonymous = [request.encoded(bridge.base, {}) for request in gets.requests]
    fresh = [
        request.encoded(bridge.base, {"authorization": f"Bearer {servers.token(f'bearer{number}')}"})
        for number, request in enumerate(list(gets.requests) * 3)
    ]
    return [
        typical([drive(bridge, "get, anonymous", anonymous, 32, asked.seconds) for _ in range(asked.rounds)]),
        drive(bridge, "get, new token each time", fresh, 32, min(1.0, asked.seconds)),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--small", action="store_true", help="a tenth of the data, short runs")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), help="workloads, comma-separated; also: auth, export, sqlite"
    )
    parser.add_argument("--rounds", type=int, help="runs of each workload on each server; the median counts")
    parser.add_argument("--seconds", type=float, help="length of a run")
    parser.add_argument("--json", default="benchmarks/results.json", help="where the figures are written")
    asked = parser.parse_args()
    asked.rounds = asked.rounds or (1 if asked.small else 3)
    asked.seconds = asked.seconds or (1.5 if asked.small else 3.0)
    return asked


def _say(text: str) -> None:
    print(f"... {text}", flush=True)


if __name__ == "__main__":
    main()
