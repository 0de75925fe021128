"""Resources that cannot be opened are reported with file, table, key and cure; those that can are opened at once."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bridge_core import registry
from bridge_core.adapter import ENTRY_POINTS, Rate
from bridge_core.config import load
from bridge_core.errors import ConfigurationError, Unavailable, UpstreamFailed
from bridge_core.router import Served
from bridge_core.upstream import Upstream
from tests.support import fakes

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("cities")]

CITY = fakes.entry()


async def opened(folder: Path, text: str, available: Sequence[EntryPoint] = (CITY,)) -> Sequence[Served]:
    path = folder / "plugins.toml"
    path.write_text(text, encoding="utf-8")
    settings = load(path, {})
    return await registry.open_all(settings, registry.openers(settings, available))


async def test_a_resource_is_opened_with_its_models_marked_as_its_own(tmp_path: Path) -> None:
    (served,) = await opened(tmp_path, '[resources.world]\nadapter = "city"\nmax_scan = 7')

    assert served.name == "world"
    assert [(model.resource, model.name) for model in served.models.values()] == [("world", "cities")]
    assert served.limits.max_scan == 7


def foreign(value: str, name: str = "city") -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINTS)


UNUSABLE = {
    "an unknown name": (
        "ctiy",
        [CITY],
        "no installed adapter is called 'ctiy' (did you mean 'city'?); installed: city",
    ),
    "a name of ours that is not installed": ("stripe", [CITY], "pip install 'bridge-stripe'"),
    "two that claim one name": ("city", [CITY, foreign("tests.other:city")], "both claim the name 'city'"),
    "a missing driver": ("city", [foreign("no_such_driver:city")], "cannot be imported: No module named"),
    "a plugin that is not there": ("city", [foreign("tests.support.fakes:gone")], "has no tests.support.fakes:gone"),
    "something else than a plugin": ("city", [fakes.entry("city", "nothing")], "is no Plugin"),
    "a newer contract": ("city", [fakes.entry("city", "newer")], "speaks version 99 of the adapter contract"),
}


@pytest.mark.parametrize(("adapter", "available", "complaint"), UNUSABLE.values(), ids=UNUSABLE)
async def test_an_adapter_that_cannot_be_used_stops_the_start(
    tmp_path: Path, adapter: str, available: list[EntryPoint], complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await opened(tmp_path, f'[resources.world]\nadapter = "{adapter}"', available)

    assert f"{tmp_path / 'plugins.toml'}: [resources.world] adapter: " in caught.value.message
    assert complaint in f"{caught.value.message}\n{caught.value.hint}"


async def test_one_name_from_one_place_that_is_found_twice_is_one_adapter(tmp_path: Path) -> None:
    assert len(await opened(tmp_path, '[resources.world]\nadapter = "city"', [CITY, fakes.entry()])) == 1


async def test_an_unknown_key_of_an_adapter_is_reported_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await opened(tmp_path, '[resources.world]\nadapter = "city"\nmodle = "towns"')

    where = f"{tmp_path / 'plugins.toml'}: [resources.world] modle: "
    assert caught.value.message.startswith(f"{where}there is no such key (did you mean 'model'?); keys: adapter, ")


async def test_everything_that_is_wrong_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await opened(tmp_path, '[resources.a]\nadapter = "x"\n[resources.b]\nadapter = "city"\nmodle = 1')

    assert "[resources.a]" in caught.value.message
    assert "[resources.b]" in caught.value.message


FAULTS = {
    "wrong settings": ("configuration", "password authentication failed", "look at `password`"),
    "an unreachable backend": ("unavailable", "connection refused", "required = false"),
    "a catalogue that cannot be read": ("describe", "the catalogue does not answer", "required = false"),
    "a missing driver": ("import", "No module named 'citydriver'", "pip install citydriver"),
    "a bug of the plugin": ("crash", "the adapter failed with ZeroDivisionError", "required = false"),
}


@pytest.mark.parametrize(("fault", "message", "hint"), FAULTS.values(), ids=FAULTS)
async def test_a_required_resource_that_does_not_open_stops_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str, message: str, hint: str
) -> None:
    bad = f'[resources.bad]\nadapter = "city"\nfault = "{fault}"\npassword = "hunter2"'

    with pytest.raises(ConfigurationError) as caught:
        await opened(tmp_path, f'[resources.good]\nadapter = "city"\n{bad}')

    assert f"{tmp_path / 'plugins.toml'}: [resources.bad]: " in caught.value.message
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint} {caplog.text}"
    assert fakes.history.opened
    assert all(adapter.closed for adapter in fakes.history.opened)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [("unavailable", Unavailable), ("crash", UpstreamFailed), ("configuration", ConfigurationError)],
)
async def test_a_resource_that_is_not_required_may_fail_alone(
    tmp_path: Path, fault: str, failure: type[Exception]
) -> None:
    text = f'[resources.good]\nadapter = "city"\n[resources.bad]\nadapter = "city"\nfault = "{fault}"\nrequired = false'

    good, bad = await opened(tmp_path, text)

    assert good.adapter is not None
    assert bad.adapter is None
    assert isinstance(bad.failure, failure)


async def test_a_backend_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "OPEN_WITHIN", 0.01)

    with pytest.raises(ConfigurationError, match="did not answer within"):
        await opened(tmp_path, '[resources.slow]\nadapter = "city"\nfault = "hang"')


@pytest.mark.parametrize(
    "available",
    [[CITY], [foreign("no_such_driver:city", "town")], [foreign("tests.support.broken:city", "town")]],
    ids=["not installed", "without its driver", "with a bug in it"],
)
async def test_a_plugin_that_does_not_load_takes_down_nobody_else_where_it_is_not_required(
    tmp_path: Path, available: list[EntryPoint]
) -> None:
    text = '[resources.good]\nadapter = "city"\n[resources.bad]\nadapter = "town"\n'
    entries = [CITY, *available]

    with pytest.raises(ConfigurationError, match=r"resources\.bad"):
        await opened(tmp_path, text, entries)
    good, bad = await opened(tmp_path, text + "required = false", entries)

    assert good.adapter is not None
    assert bad.adapter is None
    assert "'town'" in str(bad.failure)


async def test_a_plugin_that_is_installed_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plugins.toml"
    path.write_text('[resources.world]\nadapter = "town"\nrequired = false')
    settings = load(path, {})
    (opener,) = registry.openers(settings, [])
    (served,) = await registry.open_all(settings, [opener])
    assert served.adapter is None

    monkeypatch.setattr(registry, "installed", lambda: [fakes.entry("town", "city")])

    assert (await opener.open()).adapter is not None


LIMITS = '[resources.world]\nadapter = "city"\n[resources.world.limits]\n'


async def test_a_resource_is_called_within_its_limits(tmp_path: Path) -> None:
    text = f"{LIMITS}calls = 3\npatience = 0\nretries = 0\nrates.call = {{ number = 9, per = 60 }}"
    (served,) = await opened(tmp_path, text)

    assert isinstance(served.upstream, Upstream)
    assert served.upstream.adapter is served.adapter


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("calls = 0", "[resources.world.limits] calls: "),
        (
            "rates.cal = { number = 1 }",
            "[resources.world.limits.rates] cal: the adapter has no such quota (did you mean",
        ),
        ("rates.call = { number = 0 }", "[resources.world.limits.rates.call] number: "),
        ("cals = 1", "[resources.world.limits] cals: there is no such key (did you mean 'calls'?)"),
    ],
)
async def test_a_limit_that_cannot_be_is_reported(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await opened(tmp_path, LIMITS + text)

    assert complaint in caught.value.message


def test_quotas_of_a_plugin_are_its_own_unless_configured_and_shared_by_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "plugins.toml"
    rates = "[resources.world.limits.rates]\nwrite = { number = 8, per = 4, burst = 2 }"
    path.write_text(f'[server]\nworkers = 4\n[resources.world]\nadapter = "metered"\n{rates}')
    settings = load(path, {})

    (opener,) = registry.openers(settings, [fakes.entry("metered", "metered")])

    assert opener.load()[2] == {"read": Rate(25, 60, 25), "write": Rate(2, 4, 1)}
