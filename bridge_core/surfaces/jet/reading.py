"""List, retrieve and siblings."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from bridge_core.errors import Rejected
from bridge_core.operations import Answer, Operation, Page, Read
from bridge_core.query import And, Column, Condition, Counting, Filter, Is, Op, Or, Order, Path, Slice
from bridge_core.schema import FieldType, Model
from bridge_core.surfaces.jet.exchange import Reply, Request, reply
from bridge_core.surfaces.jet.naming import key_of
from bridge_core.surfaces.jet.outward import records_of
from bridge_core.surfaces.jet.problems import SEVERAL, Missing, general
from bridge_core.surfaces.jet.question import MOST_PER_PAGE, Question, read_of, window_of

Perform: TypeAlias = Callable[[Operation], Awaitable[Answer]]
"""Carries an operation to the bridge in the name of whoever asks."""

LARGE: Final = 10_000  # records from which on their number may be a guess
_MOST_REMEMBERED: Final = 10_000


class Sizes:
    """How large models were when they were last counted: a hint at which way to count them is cheap."""

    def __init__(self) -> None:
        """Know nothing yet: what was never counted may be large."""
        self._seen: dict[tuple[str, str], int] = {}

    def small(self, model: Model) -> bool:
        """Tell whether counting every record costs little."""
        return self._seen.get((model.resource, model.name), LARGE) < LARGE

    def saw(self, model: Model, total: int) -> None:
        """Take down how many records there are."""
        if len(self._seen) >= _MOST_REMEMBERED:
            self._seen.clear()
        self._seen[model.resource, model.name] = total


@dataclass(frozen=True, slots=True)
class Reading:
    """Answers questions about records for one request."""

    perform: Perform
    sizes: Sizes

    async def listed(self, request: Request, question: Question) -> Reply:
        """Return a page of records with links and their number, or, without pagination, the records alone."""
        if request.first("_no_pagination"):
            page = await self.page(replace(read_of(question), window=Slice(0, MOST_PER_PAGE)))
            return reply(await records_of(page, question.model, question.zone, question.timezone))
        number, size = window_of(request)
        began = time.perf_counter()
        page, exact = await self._counted(question, Slice((number - 1) * size, size))
        records = await records_of(page, question.model, question.zone, question.timezone)
        total = page.total if page.total is not None else (number - 1) * size + len(records)
        pages = math.ceil(total / size)
        more = number < pages or (not exact and len(records) == size)
        spent = round(time.perf_counter() - began, 6)
        return reply(
            {
                "count": total,
                "next": _link(request, number + 1) if more else None,
                "previous": _link(request, number - 1) if number > 1 else None,
                "results": records,
                "num_pages": pages,
                "per_page": size,
                "has_more": more,
                "data_query_time": spent,
                "count_query_time": 0.0 if exact else spent,
            }
        )

    async def retrieved(self, question: Question, key: str) -> Reply:
        """Return the one record of that key."""
        return reply(await self.one(question, key))

    async def one(self, question: Question, key: str) -> Mapping[str, Any]:
        """Return the record of a key within what a question means, or raise Missing."""
        found = question.within(at_key(question.model, key))
        page = await self.page(replace(read_of(found), order=(), window=Slice(0, 2)))
        records = await records_of(page, question.model, question.zone, question.timezone)
        must_be_one(len(records), question.model)
        return records[0]

    async def siblings(self, question: Question, key: str) -> Reply:
        """Return the keys of the records before and after one in the order of the question."""
        model = question.model
        read = replace(read_of(question), encoded=False)
        if question.unlimited and await self.total(question) > LARGE:
            return reply({})
        found = await self.page(
            replace(read, where=And((read.where, at_key(model, key))), order=(), window=Slice(0, 2))
        )
        must_be_one(len(found.records), model)
        here = found.records[0]
        before = tuple(replace(term, descending=not term.descending) for term in question.order)
        return reply(
            {
                "prev": await self._neighbour(read, before, here),
                "next": await self._neighbour(read, question.order, here),
            }
        )

    async def total(self, question: Question) -> int:
        """Return how many records there are, a guess where they are many and nothing limits them."""
        page, _ = await self._counted(question, Slice(0, 1))
        return page.total or 0

    async def page(self, read: Read) -> Page:
        """Perform a read."""
        answer = await self.perform(read)
        assert isinstance(answer, Page)  # a Read is answered by a Page
        return answer

    async def _counted(self, question: Question, window: Slice) -> tuple[Page, bool]:
        """Return a page with the number of all records, and whether that was counted or guessed."""
        read = replace(read_of(question), window=window)
        if not question.unlimited or self.sizes.small(question.model):
            page = await self.page(replace(read, count=Counting.EXACT))
            if question.unlimited:
                self.sizes.saw(question.model, page.total or 0)
            return page, True
        page = await self.page(replace(read, count=Counting.ESTIMATED))
        if page.total is not None and page.total >= LARGE:
            return page, False
        page = await self.page(replace(read, count=Counting.EXACT))
        self.sizes.saw(question.model, page.total or 0)
        return page, True

    async def _neighbour(self, read: Read, order: Sequence[Order], here: Mapping[str, Any]) -> object:
        name = key_of(read.model)[0]
        where = And((read.where, _beyond(order, here)))
        columns = (Column(Path(name)),)
        page = await self.page(
            replace(read, select=columns, where=where, order=tuple(order), window=Slice(0, 1), encoded=True)
        )
        records = await records_of(page, read.model, UTC)
        return {name: records[0][name]} if records else None


def at_key(model: Model, text: str) -> Filter:
    """Return the condition that a record has the key that a path names: its parts are separated by commas."""
    names = key_of(model)
    parts = text.split(",") if len(names) > 1 and text.count(",") == len(names) - 1 else [text]
    terms = tuple(_part(model, name, part) for name, part in zip(names, parts, strict=False))
    return terms[0] if len(terms) == 1 else And(terms)


def must_be_one(found: int, model: Model) -> None:
    """Raise Missing where there is no record; and where there are several, since a key means one."""
    if found == 0:
        raise Missing("there is no such record")
    if found > 1:
        named = ",".join(key_of(model))
        raise Rejected(f"the key means several records: name every part of it in the path ({named})", code=SEVERAL)


def _part(model: Model, name: str, text: str) -> Condition:
    if model.field(name).type is FieldType.INTEGER and not text.removeprefix("-").isdecimal():
        raise general("not a valid integer")
    return Condition(Path(name), Op.EQ, text)


def _beyond(order: Sequence[Order], here: Mapping[str, Any]) -> Filter:
    """Return the filter of the records that stand behind one in an order."""
    alternatives: list[Filter] = []
    same: list[Filter] = []
    for term in order:
        value = here[term.path.field]
        behind = _behind(term, value)
        if behind is not None:
            alternatives.append(And((*same, behind)))
        same.append(_state(term.path, Is.NULL) if value is None else Condition(term.path, Op.EQ, value))
    return Or(tuple(alternatives))


def _behind(term: Order, value: object) -> Filter | None:
    if value is None:
        return _state(term.path, Is.NOT_NULL) if term.nulls_first else None
    further: Filter = Condition(term.path, Op.LT if term.descending else Op.GT, value)
    return further if term.nulls_first else Or((further, _state(term.path, Is.NULL)))


def _state(path: Path, state: Is) -> Condition:
    return Condition(path, Op.IS, state)


def _link(request: Request, number: int) -> str:
    pairs = [(name, value) for name, values in request.query.items() if name != "page" for value in values]
    if number > 1:
        pairs.append(("page", str(number)))
    query = urlencode(sorted(pairs, key=lambda pair: pair[0]))
    return f"{request.base}{request.path}" + (f"?{query}" if query else "")
