"""Accounts, keys and rights, looked after from the command line."""

import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from bridge_core.auth import passwords
from bridge_core.cli import control
from bridge_core.errors import Outcome
from bridge_core.layers.audit import Begun, Ended
from bridge_core.process import run
from bridge_core.store.audit import StoreTrail
from bridge_core.store.engine import open_store
from tests.support.installed import Commands
from tests.support.jet import Service

SECRET = "n3Xq-7_vbR2kd84mZ0ptWcYyLh5sGaJf"
WORLD = f"""
[auth]
secret = "{SECRET}"
[resources.world]
adapter = "city"
[roles.reader.world.cities]
read = ["name"]
rows = "id=eq.{{claims.city}}"
[roles.writer.world.cities]
read = true
update = ["name"]
"""


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: hasher)


@pytest.fixture
def config(commands: Commands) -> Path:
    return commands.configure(WORLD)


def ctl(config: Path, *words: str, text: str = "") -> Result:
    return CliRunner().invoke(control, [*words, "--config", str(config)], input=text)


def test_a_user_can_be_looked_after(config: Path) -> None:
    added = ctl(config, "users", "add", "Ada@Example.com", "--role", "reader", text="correct horse battery\n")
    assert added.exit_code == 0, added.output
    assert ctl(config, "users", "list").stdout == "ada@example.com\treader\tactive\t-\n"

    for words, state in (
        (("roles", "ada@example.com", "--role", "writer"), "writer\tactive"),
        (("disable", "ada@example.com"), "writer\tdisabled"),
        (("enable", "ada@example.com"), "writer\tactive"),
        (("password", "ADA@example.com"), "writer\tactive"),
    ):
        assert ctl(config, "users", *words, text="another horse battery\n").exit_code == 0
        assert state in ctl(config, "users", "list").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("users", "add", "a@example.com", "--role", "reeder"), "did you mean 'reader'"),
        (("users", "add", "a@example.com"), "10 to 256 characters"),
        (("users", "disable", "nobody@example.com"), "no user"),
        (("keys", "create", "import"), "without a role"),
        (("keys", "create", "import", "--role", "reader", "--expires", "soon"), "is no time"),
        (("keys", "revoke", "nothing"), "no key"),
        (("whoami", "brk_x"), "not valid"),
        (("can", "brk_x", "raed", "world.cities"), "did you mean 'read'"),
        (("can", "brk_x", "read", "wold.cities"), "did you mean 'world'"),
        (("can", "brk_x", "read", "world.citys"), "did you mean 'cities'"),
        (("register",), "[auth.jet] is missing"),
    ],
)
def test_a_mistake_is_said_with_its_cure(config: Path, words: tuple[str, ...], says: str) -> None:
    answer = ctl(config, *words, text="short\n")

    assert answer.exit_code != 0
    assert says in answer.stderr


def test_a_key_is_shown_once(config: Path) -> None:
    made = ctl(config, "keys", "create", "import", "--role", "writer", "--expires", "90d")
    text = made.stdout.strip()
    listed = ctl(config, "keys", "list").stdout
    ident = text.split("_")[1]
    assert ident in listed
    assert "active" in listed
    assert text not in listed
    assert text.encode() not in (config.parent / "bridge.db").read_bytes()

    assert "subject: key:" in ctl(config, "whoami", text).stdout
    assert ctl(config, "keys", "revoke", ident).exit_code == 0
    assert ctl(config, "whoami", text).exit_code != 0


def test_a_decision_is_explained(config: Path) -> None:
    def decision(*words: str, verb: str = "read") -> tuple[int, str]:
        key = ctl(config, "keys", "create", "k", *words).stdout.strip()
        answer = ctl(config, "can", "-", verb, "world.cities", text=key + "\n")
        return answer.exit_code, answer.stdout

    code, said = decision("--role", "reader", "--claim", "city=2")
    assert code == 0
    assert "fields: name\nrows: id=eq.2" in said
    code, said = decision("--role", "reader")
    assert code == 1
    assert "role reader: grants nothing: one of the claims city is missing or empty\nno: read world.cities" in said
    code, said = decision("--role", "reader", "--role", "writer")
    assert code == 0
    assert "fields: id, name\nrows: all" in said
    code, said = decision("--role", "writer", verb="delete")
    assert code == 1
    assert "role writer: does not grant delete" in said


def test_the_audit_trail_is_printed(config: Path) -> None:
    async def leave_records() -> None:
        store = await open_store(f"sqlite:///{config.parent / 'bridge.db'}")
        trail = StoreTrail(store)
        for number in ("a", "b"):
            await trail.begin(Begun(number, 1.0, "7", ("writer",), "world", "cities", "update", {}))
        trail.end(Ended("a", 2.0, Outcome.APPLIED, 1))
        await trail.close()
        await store.close()

    run(leave_records())

    records = [json.loads(line) for line in ctl(config, "audit").stdout.splitlines()]
    assert [(each["request_id"], each["state"]) for each in records] == [("b", "pending"), ("a", "done")]
    assert len(ctl(config, "audit", "--pending").stdout.splitlines()) == 1
    assert len(ctl(config, "audit", "--model", "world.rivers").stdout.splitlines()) == 0


@pytest.mark.parametrize(
    ("answer", "status", "activated", "code", "says"),
    [
        ({"token": "5f9c1a52"}, 201, True, 0, "a project token is kept"),
        ({"project_token": "5f9c1a52"}, 200, False, 1, "not activated"),
        ({"token": ""}, 200, True, 1, "no project token"),
        ({}, 200, True, 1, "no project token"),
        ({"token": "5f9c1a52"}, 403, True, 1, "refuses to register"),
        ({"token": "5f9c1a52"}, 302, True, 1, "refuses to register"),
    ],
)
def test_a_project_token_is_obtained_once(
    commands: Commands, service: Service, answer: dict[str, str], status: int, activated: bool, code: int, says: str
) -> None:
    jet = f'[auth.jet]\napi_base_url = "{service.url}/api"\nproject = "shop"\nregistration_token = "once"\n'
    config = commands.configure(WORLD + jet)
    service.says("once", answer, status)
    service.says("5f9c1a52", {"activated": activated})

    done = ctl(config, "register")

    assert done.exit_code == code
    assert says in done.output
    assert "5f9c1a52" not in done.output
    assert service.asked[0]["path"] == "/api/project_tokens/"
