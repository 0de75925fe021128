"""What the kit says at the end of a run: by level, what held, what broke, and what was not declared.

It appears by itself; under `pytest -n` the tests run elsewhere, and `-p bridge_core.testing.report` makes it appear.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from bridge_core.testing.check import LEVELS, Check
from bridge_core.testing.examine import Verdict
from bridge_core.testing.subject import Subject

_NAME: Final = "bridge-conformance"


def announce(config: pytest.Config) -> None:
    """Make the report appear at the end of this run."""
    plugins = config.pluginmanager
    if not any(name.endswith("testing.report") or name == _NAME for name, _ in plugins.list_name_plugin()):
        plugins.register(_Reporter(), _NAME)


def line(check: Check, subject: Subject, verdict: Verdict) -> tuple[str, object]:
    """Return what a test remembers of a check for the report."""
    outcome = "broken" if verdict.broken else "held" if verdict.ran else "not run"
    return _NAME, [subject.plugin.name, check.level, check.id, outcome, verdict.not_run]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the report, if any test of the kit ran."""
    _write(terminalreporter)


class _Reporter:
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        _write(terminalreporter)


def _write(terminal: Any) -> None:
    lines = list(_lines(terminal.stats))
    if lines:
        terminal.section("conformance of adapters")
        for each in lines:
            terminal.line(each)


def _lines(stats: Mapping[str, list[Any]]) -> Iterator[str]:
    by_adapter: dict[str, list[list[Any]]] = defaultdict(list)
    for reports in stats.values():
        for each in reports:
            for name, value in getattr(each, "user_properties", ()):
                if name == _NAME and each.when == "call":
                    by_adapter[value[0]].append(value)
    for adapter, found in sorted(by_adapter.items()):
        yield adapter
        for level, name in enumerate(LEVELS):
            yield from _level(f"  L{level} {name}: ", [each for each in found if each[1] == level])


def _level(title: str, found: list[list[Any]]) -> Iterator[str]:
    if not found:
        yield title + "did not run"
        return
    counted = Counter(outcome for _, _, _, outcome, _ in found)
    yield title + ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items()))
    for _, _, check, outcome, reasons in found:
        if outcome == "not run":
            why = "; ".join(sorted(set(reasons.values()))) or "there are no models"
            yield f"     {check}: {why}"
