"""Commands run as processes, in a world where the adapter of `fakes` is installed like any other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from bridge_core.cli import control, service

ROOT = Path(__file__).parents[2]
WITHIN = 20.0  # seconds


@dataclass(frozen=True)
class Commands:
    """The commands of this project, run in a folder of their own."""

    folder: Path

    def configure(self, text: str) -> Path:
        """Write plugins.toml."""
        path = self.folder / "plugins.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, name: str, *words: str) -> Result:
        """Run a command to its end, within this process."""
        return CliRunner().invoke({"bridge-serve": service, "bridgectl": control}[name], words)

    def spawn(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, as a process of its own."""
        return subprocess.run(
            self._line(name, *words),
            env=self._environ(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )

    @contextmanager
    def serving(self, *words: str) -> Iterator["Server"]:
        """Run bridge-serve until the end of the block, if it has not ended by then."""
        with (self.folder / "log").open("w", encoding="utf-8") as log:
            line = self._line("bridge-serve", *words)
            process = subprocess.Popen(line, env=self._environ(), cwd=self.folder, stdout=log, stderr=log)
        try:
            yield Server(process, self.folder / "log")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(WITHIN)

    def _line(self, name: str, *words: str) -> list[str]:
        entry = {"bridge-serve": "serve", "bridgectl": "main"}[name]
        return [sys.executable, "-c", f"from bridge_core.cli import {entry}; {entry}()", *words]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": os.pathsep.join((str(self.folder), str(ROOT))), "COLUMNS": "200"}


@dataclass(frozen=True)
class Server:
    """A bridge-serve that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Return what it has logged."""
        return self.log.read_text(encoding="utf-8")

    def url(self) -> str:
        """Wait until it listens and answers, and return where."""
        with httpx.Client() as client:
            while self.process.poll() is None:
                words = self.said().split()
                found = next((word for word in words if word.startswith("http://")), None)
                try:
                    if found and client.get(f"{found}healthz").status_code == 200:
                        return found
                except httpx.TransportError:
                    pass
                time.sleep(0.02)
        raise AssertionError(f"it ended with {self.process.returncode}:\n{self.said()}")


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Give a test a folder in which commands find the adapter `city`."""
    distribution = tmp_path / "city-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: city\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[bridge.adapters]\ncity = tests.support.fakes:city\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path)
