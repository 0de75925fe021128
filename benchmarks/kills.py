"""Kill the server again and again while clients send keyed writes until each is answered; then count.

Run it as `python -m benchmarks.kills [--writes 2000] [--kills 20] [--on postgresql,sqlite] [--unkeyed]`; without keys
it shows what they are good for.
"""

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.support.postgres import PostgresServer, dying_with_us, free_port, running

_CLIENTS: Final = 16
_GIVE_UP: Final = 120.0  # seconds for one write
_TABLE: Final = "create table things (id integer primary key {serial}, ref integer not null)"
_CONFIG: Final = """
[server]
port = {port}
deadline = 5.0
[store]
url = "sqlite:///{folder}/store.db"
[auth]
anonymous_roles = ["anyone"]
[resources.shop]
{resource}
[roles.anyone.shop.things]
read = true
create = true
"""


@dataclass
class Tally:
    """What the clients saw, and what is there in the end."""

    answered: dict[int, int] = field(default_factory=dict)  # ref -> id
    replayed: int = 0
    kills: int = 0
    tries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    lost: int = 0
    doubled: int = 0
    otherwise: int = 0  # answered with another id than that which is there

    def compare(self, rows: Sequence[tuple[int, int]], writes: int) -> None:
        """Compare what was answered with the rows (ref, id) that are there."""
        there = Counter(ref for ref, _ in rows)
        self.lost = sum(there[ref] == 0 for ref in range(writes))
        self.doubled = sum(number > 1 for number in there.values())
        self.otherwise = len(set(self.answered.items()) - set(rows))

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{len(self.answered)} answered of {self.tries} tries, {self.kills} kills, {self.replayed} replayed, "
            f"{self.lost} lost, {self.doubled} doubled, {self.otherwise} answered otherwise, "
            f"refused meanwhile: {dict(self.refused)}, {self.seconds:.1f} s"
        )


class Victim:
    """A server that is killed and started again."""

    def __init__(self, folder: Path, resource: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._file = folder / "plugins.toml"
        self._file.touch(mode=0o600)
        self._file.write_text(_CONFIG.format(port=self.port, folder=folder, resource=resource))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server."""
        command = [str(Path(sys.executable).with_name("bridge-serve")), str(self._file)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*dying_with_us(), *command], env=os.environ, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill it as if the power went."""
        assert self._process is not None  # it was started
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


async def ordeal(folder: Path, resource: str, writes: int, kills: int, *, keyed: bool = True) -> Tally:
    """Run clients against a server that dies so often, until every write is answered."""
    victim, tally = Victim(folder, resource), Tally()
    victim.start()
    begun = time.monotonic()
    try:
        limits = httpx.Limits(max_connections=_CLIENTS)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{victim.port}", limits=limits) as client:
            numbers = iter(range(writes))
            clients = [asyncio.create_task(_client(client, numbers, tally, keyed=keyed)) for _ in range(_CLIENTS)]
            killer = asyncio.create_task(_killer(victim, tally, writes, kills, random.Random(1)))
            try:
                await asyncio.gather(*clients)
            finally:
                killer.cancel()
    finally:
        victim.kill()
    tally.seconds = time.monotonic() - begun
    return tally


async def _killer(victim: Victim, tally: Tally, writes: int, kills: int, chance: random.Random) -> None:
    """Kill when the clients have come a little further, at a moment of chance."""
    for number in range(1, kills + 1):
        while len(tally.answered) < writes * number / (kills + 1):  # noqa: ASYNC110 - a tally is no event
            await asyncio.sleep(0.005)
        await asyncio.sleep(chance.random() * 0.05)
        await asyncio.to_thread(victim.kill)
        tally.kills += 1
        victim.start()


async def _client(client: httpx.AsyncClient, numbers: Iterator[int], tally: Tally, *, keyed: bool) -> None:
    for ref in numbers:
        headers = {"prefer": "return=representation"} | ({"idempotency-key": uuid.uuid4().hex} if keyed else {})
        until = time.monotonic() + _GIVE_UP
        while time.monotonic() < until:
            tally.tries += 1
            try:
                answer = await client.post("/rest/shop/things", json={"ref": ref}, headers=headers, timeout=10)
            except httpx.TransportError as failure:
                tally.refused[type(failure).__name__] += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 201:
                tally.replayed += answer.headers.get("idempotent-replayed") == "true"
                tally.answered[ref] = answer.json()[0]["id"]
                break
            tally.refused[f"{answer.status_code} {answer.json()['code']}"] += 1
            await asyncio.sleep(0.05)


@contextmanager
def over_postgresql(server: PostgresServer) -> Iterator[tuple[str, Callable[[], list[tuple[int, int]]]]]:
    """Make the table; yield how the resource is configured, and what reads it."""
    url = server.database(_TABLE.format(serial="generated always as identity"))

    def rows() -> list[tuple[int, int]]:
        lines = server.psql("select ref, id from things", url.rpartition("/")[2]).splitlines()
        return [(int(ref), int(key)) for ref, key in (line.split("|") for line in lines)]

    yield f'adapter = "postgresql"\nurl = "{url}"', rows


@contextmanager
def over_sqlite(folder: Path) -> Iterator[tuple[str, Callable[[], list[tuple[int, int]]]]]:
    """Make the table; yield how the resource is configured, and what reads it."""
    path = folder / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_TABLE.format(serial=""))

    def rows() -> list[tuple[int, int]]:
        with closing(sqlite3.connect(path)) as connection:
            return list(connection.execute("select ref, id from things"))

    yield f'adapter = "sqlite"\npath = "{path}"\nledger = true', rows


def main() -> None:
    """Run the ordeal on each kind of database and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--on", default="postgresql,sqlite")
    parser.add_argument("--unkeyed", action="store_true")
    asked = parser.parse_args()
    keyed = not asked.unkeyed
    for kind in asked.on.split(","):
        with tempfile.TemporaryDirectory(prefix="kills-") as place:
            folder = Path(place)
            if kind == "postgresql":
                with running(18) as server, over_postgresql(server) as (resource, rows):
                    tally = asyncio.run(ordeal(folder, resource, asked.writes, asked.kills, keyed=keyed))
                    tally.compare(rows(), asked.writes)
            else:
                with over_sqlite(folder) as (resource, rows):
                    tally = asyncio.run(ordeal(folder, resource, asked.writes, asked.kills, keyed=keyed))
                    tally.compare(rows(), asked.writes)
            print(f"{kind}: {tally}", flush=True)


if __name__ == "__main__":
    main()
