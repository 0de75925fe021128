"""A plan: what the adapter is asked, what the core finishes, and what that costs at most."""

from dataclasses import dataclass
from enum import StrEnum

from bridge_core.errors import Refused
from bridge_core.operations import Operation, Part, Read
from bridge_core.query import After


@dataclass(frozen=True, slots=True)
class Limits:
    """What one operation may cost: records read beyond those that are returned.

    A caller may raise `max_scan` for one operation, up to `ceiling`.
    """

    max_scan: int = 10_000
    ceiling: int = 100_000

    def allowed(self, wanted: int | None) -> int:
        """Return how many records an operation may scan that asks for so many."""
        return self.max_scan if wanted is None else min(wanted, max(self.ceiling, self.max_scan))


class Strategy(StrEnum):
    """How a plan is run."""

    DIRECT = "direct"  # the adapter does all of it in one call
    SCAN = "scan"  # pages are read until the answer is known
    KEYS = "keys"  # records are looked up by key
    BATCHES = "batches"  # records are sent in batches
    FIND = "find"  # the keys are read first, then the records are written
    UPSERT = "upsert"  # the records that exist are read first, then the others are created


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done for an operation.

    `sent` are the questions to the adapter (of a scan, the first page of each); `residual` is what the core finishes
    of their answers, and `missing` for want of what. `find` is the read that goes before a write. `calls` and `records`
    are upper bounds of calls to the adapter and of records that it gives; None where the backend alone knows.
    `allowance` is how many records may be read, also to finish what an adapter leaves undone unannounced.

    `related` are the plans of far ends, for the embed of that name; each is run up to `times` times, and `purpose`
    says for what. `groups`: the core folds the records into groups.
    """

    operation: Operation
    strategy: Strategy = Strategy.DIRECT
    sent: tuple[Operation, ...] = ()
    residual: frozenset[Part] = frozenset()
    find: "Plan | None" = None
    missing: tuple[tuple[Part, str], ...] = ()
    calls: int | None = 1
    records: int | None = None
    allowance: int = 0
    refused: Refused | None = None
    related: tuple["Plan", ...] = ()
    embed: str = ""
    purpose: str = ""
    times: int = 1
    groups: bool = False

    @property
    def all_calls(self) -> int | None:
        """How many calls there are at most, those of related plans included."""
        return _total(self.calls, [(each.times, each.all_calls) for each in self.related])

    @property
    def all_records(self) -> int | None:
        """How many records are read at most, those of related plans included."""
        return _total(self.records, [(each.times, each.all_records) for each in self.related])

    def described(self) -> dict[str, object]:
        """Return the plan as JSON, without any value of the caller."""
        described: dict[str, object] = {"embed": self.embed, "purpose": self.purpose} if self.embed else {}
        described |= self._alone()
        if self.related:
            described["related"] = [each.described() for each in self.related]
        if self.groups:
            described["groups"] = "emulated: the backend lacks aggregates of this"
        if self.embed:
            described["times"] = self.times
        return {**described, "in_all": {"calls": self.all_calls, "records": self.all_records}}

    def _alone(self) -> dict[str, object]:
        return {
            "strategy": "refused" if self.refused else self.strategy.value,
            "resource": self.operation.model.resource,
            "model": self.operation.model.name,
            "parts": self._parts(),
            "sent": [_question(each) for each in self.sent],
            "calls": self.calls,
            "records": self.records,
            "first": self.find.described() if self.find else None,
            "refused": self.refused.message if self.refused else None,
            "hint": self.refused.hint if self.refused else None,
        }

    def _parts(self) -> dict[str, str]:
        wanting = dict(self.missing)
        if self.refused is not None:
            return {"all": "refused"}
        if not isinstance(self.operation, Read):
            return {"write": self.strategy.value}
        return {
            part.value: f"emulated: the backend lacks {wanting.get(part, part.value)}"
            if part in self.residual
            else "pushed"
            for part in Part
        }


def _total(own: int | None, more: list[tuple[int, int | None]]) -> int | None:
    total = own
    for times, each in more:
        total = None if total is None or each is None else total + times * each
    return total


def _question(operation: Operation) -> dict[str, object]:
    question: dict[str, object] = {"verb": type(operation).__name__.lower()}
    if isinstance(operation, Read):
        window = operation.window
        question["limit"] = window.limit
        question["paging"] = "cursor" if isinstance(window, After) else "offset"
        question["order"] = [term.path.field for term in operation.order]
    if getattr(operation, "keys", None) is not None:
        question["by"] = "key"
    return question
