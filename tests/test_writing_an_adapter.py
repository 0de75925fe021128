"""What the page on writing an adapter shows is run as it stands; the reference of the contract is that of the code."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

from tests.support.contract import PAGE as CONTRACT
from tests.support.contract import reference

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "writing-an-adapter.md").read_text(encoding="utf-8")
MOST_LINES = 60


def blocks(name: str) -> list[str]:
    """Return the blocks of the page that are a file of this name, or a part of one."""
    return re.findall(rf"^```\w+ {re.escape(name)}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


READING, WRITING = blocks("bookshop.py")
LAST = READING.rstrip("\n").rpartition("\n")[2]


def ran(folder: Path, adapter: str) -> str:
    """Run the test of the page on an adapter and return what it says."""
    service = (files("bridge_core.new_adapter") / "template" / "tests" / "service.py.in").read_text(encoding="utf-8")
    texts = {"bookshop.py": adapter, "test_bookshop.py": blocks("test_bookshop.py")[0], "service.py": service}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, "test_bookshop.py"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_adapter_of_the_page_keeps_its_promises(tmp_path: Path) -> None:
    said = ran(tmp_path, READING)

    assert "L1 records: 5 held" in said
    assert "L2 filters: 5 held" in said
    assert "L4 writes: 20 not run" in said
    assert "L5 faults: 4 held" in said


def test_it_grows_to_writes(tmp_path: Path) -> None:
    said = ran(tmp_path, READING.replace(LAST, WRITING))

    assert "L4 writes: 5 held" in said
    assert "L5 faults: 6 held" in said


def test_the_adapter_is_as_short_as_promised() -> None:
    assert len([line for line in READING.splitlines() if line.strip()]) <= MOST_LINES
    assert not [line for line in (READING + WRITING).splitlines() if len(line) > 120]


def test_the_page_names_what_there_is() -> None:
    namespace: dict[str, object] = {}
    exec(compile(READING, "bookshop.py", "exec"), namespace)  # the page is ours
    settings = tomllib.loads(blocks("plugins.toml")[0])["resources"]["shop"]
    project = tomllib.loads(blocks("pyproject.toml")[0])["project"]

    assert project["entry-points"]["bridge.adapters"] == {settings["adapter"]: "bookshop:bookshop"}
    assert set(settings) == {"adapter", *namespace["Settings"].model_fields}  # type: ignore[attr-defined]  # as shown
    assert namespace["bookshop"].name == settings["adapter"]  # type: ignore[attr-defined]  # as shown


def test_the_reference_of_the_contract_is_that_of_the_code() -> None:
    assert CONTRACT.read_text(encoding="utf-8") == reference(), "python -m tests.support.contract writes it anew"
