"""Hold a subject to one check, and say what came of it."""

import traceback
from dataclasses import dataclass, field
from typing import Final

from bridge_core.errors import BridgeError
from bridge_core.testing.bench import Bench, Broken, Inapplicable, opened
from bridge_core.testing.check import Check
from bridge_core.testing.levels import description, faults, filters, manners, records, values, witnesses, writes
from bridge_core.testing.subject import Subject

CHECKS: Final[tuple[Check, ...]] = (
    *description.CHECKS,
    *records.CHECKS,
    *filters.CHECKS,
    *values.CHECKS,
    *writes.CHECKS,
    *witnesses.CHECKS,
    *faults.CHECKS,
    *manners.CHECKS,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check: on which models it ran, on which it did not and why, and what is broken."""

    ran: tuple[str, ...] = ()
    not_run: dict[str, str] = field(default_factory=dict)
    broken: str = ""


async def examined(check: Check, subject: Subject) -> Verdict:
    """Run one check on everything of the subject that declares what it needs."""
    try:
        if check.of_plugin is not None:
            await check.of_plugin(subject)
            return Verdict(("the plugin",))
        async with opened(subject) as bench:
            return await _on_bench(check, bench)
    except Broken as broken:
        return Verdict(broken=str(broken))
    except BridgeError as error:
        told = "".join(traceback.format_exception(error)[-3:])
        return Verdict(broken=f"the adapter refused or failed where it should not:\n{told}")


async def _on_bench(check: Check, bench: Bench) -> Verdict:
    if check.of_adapter is not None:
        await check.of_adapter(bench)
        return Verdict(("the adapter",))
    assert check.of_model is not None  # a check has one of the three
    ran: list[str] = []
    not_run: dict[str, str] = {}
    for name, model in bench.models.items():
        missing = check.missing(bench, model)
        if missing:
            not_run[name] = f"not declared: {missing}"
            continue
        try:
            await check.of_model(bench, model)
        except Inapplicable as why:
            not_run[name] = str(why)
        else:
            ran.append(name)
    return Verdict(tuple(ran), not_run)
