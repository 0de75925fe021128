"""The conformance kit: what is honest passes, and what a run says."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from bridge_core.testing import conformance
from bridge_core.testing.conformance import Subject
from bridge_core.testing.examine import CHECKS, examined
from bridge_core.testing.memory import Weakness
from tests.testing.subjects import FEW
from tests.testing.subjects import subject as memory
from tests.testing.test_lies import BY_ID, CAUGHT_BY

ROOT = Path(__file__).parents[2]
PLUGIN_LIES = {"L0-wrong-settings-name-their-key", "L0-the-contract-is-spoken"}


class Lax(BaseModel):
    """Settings that take any key, and show their password."""

    name: str = ""
    password: str = ""


@pytest.fixture
def subject() -> Subject:
    return memory()


test_conformance = conformance.suite()


@pytest.mark.anyio
@pytest.mark.parametrize("weakness", Weakness, ids=lambda weakness: weakness.name)
async def test_an_honest_adapter_passes_whatever_it_lacks(weakness: Weakness) -> None:
    for check in CHECKS:
        verdict = await examined(check, memory([weakness], rows=FEW))

        assert not verdict.broken, f"{check.id}: {verdict.broken}"


def test_each_check_is_there_for_a_lie() -> None:
    assert {check.id for check in CHECKS} == {*CAUGHT_BY.values(), *PLUGIN_LIES}
    assert all(check.sentence.endswith(".") for check in CHECKS)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ("L0-wrong-settings-name-their-key", {"settings": Lax}),
        ("L0-secrets-are-not-shown", {"settings": Lax}),
        ("L0-the-contract-is-spoken", {"contract": 2}),
    ],
)
async def test_a_plugin_can_be_wrong_before_it_is_opened(check: str, wrong: dict[str, object]) -> None:
    right = memory()

    assert not (await examined(BY_ID[check], right)).broken
    assert (await examined(BY_ID[check], replace(right, plugin=replace(right.plugin, **wrong)))).broken  # type: ignore[arg-type]  # as parametrized


@pytest.mark.anyio
async def test_what_is_not_declared_is_said_and_not_passed() -> None:
    verdict = await examined(BY_ID["L3-an-order-is-by-value"], memory([Weakness.SORT]))

    assert verdict.ran == ()
    assert verdict.not_run["things"] == "not declared: orders (sort_terms, sortable)"


def _run(folder: Path, text: str, *words: str) -> str:
    """Run a test file of an author and return what pytest prints."""
    (folder / "test_author.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{text}", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rsx", "-p", "no:cacheprovider", "test_author.py", *words],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


AUTHOR = """
import pytest
from bridge_core.testing import conformance
from bridge_core.testing.hostile import Hostile
from bridge_core.testing.lies import Lie
from bridge_core.testing.memory import Weakness
from tests.testing.subjects import subject as memory

@pytest.fixture
def subject():
    return memory({subject})

test_conformance = conformance.suite()
"""


@pytest.mark.parametrize("words", [(), ("-n", "1", "-p", "bridge_core.testing.report")], ids=["alone", "xdist"])
def test_a_run_says_what_held_and_what_was_not_declared(tmp_path: Path, words: tuple[str, ...]) -> None:
    if words:
        words = (*words, f"-opythonpath={ROOT}")

    said = _run(tmp_path, AUTHOR.format(subject="[Weakness.COUNT]"), "-k", "L0 or L1", *words)

    assert "not declared: exact counts (counts)" in said
    assert "L0 description: 6 held" in said
    assert "L1 records: 11 held, 1 not run" in said
    assert "L1-totals-are-exact: not declared: exact counts (counts)" in said
    assert "L2 filters: did not run" in said


def test_a_broken_promise_fails_with_the_sentence_that_it_breaks(tmp_path: Path) -> None:
    said = _run(tmp_path, AUTHOR.format(subject="(), lambda a: Hostile(a, Lie.REPEATS)"), "-k", "keys-are-unique")

    assert "L1-keys-are-unique: No two records have the same key, and no part of a key is missing." in said
    assert "things has more than one record with the key (1,)" in said
    assert "1 failed" in said


@pytest.mark.parametrize(("lie", "outcome"), [("Lie.REPEATS", "1 xfailed"), ("None", "1 failed")])
def test_a_promise_known_to_be_broken_must_be_broken(tmp_path: Path, lie: str, outcome: str) -> None:
    liar = f"(), lambda a: Hostile(a, {lie}), known={{'L1-keys-are-unique': 'issue 7'}}"

    said = _run(tmp_path, AUTHOR.format(subject=liar), "-k", "keys-are-unique")

    assert outcome in said
    assert "issue 7" in said
