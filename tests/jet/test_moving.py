"""A configuration of Jet Bridge becomes one of ours, and what has no counterpart is said."""

from pathlib import Path

import pytest

from bridge_core.config import load
from bridge_core.errors import ConfigurationError
from bridge_core.jet_commands import converted, settings_of

CONF = """
[JET]
PROJECT = shop
TOKEN = 5f9c1a52-secret
ENVIRONMENT = prod
PORT = 8890
DATABASE_ENGINE = postgresql
DATABASE_HOST = db
DATABASE_USER = ann
DATABASE_PASSWORD = hidden"secret
DATABASE_NAME = shop
DATABASE_SCHEMA = sales
READ_ONLY = true
SENTRY_DSN =
"""
ENVIRON = {"TOKEN": "5f9c1a52-secret", "DATABASE_URL": "postgresql://ann:x@db/shop"}


def conf(folder: Path, text: str = CONF) -> Path:
    path = folder / "jet.conf"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_comes_out_is_a_configuration_without_secrets(tmp_path: Path) -> None:
    text, remarks = converted(settings_of(conf(tmp_path), {}))
    path = tmp_path / "plugins.toml"
    path.write_text(text, encoding="utf-8")
    settings = load(path, ENVIRON)

    assert settings.auth.jet is not None
    assert (settings.server.port, settings.server.cors_origins) == (8890, ("*",))
    assert (settings.auth.jet.project, settings.auth.jet.environment) == ("shop", "prod")
    assert settings.resources["main"].options["schemas"] == ["sales"]
    assert "secret" not in text + "".join(remarks)
    assert "READ_ONLY has no counterpart: give [auth.jet] roles that only read" in remarks
    assert any("DATABASE_URL to postgresql://ann:PASSWORD@db:5432/shop" in remark for remark in remarks)


def test_the_environment_wins(tmp_path: Path) -> None:
    found = settings_of(conf(tmp_path), {"PORT": "9000", "PATH": "/bin", "Project": "other"})

    assert (found["port"], found["project"], "path" in found) == ("9000", "other", False)


@pytest.mark.parametrize("text", ["", "[OTHER]\na=1", "no sections", "[JET]\nPORT = x\nDATABASE_ENGINE = sqlite"])
def test_what_is_no_configuration_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        converted(settings_of(conf(tmp_path, text), {}))


def test_an_engine_without_adapter_is_said(tmp_path: Path) -> None:
    text, remarks = converted(settings_of(conf(tmp_path, "[JET]\nDATABASE_ENGINE = oracle"), {}))

    assert "[resources" not in text
    assert any("'oracle'" in remark for remark in remarks)
