"""Run the plan of a read: ask, filter while pages come, and finish what is left once all is there."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from bridge_core.adapter import Adapter
from bridge_core.arrange import ordered, shaped
from bridge_core.errors import Refused, UpstreamFailed
from bridge_core.evaluate import predicate
from bridge_core.operations import Page, Part, Read, Record, page_of
from bridge_core.planning.cursors import Place, cursor_of, passed_on, place_of
from bridge_core.planning.plan import Limits, Plan, Strategy
from bridge_core.planning.reads import plan_undone
from bridge_core.query import After, Counting, Slice, both
from bridge_core.schema import Model, Paging


async def run_read(adapter: Adapter, plan: Plan) -> Page:
    """Run the plan of a read; the page holds every record that it should, or this raises."""
    try:
        if plan.strategy is Strategy.DIRECT:
            return await _direct(adapter, plan)
        return await _Gathering(adapter, plan).page()
    except _LeftUndone as left:
        assert isinstance(plan.operation, Read)  # a read's plan
        limits = Limits(plan.allowance, plan.allowance)
        again = plan_undone(plan.operation, plan.residual | left.parts, limits)
        return await _Gathering(adapter, again).page()


async def _direct(adapter: Adapter, plan: Plan) -> Page:
    (question,) = plan.sent
    assert isinstance(question, Read)  # a read's plan
    page = await adapter.read(question)
    if page.unfinished:
        raise _LeftUndone(page.unfinished)
    if Part.SELECT in plan.residual:
        op = plan.operation
        assert isinstance(op, Read)  # a read's plan
        shape = shaped(op.model, op.select, op.timezone)
        page = replace(page, records=[shape(record) for record in page.records])
    return replace(page, cursor=passed_on(page.cursor)) if page.cursor else page


class _LeftUndone(Exception):
    """An adapter left parts undone that it had declared to do: the core plans again without them."""

    def __init__(self, parts: frozenset[Part]) -> None:
        super().__init__()
        self.parts = parts


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some records, and the adapter's cursor before them."""

    records: Sequence[Record]
    cursor: str | None
    total: int | None


