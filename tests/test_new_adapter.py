"""`bridgectl new-adapter` writes an adapter that installs, keeps its promises, and serves."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bridge_core.cli import WRONG
from bridge_core.errors import ConfigurationError
from bridge_core.new_adapter import names_of, write
from tests.support.installed import Commands, Server

ROOT = Path(__file__).parents[1]
CONFIG = """
[server]
port = 0
[auth]
secret = "n3Xq-7_vbR2kd84mZ0ptWcYyLh5sGaJf"
[roles.reader.shop.books]
read = true
"""
THREE_LINES = """
[resources.shop]
adapter = "acme-books"
url = "{url}"
"""
WITHIN = 120.0  # seconds


def run(*words: str | Path, folder: Path | None = None) -> str:
    """Run a command to its good end and return what it says."""
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, check=False, timeout=WITHIN
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a new adapter, and the Python of a fresh environment where it is installed beside the core."""
    folder = tmp_path_factory.mktemp("new") / "bridge-acme-books"
    write("acme-books", folder)
    home = folder.parent / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", home)
    python = home / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    beside = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n{ROOT}\n"
    (packages / "beside.pth").write_text(beside)  # what is installed here is there as well: nothing is downloaded
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", folder)
    return folder, python


@pytest.fixture
def service(installed: tuple[Path, Path]) -> Iterator[str]:
    """The address of the book shop that the new adapter's tests bring along."""
    folder, python = installed
    process = subprocess.Popen([python, "tests/service.py"], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        yield process.stdout.readline().strip()
    process.kill()
    process.wait()


def test_the_tests_of_a_new_adapter_pass_as_they_come(installed: tuple[Path, Path]) -> None:
    folder, python = installed

    said = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=folder)

    assert "L4 writes: 5 held" in said
    assert "L5 faults: 6 held" in said


def test_three_lines_enable_a_new_adapter(installed: tuple[Path, Path], service: str, tmp_path: Path) -> None:
    _, python = installed
    (tmp_path / "plugins.toml").write_text(CONFIG + THREE_LINES.format(url=service) + 'token = "open-sesame"\n')
    bearer = run(python, "-m", "bridge_core.cli", "token", "--role", "reader", folder=tmp_path).strip()
    with (tmp_path / "log").open("w") as log:
        line = [str(python), "-c", "from bridge_core.cli import serve; serve()"]
        process = subprocess.Popen(line, cwd=tmp_path, stdout=log, stderr=log)
    try:
        url = f"{Server(process, tmp_path / 'log').url()}rest/shop/books"
        with httpx.Client(headers={"authorization": f"Bearer {bearer}"}) as client:
            read = client.get(url, params={"author": "eq.Ada", "price": "gte.30", "order": "price.desc", "limit": 2})
            counted = client.get(url, params={"limit": 1}, headers={"prefer": "count=exact"})
    finally:
        process.terminate()
        process.wait(WITHIN)

    assert read.status_code == 200, read.text
    assert [(book["author"], book["title"]) for book in read.json()] == [("Ada", "Book 120"), ("Ada", "Book 116")]
    assert b'"price":60.00' in read.content
    assert counted.headers["content-range"] == "0-0/120"


def test_nothing_is_overwritten(commands: Commands) -> None:
    first = commands.run("bridgectl", "new-adapter", "acme")
    second = commands.run("bridgectl", "new-adapter", "acme")

    assert (first.exit_code, second.exit_code) == (0, WRONG)
    assert "bridge-acme/bridge_acme/adapter.py" in first.stdout
    assert "bridge-acme is there already" in second.stderr


def test_no_place_of_a_template_stays_empty(tmp_path: Path) -> None:
    for path in write("acme-crm", tmp_path / "new"):
        text = path.read_text()

        assert not [place for place in names_of("x") if place in text or place in str(path)], path
        if path.suffix == ".py":
            compile(text, str(path), "exec")


@pytest.mark.parametrize("name", ["", "Acme", "acme_crm", "1st", "class", "../up", "a--b", "stripe", "sqlite"])
def test_a_name_must_be_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        write(name, tmp_path / "new")

    assert not (tmp_path / "new").exists()
