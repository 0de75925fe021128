"""The conformance kit: one fixture, and an adapter is held to everything that it declares.

    from bridge_acme import acme
    from bridge_core.testing.conformance import Subject, suite

    @pytest.fixture
    def subject() -> Subject:
        return Subject(acme, {"url": "http://127.0.0.1:8000"})

    test_conformance = suite()

Each check is a test of its own, named by its level: `pytest -k L2` runs the filters. What an adapter does not declare
is skipped, and the skip says what was not declared; the end of the run says which levels ran.
"""

import asyncio
from collections.abc import Callable

import pytest

from bridge_core.testing import report
from bridge_core.testing.check import Check
from bridge_core.testing.examine import CHECKS, Verdict, examined
from bridge_core.testing.subject import Failing, NewRecord, Subject

__all__ = ["Failing", "NewRecord", "Subject", "suite"]


def suite() -> Callable[..., None]:
    """Return the test function to be bound to a name that begins with `test_`; it asks for the fixture `subject`."""

    @pytest.mark.parametrize("check", [pytest.param(check, id=check.id) for check in CHECKS])
    def conforms(check: Check, subject: Subject, request: pytest.FixtureRequest) -> None:
        """Hold the adapter to one check."""
        __tracebackhide__ = True
        report.announce(request.config)
        verdict = asyncio.run(examined(check, subject))
        request.node.user_properties.append(report.line(check, subject, verdict))
        _speak(check, verdict, subject.known.get(check.id, ""))

    return conforms


def _speak(check: Check, verdict: Verdict, known: str) -> None:
    """Fail, skip or pass, in the words of the check."""
    __tracebackhide__ = True
    if known and not verdict.broken:
        pytest.fail(f"{check.id} is said to be broken ({known}), and holds: take it out of `known`", pytrace=False)
    if known:
        pytest.xfail(known)
    if verdict.broken:
        pytest.fail(f"{check.id}: {check.sentence}\n\n{verdict.broken}", pytrace=False)
    if not verdict.ran:
        reasons = "; ".join(sorted(set(verdict.not_run.values()))) or "there are no models"
        pytest.skip(reasons)
