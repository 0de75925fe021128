"""What is asked of the servers: the requests of each workload, the same for all of them, from a fixed seed."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.dataset import OPEN_STATES, Size

REQUESTS: Final = 4_000  # different requests of one workload; they are repeated in turn
_CREATE: Final = {"content-type": "application/json", "prefer": "return=representation"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request without its server. `kind` tells a handler that knows nothing else what is meant."""

    kind: str
    query: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encoded(self, base: str, more: Mapping[str, str]) -> bytes:
        """Return the bytes that go over the wire to a server with this base path."""
        length = {"content-length": str(len(self.body))} if self.body else {}
        headers = {"host": "127.0.0.1", **dict(self.headers), **more, **length}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        path = f"{base.format(kind=self.kind)}/orders?{self.query}"
        return f"{self.method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one sort. `varying` are fields that no two servers can answer alike."""

    name: str
    requests: Sequence[Request]
    connections: int = 32
    varying: frozenset[str] = frozenset()
    writes: bool = False


_Make = Callable[[random.Random, Size], Request]


def _get(dice: random.Random, size: Size) -> Request:
    return Request("get", f"id=eq.{dice.randint(1, size.orders)}")


def _list25(dice: random.Random, size: Size) -> Request:
    state = dice.choice(OPEN_STATES).replace(" ", "%20")
    return Request("list25", f"status=eq.{state}&order=created_at.desc&limit=25")


def _list25_counted(dice: random.Random, size: Size) -> Request:
    return Request("list25count", _list25(dice, size).query, headers=(("prefer", "count=exact"),))


def _list1000(dice: random.Random, size: Size) -> Request:
    return Request("list1000", f"id=gt.{dice.randint(0, size.orders - 1_000)}&order=id.asc&limit=1000")


def _insert(dice: random.Random, size: Size) -> Request:
    record = {
        "customer_id": dice.randint(1, size.customers),
        "status": "new",
        "total": dice.randint(100, 99_999) / 100,
        "currency": "EUR",
        "note": "Ring twice",
        "meta": {"channel": "web", "weight": dice.randint(0, 50), "tags": ["a", "b"]},
        "is_paid": dice.random() < 0.5,
        "created_at": "2022-12-01T10:00:00+00:00",
        "updated_at": "2022-12-01T10:00:00+00:00",
    }
    return Request("insert", "select=*", "POST", tuple(_CREATE.items()), json.dumps(record).encode())


def _update(dice: random.Random, size: Size) -> Request:
    change = {"note": f"Call {dice.randint(100, 999)}", "total": dice.randint(100, 99_999) / 100}
    query = f"id=eq.{dice.randint(1, size.orders)}"
    return Request("update", query, "PATCH", tuple(_CREATE.items()), json.dumps(change).encode())


_MIXED: Final = (_get,) * 10 + (_list25,) * 8 + (_insert,) + (_update,)


def _mixed(dice: random.Random, size: Size) -> Request:
    return dice.choice(_MIXED)(dice, size)


def workloads(size: Size) -> Sequence[Workload]:
    """Return the workloads in the order in which they run: those that write come last."""

    def made(make: _Make) -> Sequence[Request]:
        dice = random.Random(7)
        return [make(dice, size) for _ in range(REQUESTS)]

    return (
        Workload("get", made(_get)),
        Workload("list25", made(_list25)),
        Workload("list25count", made(_list25_counted)),
        Workload("list1000", made(_list1000)),
        Workload("insert", made(_insert), varying=frozenset({"id"}), writes=True),
        Workload("update", made(_update), writes=True),
        Workload("mixed", made(_mixed), connections=64, varying=frozenset({"id"}), writes=True),
    )


EXPORT: Final = Request("export", "select=*")