class _Gathering:
    """The records of one read while they come together."""

    def __init__(self, adapter: Adapter, plan: Plan) -> None:
        assert isinstance(plan.operation, Read)  # a read's plan
        self._adapter = adapter
        self._plan = plan
        self._op = op = plan.operation
        self._questions = [each for each in plan.sent if isinstance(each, Read)]
        self._calls = self._scanned = self._matched = 0
        self._kept: list[Record] = []
        self._seen: set[tuple[object, ...]] = set()
        self._sees_all = bool(plan.residual & {Part.ORDER, Part.COUNT})
        self._place = place_of(op.window)
        self._skip = self._place.skip - self._start()
        self._goal = None if op.window.limit is None else self._skip + op.window.limit
        self._complete = True
        self._next: Place | None = None
        self._total: int | None = None
        tests = Part.WHERE in plan.residual and bool(self._questions)
        self._test = predicate(self._questions[0].model, both(op.scope, op.where)) if tests else None

    async def page(self) -> Page:
        """Ask until the answer is known."""
        if self._goal != self._skip or self._op.count is not Counting.NONE:
            await self._gather()
        if Part.COUNT in self._plan.residual:
            self._total = self._matched if self._complete else None
        return self._finished()

    async def _gather(self) -> None:
        for question in self._questions:
            async for piece in self._pieces(question):
                self._take(piece)
                if self._filled() and not self._sees_all:
                    self._complete = False
                    return
                if self._spent():
                    self._give_up()
                    return

    def _take(self, piece: _Piece) -> None:
        before = self._matched
        fresh = [record for record in self._new(piece.records) if self._test is None or self._test(record) is True]
        self._matched += len(fresh)
        room = None if self._goal is None or Part.ORDER in self._plan.residual else self._goal - len(self._kept)
        self._kept.extend(fresh[:room] if room is None or room >= 0 else ())
        if piece.total is not None and self._total is None and self._op.count is not Counting.NONE:
            self._total = piece.total
        if self._goal is not None and before < self._goal <= self._matched:
            self._next = self._after(piece, self._goal - before)

    def _new(self, records: Sequence[Record]) -> Sequence[Record]:
        """Drop the records that an earlier question brought as well."""
        if len(self._questions) < 2 or self._plan.strategy is Strategy.KEYS:
            return records
        fresh = []
        for record in records:
            key = tuple(record.get(name) for name in self._op.model.key)
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(record)
        return fresh

    def _after(self, piece: _Piece, taken: int) -> Place:
        """Return where the next page begins: in the adapter's page, or counted from the start."""
        pages = self._op.model.capabilities.paging is Paging.CURSOR and self._plan.strategy is Strategy.SCAN
        if pages and len(self._questions) == 1 and not self._sees_all:
            return Place(taken, piece.cursor)
        return Place(self._start() + (self._goal or 0))

    def _filled(self) -> bool:
        return self._goal is not None and self._matched >= self._goal

    def _spent(self) -> bool:
        if self._plan.strategy is Strategy.KEYS:
            return False
        return self._scanned > self._plan.allowance

    def _give_up(self) -> None:
        """Refuse, unless only a guess at the number of records is left to make."""
        guess = self._op.count in (Counting.PLANNED, Counting.ESTIMATED)
        if not guess or not self._filled() or Part.ORDER in self._plan.residual:
            raise too_much(self._plan)
        self._complete = False

    def _start(self) -> int:
        window = self._questions[0].window if self._questions else None
        return window.offset if isinstance(window, Slice) else 0

    def _finished(self) -> Page:
        op, residual = self._op, self._plan.residual
        records: Sequence[Record] = self._kept
        if Part.ORDER in residual:
            records = ordered(self._questions[0].model, records, op.order) if self._questions else records
        records = records[self._skip : self._goal]
        if Part.SELECT in residual:
            shape = shaped(op.model, op.select, op.timezone)
            records = [shape(record) for record in records]
        over = self._next is None or (self._complete and self._goal is not None and self._matched <= self._goal)
        cursor = None if over or self._next is None or not isinstance(op.window, After) else cursor_of(self._next)
        return page_of(records, total=self._total, cursor=cursor)

    async def _pieces(self, question: Read) -> AsyncIterator[_Piece]:
        """Ask one question, page by page."""
        window = question.window if question.window.limit is None else self._within(question.window)
        while True:
            page = await self._ask(replace(question, window=window))
            whole = Part.WINDOW in page.unfinished
            more = _next_window(window, page, whole=whole)
            cursor = window.cursor if isinstance(window, After) else None
            yield _Piece(page.records, cursor, page.total)
            if more is None:
                return
            window = self._within(more)
            question = replace(question, count=Counting.NONE)

    async def _ask(self, question: Read) -> Page:
        self._calls += 1
        if self._plan.calls is not None and self._calls > self._plan.calls:
            raise too_much(self._plan)
        page = await self._adapter.read(question)
        undone = page.unfinished - self._plan.residual
        if undone:
            raise _LeftUndone(undone)
        if page.encoded is not None or page.stream is not None:
            raise UpstreamFailed("the adapter encoded records that still had to be finished")
        self._scanned += len(page.records)
        return page

    def _within(self, window: Slice | After) -> Slice | After:
        """Ask for no more than the plan announced."""
        records = self._plan.records
        assert window.limit is not None  # a page, not the whole
        left = window.limit if records is None else max(1, min(window.limit, records - self._scanned))
        reach = self._op.model.capabilities.max_offset
        if isinstance(window, Slice) and reach is not None and window.offset > reach:
            raise Refused(
                f"{self._op.model.name!r} gives no records beyond the offset {reach}",
                hint=_nearest(self._op.model),
            )
        return replace(window, limit=left)


def too_much(plan: Plan) -> Refused:
    """Say that an answer would take more records than the core may read, and what would take fewer."""
    wanting = "; ".join(reason for _, reason in plan.missing) or "this window"
    return Refused(
        f"{plan.operation.model.name!r} has more records than the {plan.allowance} that may be read "
        f"for what its backend cannot do itself: {wanting}",
        hint=_nearest(plan.operation.model),
    )


def _nearest(model: Model) -> str:
    hidden = {field.name for field in model.backstage}
    fields = [field for field in model.readable if field.name not in hidden]
    able = sorted(f"{field.name} ({', '.join(sorted(field.operators))})" for field in fields if field.operators)
    sortable = [field.name for field in fields if field.sortable]
    filters = f"filter by {'; '.join(able[:8])}" if able else "the backend filters by nothing"
    orders = f"; order by {', '.join(sortable[:8])}" if sortable and model.capabilities.sort_terms != 0 else ""
    return f"{filters}{orders}; or raise the bound with Prefer: max-scan=N, or ask without a count"


def _next_window(window: Slice | After, page: Page, *, whole: bool) -> Slice | After | None:
    limit = window.limit
    if whole and page.cursor is not None:
        return After(page.cursor, limit or 1_000)
    if limit is None or whole:
        return None
    if len(page.records) > limit:
        raise UpstreamFailed("the adapter gave more records than it was asked for")
    if isinstance(window, After):
        return None if page.cursor is None else After(page.cursor, limit)
    return Slice(window.offset + limit, limit) if len(page.records) == limit else None
