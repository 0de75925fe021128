"""The floors of the house: imports go strictly down, and every room says what it is for."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

import bridge_core

ROOT = Path(__file__).parents[1]
CORE = ROOT / "bridge_core"
ADAPTERS = sorted(path.parent for path in ROOT.glob("resources/*/pyproject.toml"))

FLOORS = (  # from the ground up; rooms of one floor do not import each other
    {"deadlines", "errors", "query"},
    {"schema", "patterns", "rows", "scan"},
    {"operations", "condition", "relations"},
    {"adapter", "call", "values", "logic"},
    {"compare", "policy", "upstream", "grammar"},
    {"evaluate", "layers"},
    {"arrange"},
    {"planning"},
    {"planner"},
    {"relating"},
    {"relate"},
    {"router"},
    {"bridge"},
    {"store"},
    {"auth"},
    {"settings"},
    {"config", "listener"},
    {"registry", "roles"},
    {"surfaces", "testing"},
    {"generation"},
    {"demo", "explain", "process", "server"},
    {"telling"},
    {"auth_commands", "jet_commands", "new_adapter", "right_commands"},
    {"cli"},
)
WEB = {"starlette", "uvicorn", "httptools"}
MAY_USE_WEB = {"listener", "server", "cli", "surfaces"}
DOORS = {"bridge_core", "bridge_core.testing", "bridge_core.values"} | {  # what an adapter may import of ours
    f"bridge_core.{room}" for room in ("adapter", "errors", "operations", "query", "schema")
}


def modules(folder: Path) -> Mapping[str, Path]:
    """Return every module below a package, by its full name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def package(distribution: Path) -> Path:
    """Return the package of a distribution."""
    return next(path for path in distribution.glob("bridge_*") if path.is_dir() and path.suffix == "")


MODULES = modules(CORE)
ALL_MODULES = {**MODULES, **{name: path for each in ADAPTERS for name, path in modules(package(each)).items()}}


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str() as module, names=names, level=0):
                for name in names:
                    inner = f"{module}.{name.name}"
                    yield inner if inner in known else module
            case ast.ImportFrom():
                raise AssertionError(f"{path}: imports are absolute")


def room(module: str) -> str:
    """Return the room of the core that a module is or stands in."""
    return module.split(".")[1] if "." in module else ""


def test_every_room_stands_on_one_floor() -> None:
    rooms = {room(module) for module in MODULES} - {""}
    listed = [name for floor in FLOORS for name in floor]

    assert len(listed) == len(set(listed))
    assert rooms <= set(listed), f"name the floor of {rooms - set(listed)} in FLOORS"


def test_the_map_of_the_house_shows_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    assert not [name for floor in FLOORS for name in floor if f"`{name}`" not in text]


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_strictly_down(module: str) -> None:
    heights = {name: height for height, floor in enumerate(FLOORS) for name in floor}
    own = room(module)
    others = {room(name) for name in imported(MODULES[module], MODULES) if name.startswith("bridge_core.")} - {own}

    if own:  # the front door stands outside
        assert not {other for other in others if heights[other] >= heights[own]}


def test_no_room_hides_a_name_of_the_front_door() -> None:
    assert not set(bridge_core.__all__) & {room(module) for module in MODULES}


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module: {name for name in imported(path, ALL_MODULES) if name in ALL_MODULES and name != module}
        for module, path in ALL_MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_upper_floors_know_the_web() -> None:
    users = {
        room(module)
        for module, path in MODULES.items()
        if {name.partition(".")[0] for name in imported(path, MODULES)} & WEB
    }

    assert users <= MAY_USE_WEB


def test_surfaces_do_not_know_each_other() -> None:
    shared = {"http", "routes"}
    for module, path in MODULES.items():
        _, _, own = module.partition("bridge_core.surfaces.")
        others = {name.split(".")[2] for name in imported(path, MODULES) if name.startswith("bridge_core.surfaces.")}
        if own:
            assert others <= shared | {own.split(".")[0]}, module


def test_surfaces_reach_backends_only_through_the_bridge() -> None:
    for module, path in MODULES.items():
        if room(module) == "surfaces":
            rooms = {room(name) for name in imported(path, MODULES) if name.startswith("bridge_core.")}
            assert not rooms & {"adapter", "planner", "planning", "registry", "router", "upstream"}, module


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_an_adapter_imports_only_the_contract(folder: Path) -> None:
    own = modules(package(folder))
    for module, path in own.items():
        ours = {name for name in imported(path, {}) if name.startswith("bridge_core")}
        assert ours <= DOORS, module


@pytest.mark.parametrize("module", ALL_MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    path = ALL_MODULES[module]
    text = path.read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]

    assert first
    assert first[-1] in ".:;"
    assert len(text.splitlines()) <= 400
    assert path.stem not in {"utils", "helpers", "common", "misc", "base"}


@pytest.mark.parametrize("module", MODULES)
def test_no_function_writes_to_its_module(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))

    assert not [node.names for node in ast.walk(tree) if isinstance(node, ast.Global)]


def test_the_front_door_loads_no_sdk_and_no_web_framework() -> None:
    heavy = {
        *("asyncpg", "aiosqlite", "asyncmy", "sqlalchemy", "stripe", "gspread", "firebase_admin", "google"),
        *("starlette", "uvicorn", "typer", "rich", "pydantic", "jwt", "httpx"),
    }
    script = f"import sys, bridge_core; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.split() == []


def test_the_front_door_opens_to_what_it_lists() -> None:
    script = "from bridge_core import *; import bridge_core; assert set(bridge_core.__all__) <= set(globals())"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_resources_is_a_folder_and_no_package() -> None:
    assert not list(ROOT.glob("resources/__init__.py"))
    assert not list(ROOT.glob("resources/*/__init__.py"))


def test_the_repository_has_one_version() -> None:
    projects = [tomllib.loads(path.read_text())["project"] for path in (ROOT / "pyproject.toml", *_projects())]
    versions = {project["version"] for project in projects}
    pins = {word for project in projects[1:] for word in project["dependencies"] if word.startswith("bridge-core")}

    assert len(versions) == 1
    assert pins == {f"bridge-core=={version}" for version in versions}
    assert f"## {versions.pop()}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _projects() -> list[Path]:
    return [folder / "pyproject.toml" for folder in ADAPTERS]


DISTRIBUTIONS = {
    "jwt": "pyjwt",
    "argon2": "argon2-cffi",
    "re2": "google-re2",
    "google": "google-auth",
}  # where the names differ


@pytest.mark.parametrize("folder", [ROOT, *ADAPTERS], ids=lambda folder: folder.name)
def test_what_is_imported_is_declared(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    wanted = chain(project["dependencies"], *(extras[name] for name in extras if name not in {"test", "check"}))
    declared = {_name(requirement) for requirement in wanted}
    declared |= {"bridge_core", package(folder).name}
    used = {
        DISTRIBUTIONS.get(top, top)
        for path in modules(package(folder)).values()
        for top in {name.partition(".")[0] for name in imported(path, {})}
        if top not in sys.stdlib_module_names
    }

    assert {name.replace("-", "_") for name in used} <= declared


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower().replace("-", "_")
