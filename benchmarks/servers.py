"""The servers under test, each in a process of its own on loopback, with one worker."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from pydantic import SecretStr

from bridge_core.auth.data_tokens import DataTokens
from bridge_core.auth.settings import AuthSettings
from tests.support.postgres import dying_with_us, free_port

_START_WITHIN: Final = 30.0
_SECRET: Final = "qT3vXw8ZrK1mN5pB7sD9fG2hJ4kL6aYc"  # of servers that live for minutes, on loopback
_ROLE: Final = "bench"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, how its paths begin (`{kind}`: of the request), what it must be told."""

    name: str
    pid: int
    port: int
    base: str
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def bridge(url: str, folder: Path) -> Iterator[Server]:
    """Start `bridge-serve` over PostgreSQL; callers carry a data token with a role, which may do everything."""
    resource = f'adapter = "postgresql"\nurl = "{url}"\nschemas = ["shop"]\n'
    with _bridge("bridge", resource, folder) as server:
        yield server


@contextmanager
def bridge_without_audit(url: str, folder: Path) -> Iterator[Server]:
    """Start `bridge-serve` without the trail of writes, to see what that costs."""
    resource = f'adapter = "postgresql"\nurl = "{url}"\nschemas = ["shop"]\n'
    with _bridge("no audit", resource, folder, auth="[auth.audit]\nenabled = false\n") as server:
        yield server


@contextmanager
def bridge_over_sqlite(file: Path, folder: Path) -> Iterator[Server]:
    """Start `bridge-serve` over an SQLite file."""
    with _bridge("SQLite", f'adapter = "sqlite"\npath = "{file}"\n', folder) as server:
        yield server


@contextmanager
def ceiling(url: str, folder: Path) -> Iterator[Server]:
    """Start the hand-written handler."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.ceiling", url, str(port)]
    with _running(command, port, "/get/orders?id=eq.1", {}, folder / "ceiling.log") as pid:
        yield Server("ceiling", pid, port, "/{kind}")


@contextmanager
def postgrest(url: str, folder: Path) -> Iterator[Server | None]:
    """Start PostgREST, where it is installed."""
    binary = shutil.which("postgrest")
    if binary is None:
        yield None
        return
    port = free_port()
    settings = {
        "PGRST_DB_URI": url,
        "PGRST_DB_SCHEMAS": "shop",
        "PGRST_DB_ANON_ROLE": url.partition("://")[2].partition(":")[0],
        "PGRST_DB_POOL": "20",
        "PGRST_SERVER_HOST": "127.0.0.1",
        "PGRST_SERVER_PORT": str(port),
        "PGRST_LOG_LEVEL": "crit",
    }
    with _running([binary], port, "/orders?limit=1", settings, folder / "postgrest.log") as pid:
        yield Server("PostgREST", pid, port, "")


def token(subject: str = "bench") -> str:
    """Return a fresh data token that the bridge takes."""
    settings = AuthSettings(secret=SecretStr(_SECRET))
    return DataTokens(settings, time.time).issue(subject, roles=(_ROLE,))


@contextmanager
def _bridge(name: str, resource: str, folder: Path, auth: str = "") -> Iterator[Server]:
    port = free_port()
    file = folder / f"{port}.toml"
    file.touch(mode=0o600)
    rights = "read = true\ncreate = true\nupdate = true\n"
    file.write_text(
        f'[server]\nport = {port}\n\n[store]\nurl = "sqlite:///{folder}/{port}.db"\n\n[auth]\nsecret = "{_SECRET}"\n'
        f'anonymous_roles = ["anyone"]\n{auth}\n[resources.shop]\n{resource}\n'
        f"[roles.{_ROLE}.shop.orders]\n{rights}\n[roles.anyone.shop.orders]\nread = true\n"
    )
    command = [str(Path(sys.executable).with_name("bridge-serve")), str(file)]
    with _running(command, port, "/rest/shop/orders?limit=1", {}, folder / f"{port}.log") as pid:
        yield Server(name, pid, port, "/rest/shop", {"authorization": f"Bearer {token()}"})


@contextmanager
def _running(command: list[str], port: int, probe: str, settings: Mapping[str, str], log: Path) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*dying_with_us(), *command], env={**os.environ, **settings}, stdout=output, stderr=output
        )
        try:
            _await_answer(process, f"http://127.0.0.1:{port}{probe}", log)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_answer(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(Request(url), timeout=5) as answer:
                answer.read()
                return
        except ConnectionRefusedError:
            pass
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                raise SystemExit(f"{url}: {error}\n{log.read_text()}") from error
        time.sleep(0.05)
    raise SystemExit(f"{url} did not answer:\n{log.read_text()}")
