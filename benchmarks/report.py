"""The figures of one run, as a Markdown table and as JSON."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benchmarks.measure import Cost, Exported

TARGETS: Final[Mapping[str, float]] = {
    "get": 100, "list25": 120, "list25count": 125, "list1000": 400, "insert": 135, "update": 135, "mixed": 130,
}  # fmt: skip
"""Processor microseconds per request that one worker of the bridge should not exceed."""


@dataclass
class Report:
    """Everything that one run found."""

    size: Mapping[str, int]
    costs: list[Cost] = field(default_factory=list)
    exports: list[Exported] = field(default_factory=list)
    memory: list[tuple[str, int, int]] = field(default_factory=list)  # server, idle, after load

    def as_json(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "machine": machine(),
            "size": dict(self.size),
            "costs": [asdict(cost) for cost in self.costs],
            "exports": [asdict(each) for each in self.exports],
            "memory": [{"server": name, "idle": idle, "after": after} for name, idle, after in self.memory],
        }

    def as_markdown(self) -> str:
        """Return the tables that people read."""
        parts = [self._costs(), self._exports(), self._memory()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _costs(self) -> str:
        heads = ("workload", "server", "CPU µs / request", "of the ceiling", "requests / s", "p50 ms", "p99 ms")
        ceilings = {cost.workload: cost.microseconds for cost in self.costs if cost.server == "ceiling"}
        return _table(heads, [_row(cost, ceilings.get(cost.workload)) for cost in self.costs])

    def _exports(self) -> str:
        heads = ("export", "rows / s", "CPU µs / row", "first byte ms", "memory added MB")
        rows = [
            (
                each.server,
                f"{each.rows_per_second:,.0f}",
                f"{each.microseconds_per_row:.2f}",
                f"{each.first_byte:.1f}",
                f"{each.added / 1e6:.1f}",
            )
            for each in self.exports
        ]
        return _table(heads, rows)

    def _memory(self) -> str:
        rows = [(name, f"{idle / 1e6:.0f}", f"{after / 1e6:.0f}") for name, idle, after in self.memory]
        return _table(("memory", "idle MB", "after load MB"), rows)


def machine() -> dict[str, str]:
    """Describe where the figures come from."""
    cores = len(os.sched_getaffinity(0))
    return {"cores": str(cores), "system": platform.system(), "python": platform.python_version()}


def _row(cost: Cost, ceiling: float | None) -> tuple[str, ...]:
    share = f"{ceiling / cost.microseconds:.0%}" if ceiling and cost.server != "ceiling" else ""
    return (
        cost.workload,
        cost.server,
        f"{cost.microseconds:.0f}",
        share,
        f"{cost.per_second:,.0f}",
        f"{cost.p50:.1f}",
        f"{cost.p99:.1f}",
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [tuple(heads), *map(tuple, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    formed = ["| " + " | ".join(_padded(line, widths)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 1) + (":" if at else "-") for at, width in enumerate(widths)) + "|"
    return "\n".join([formed[0], rule, *formed[1:]]) if len(lines) > 1 else ""


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
