"""plugins.toml: what it may say, and what is said about it when it is wrong."""

import stat
from pathlib import Path

import pytest

from bridge_core.config import load
from bridge_core.errors import ConfigurationError
from bridge_core.settings import Settings

ENVIRON = {"JET_ADMIN_AUTH_SECRET": "n3Xq-7_vbR2kd84mZ0ptWcYyLh5sGaJf", "EMPTY": ""}


def read(folder: Path, text: str) -> Settings:
    path = folder / "plugins.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, ENVIRON)


def test_what_is_not_written_has_a_sensible_value(tmp_path: Path) -> None:
    settings = read(tmp_path, "")

    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.server.cors_origins == ()
    assert settings.auth.anonymous_roles == ()
    assert settings.resources == {}


def test_keys_of_the_adapter_are_kept_for_the_adapter(tmp_path: Path) -> None:
    settings = read(tmp_path, '[resources.shop]\nadapter = "sqlite"\npath = "shop.db"\nfast = true')

    resource = settings.resources["shop"]
    assert resource.adapter == "sqlite"
    assert resource.required
    assert dict(resource.options) == {"path": "shop.db", "fast": True}


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("", None),
        ('[resources.a]\nadapter = "x"', "a"),
        ('[resources.a]\nadapter = "x"\n[resources.b]\nadapter = "x"', None),
        ('[resources.a]\nadapter = "x"\n[resources.b]\nadapter = "x"\ndefault = true', "b"),
    ],
    ids=["no resource", "the only resource", "several", "the marked one"],
)
def test_the_default_resource_is_the_marked_or_the_only_one(tmp_path: Path, text: str, default: str | None) -> None:
    assert read(tmp_path, text).default_resource == default


def test_secrets_come_from_the_environment_and_from_files_beside_plugins_toml(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    (tmp_path / "key").chmod(0o600)

    settings = read(
        tmp_path,
        '[auth]\nsecret = "env:JET_ADMIN_AUTH_SECRET"\n'
        '[resources.a]\nadapter = "x"\nkeys = ["file:key", { inner = "file:key" }]',
    )

    assert settings.auth.secret is not None
    assert settings.auth.secret.get_secret_value() == ENVIRON["JET_ADMIN_AUTH_SECRET"]
    assert settings.resources["a"].options["keys"] == ["from a file", {"inner": "from a file"}]


def test_a_secret_does_not_show_itself(tmp_path: Path) -> None:
    settings = read(
        tmp_path, '[auth]\nsecret = "env:JET_ADMIN_AUTH_SECRET"\n[store]\nurl = "postgresql://a:hunter2@b/c"'
    )

    shown = f"{settings} {settings!r} {settings.model_dump_json()}"
    assert ENVIRON["JET_ADMIN_AUTH_SECRET"] not in shown
    assert "hunter2" not in shown
    assert "***" in shown


WRONG = {
    "no TOML": ("[server", "this is not TOML"),
    "an unknown table": ("[sever]\n", "[sever]: there is no such key (did you mean 'server'?)"),
    "an unknown key": ("[server]\nprot = 1", "[server] prot: there is no such key (did you mean 'port'?); keys: "),
    "an unknown key of a table inside": (
        "[auth.login]\nper_adress = 1",
        "[auth.login] per_adress: there is no such key",
    ),
    "a port out of range": ("[server]\nport = 70000", "[server] port: input should be less than or equal to 65535"),
    "a text for a number": ('[server]\nport = "80"', "[server] port: input should be a valid integer"),
    "an element of a list": ("[server]\ncors_origins = [1]", "[server.cors_origins] 0: input should be a valid string"),
    "a missing adapter": ('[resources.a]\nadaptr = "x"', "[resources.a] adapter: this key is missing"),
    "a near miss of a missing key": ('[resources.a]\nadaptr = "x"', "(did you mean it by 'adaptr'?)"),
    "a reserved name": ('[resources.v1]\nadapter = "x"', "[resources.v1]: 'v1' is a reserved name"),
    "a name that no URL carries": ('[resources."a/b"]\nadapter = "x"', "[resources.a/b]: a name consists of"),
    "two defaults": (
        '[resources.a]\nadapter = "x"\ndefault = true\n[resources.b]\nadapter = "x"\ndefault = true',
        "a, b each say `default = true`",
    ),
    "a variable that is not set": (
        '[store]\nurl = "env:NOWHERE"',
        "[store] url: the environment variable NOWHERE is not set",
    ),
    "a variable that is empty": ('[store]\nurl = "env:EMPTY"', "[store] url: the environment variable EMPTY is empty"),
    "a file that is not there": ('[store]\nurl = "file:nowhere"', "[store] url: the file "),
    "a role's verb of a wrong kind": (
        '[roles.a."*"."*"]\nread = "all"',
        "[roles.a.*.*] read: input should be a valid boolean, or input should be a valid tuple",
    ),
    "a role's unknown verb": (
        '[roles.a."*"."*"]\nraed = true',
        "[roles.a.*.*] raed: there is no such key (did you mean 'read'?); "
        "keys: actions, create, delete, read, rows, update",
    ),
    "a role of an unknown resource": (
        '[resources.shop]\nadapter = "x"\n[roles.a.shp.b]\nread = true',
        "[roles.a.shp]: there is no resource 'shp' (did you mean 'shop'?)",
    ),
    "half a relation": ('[[relations]]\nname = "a"\nfrom = "a.b.c"', "[relations.0] to: this key is missing"),
    "a relation that does not lead anywhere": (
        '[[relations]]\nname = "a"\nfrom = "a.b.c"\nto = "a"',
        "[relations.0] to: 'a' must read resource.model.field",
    ),
}


@pytest.mark.parametrize(("text", "complaint"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_reported_with_file_table_key_and_cure(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)

    assert str(tmp_path / "plugins.toml") in caught.value.message
    assert complaint in caught.value.message


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "[server]\nprot = 1\nhost = 2\n[store]\nurl = 3")

    assert len(caught.value.message.splitlines()) == 3


def test_a_mistake_is_reported_without_the_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, '[auth]\nsecret = ["hunter2"]\n[auth.login]\nper_account = "hunter2"')

    assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_there_is_a_word_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        load(tmp_path / "plugins.toml", ENVIRON)


@pytest.mark.parametrize(("mode", "taken"), [(0o600, True), (0o640, True), (0o644, False), (0o604, False)])
def test_a_secret_file_that_everybody_can_read_is_refused(tmp_path: Path, mode: int, taken: bool) -> None:
    secret = tmp_path / "key"
    secret.write_text("sqlite:///x.db")
    secret.chmod(mode)

    if taken:
        assert read(tmp_path, '[store]\nurl = "file:key"').store.url.get_secret_value() == "sqlite:///x.db"
        return
    with pytest.raises(ConfigurationError, match="every user can read") as caught:
        read(tmp_path, '[store]\nurl = "file:key"')
    assert caught.value.hint == f"chmod o-rwx {secret}"
    assert stat.S_IMODE(secret.stat().st_mode) == mode
