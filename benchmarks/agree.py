"""Whether servers answer the same JSON to the same requests: a benchmark of different answers would mean nothing."""

import http.client
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from benchmarks.servers import Server
from benchmarks.workloads import Request, Workload

_COMPARED: Final = 6  # requests per workload


def must_agree(workload: Workload, servers: Sequence[Server]) -> None:
    """Ask every server the first requests, and stop with the difference if two answers differ in a value."""
    for request in workload.requests[:_COMPARED]:
        answers = [_without(workload.varying, answer(server, request)) for server in servers]
        for server, found in zip(servers[1:], answers[1:], strict=True):
            if found != answers[0]:
                raise SystemExit(
                    f"{workload.name}: {servers[0].name} and {server.name} differ on {request.query}\n"
                    f"{_shown(answers[0])}\n{_shown(found)}"
                )


def answer(server: Server, request: Request) -> Any:
    """Return the decoded body of one answer; numbers keep their digits."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    path = f"{server.base.format(kind=request.kind)}/orders?{request.query}"
    headers = {**dict(request.headers), **server.headers}
    try:
        connection.request(request.method, path, request.body or None, headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if not 200 <= response.status < 300:
        raise SystemExit(f"{server.name} answers {response.status} to {request.method} {path}: {body[:500]!r}")
    return json.loads(body, parse_float=Decimal)


def _without(names: frozenset[str], records: Any) -> Any:
    return [{name: value for name, value in record.items() if name not in names} for record in records]


def _shown(found: Any) -> str:
    return str(found)[:600]
