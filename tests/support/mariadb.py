"""Start a real MariaDB for tests where `mariadbd` is installed; skip, with the reason, where it is not."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.support.postgres import PASSWORD, START_WITHIN, USER, dying_with_us, free_port, give_away

PLACES: Final = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", os.environ.get("PATH", "")))


@dataclass
class MariaDbServer:
    """One running server; `database()` gives each test an empty database of its own."""

    directory: Path
    port: int
    client: str
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def sql(self, script: str, database: str = "") -> str:
        """Run SQL as the superuser and return what it prints."""
        socket = self.directory / "socket"
        done = subprocess.run(
            [self.client, "--no-defaults", f"--socket={socket}", "--user=root", "--skip-column-names", database],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"the client of MariaDB failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def database(self, script: str = "") -> str:
        """Create a database, run SQL in it, and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.sql(f"create database {name} character set utf8mb4; grant all on {name}.* to '{USER}'@'%';")
        if script:
            self.sql(script, name)
        return self.url(name)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    """A server, shared by the session; the test is skipped where MariaDB is not installed."""
    wanted = ("mariadbd", "mariadb-install-db", "mariadb")
    found = {name: shutil.which(name, path=PLACES) for name in wanted}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        pytest.skip(f"MariaDB is not installed ({', '.join(missing)} not found): apt install mariadb-server-core")
    with _running(*(str(found[name]) for name in wanted)) as server:
        yield server


@contextmanager
def _running(daemon: str, installer: str, client: str) -> Iterator[MariaDbServer]:
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder:
        directory = Path(folder)
        give_away(directory)
        server = MariaDbServer(directory, free_port(), client)
        user = ("--user=nobody",) if os.geteuid() == 0 else ()
        options = (f"--datadir={directory}/data", "--auth-root-authentication-method=normal", *user)
        subprocess.run([installer, "--no-defaults", *options], check=True, capture_output=True)
        process = _started(daemon, server, user)
        try:
            _await_ready(server, process)
            server.sql(f"create user '{USER}'@'%' identified by '{PASSWORD}';")
            yield server
        finally:
            process.terminate()
            process.wait(timeout=START_WITHIN)


def _started(daemon: str, server: MariaDbServer, user: tuple[str, ...]) -> subprocess.Popen[bytes]:
    home = server.directory
    options = (f"--datadir={home}/data", f"--socket={home}/socket", f"--pid-file={home}/pid", f"--log-error={home}/log")
    network = (
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        f"--port={server.port}",
        "--innodb-flush-log-at-trx-commit=0",
    )
    return subprocess.Popen([*dying_with_us(), daemon, "--no-defaults", *options, *network, *user])


def _await_ready(server: MariaDbServer, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            server.sql("select 1")
        except AssertionError:
            time.sleep(0.05)
        else:
            return
    log = server.directory / "log"
    raise AssertionError(f"MariaDB did not start:\n{log.read_text() if log.exists() else ''}")
