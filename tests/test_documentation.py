"""What the documentation shows is true: examples parse, commands exist, keys are all there."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from bridge_core.cli import control
from bridge_core.config import load
from bridge_core.registry import installed, openers
from bridge_core.roles import rules_of
from bridge_core.settings import (
    LimitSettings,
    RateSettings,
    RelationSettings,
    ResourceSettings,
    RuleSettings,
    ServerSettings,
    StoreSettings,
)

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("resources/*/*.md")))
ENVIRON = {
    "JET_ADMIN_AUTH_SECRET": "n3Xq-7_vbR2kd84mZ0ptWcYyLh5sGaJf",
    "DATABASE_URL": "postgresql://a:b@c/d",
    "STRIPE_API_KEY": "sk_test_x",
}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Yield every fenced block of a language, with the page that it stands on."""
    for page in PAGES:
        for block in re.findall(
            rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            yield page.name, block


def everything_switched_on() -> str:
    text = (ROOT / "plugins.toml").read_text(encoding="utf-8")
    return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)


def test_the_example_is_a_configuration() -> None:
    settings = load(ROOT / "plugins.toml", {})

    assert settings.default_resource == "shop"
    assert [opener.name for opener in openers(settings, installed())] == ["shop"]


def test_the_example_with_everything_switched_on_is_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "plugins.toml"
    path.write_text(everything_switched_on(), encoding="utf-8")
    (tmp_path / "service-account.json").write_text("{}")
    (tmp_path / "service-account.json").chmod(0o600)

    settings = load(path, ENVIRON)

    assert set(settings.resources) == {"shop", "crm", "billing", "team"}
    assert settings.relations
    assert rules_of(settings)
    assert {opener.name for opener in openers(settings, installed())} == set(settings.resources)


TABLES = (ServerSettings, StoreSettings, ResourceSettings, LimitSettings, RateSettings, RelationSettings, RuleSettings)


@pytest.mark.parametrize("model", TABLES)
def test_the_example_names_every_key(model: type[BaseModel]) -> None:
    names = set(re.findall(r"^(\w+) = |\.(\w+)(?=[\].])", everything_switched_on(), re.MULTILINE))

    assert {info.alias or name for name, info in model.model_fields.items()} <= {
        word for pair in names for word in pair
    }


def test_what_the_example_says_of_a_default_is_so() -> None:
    switched_on = tomllib.loads(everything_switched_on())["server"]
    fields = ServerSettings.model_fields
    shown = {"workers", "cors_origins", "max_rows", "pid_file"}  # where the default is no example

    assert {key: value for key, value in switched_on.items() if value != fields[key].default}.keys() == shown


@pytest.mark.parametrize(("page", "text"), list(blocks("toml")))
def test_a_block_of_toml_is_a_configuration(tmp_path: Path, page: str, text: str) -> None:
    path = tmp_path / "plugins.toml"
    path.write_text(text, encoding="utf-8")

    for name in re.findall(r'"file:([\w.-]+)"', text):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)

    settings = load(path, {**dict.fromkeys(re.findall(r'"env:(\w+)"', text), "x" * 40), **ENVIRON})

    rules_of(settings)
    assert len(openers(settings, installed())) == len(settings.resources)


def test_every_command_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = set(get_command(control).commands)  # type: ignore[attr-defined]  # a group, because it has commands
    for page, text in blocks("sh"):
        assert set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE)) <= targets, page
        assert set(re.findall(r"^bridgectl ([a-z-]+)", text, re.MULTILINE)) <= commands, page
    table = re.findall(r"^\| `bridgectl (.*?)\|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {
        word.split()[0] for row in table for word in re.sub(r"'.*?'", "", row).replace("`", "").split(",")
    } == commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    paths = re.findall(r"`((?:bridge_core|tests|resources|benchmarks|docs)/[\w./-]*)`", text)

    assert not [link for link in links if not (page.parent / link).exists()]
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_pages_that_everybody_looks_for_are_there() -> None:
    wanted = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"}

    assert wanted <= {page.name for page in PAGES}
