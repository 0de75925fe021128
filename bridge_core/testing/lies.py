"""The ways in which an adapter can be wrong, as changes of what is asked and of what is answered."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from bridge_core.operations import (
    ANY_NUMBER,
    Create,
    Delete,
    Page,
    Read,
    Record,
    Resolution,
    Update,
    Write,
    Written,
    page_of,
)
from bridge_core.query import EVERYTHING, After, And, Condition, Filter, Is, Not, Nulls, Op, Or, Slice, conditions
from bridge_core.schema import Field, Model, Rule, RuleKind, Term


class Lie(Enum):
    """What a hostile adapter does wrong."""

    UNSTABLE = "describes its models in another order each time"
    NO_DATA = "describes with a list that can change"
    NO_SUCH_KEY = "names a field as key that there is not"
    SHOWS_SECRETS = "shows its password"
    EMPTY = "finds no record in any model"
    DROPS_LAST = "drops the last record of each page"
    FIRST_HUNDRED = "never gives more than the first hundred"
    REPEATS = "repeats a record"
    LARGE_PAGES = "gives one record more than asked for"
    CYCLES = "ends no walk: the last cursor leads to the start"
    ANY_CURSOR = "takes a cursor that it never gave for the start"
    NO_OFFSET = "begins every page at the first record"
    NEIGHBOURS = "gives a record for a key that is not there"
    BARE_LOOK_UPS = "forgets the filter beside keys"
    TEXT_DATES = "gives dates as text"
    ALL_COLUMNS = "gives columns that were not asked for"
    HIDDEN = "gives fields that policy took away"
    DISTINCT = "gives equal records of a chosen column once"
    FALSE_TOTAL = "counts the page and not the records"
    FLOAT_JSON = "writes other numbers into JSON than into records"
    IGNORES_FILTER = "ignores a filter that it declared"
    ANY_CASE = "compares text without its case"
    NULL_DIFFERS = "finds records without a value by neq"
    OR_IS_AND = "takes or for and"
    NO_SCOPE = "ignores the scope of a read"
    BLIND_FILTER = "filters only on what is selected"
    NO_PATHS = "takes any place in a JSON value for any other"
    BAD_RULE = "states a rule about a field that there is not"
    TEXT_NUMBERS = "sorts numbers as text"
    COLLATION = "sorts text without its case"
    NULLS_LAST = "puts records without a value last, whatever is asked"
    FIRST_TERM = "sorts by the first term alone"
    SORTS_THE_PAGE = "sorts each page by itself"
    FIRST_PAGE = "sorts the first page alone"
    SCALE = "drops zeros at the end of decimals"
    FLOAT_INTEGERS = "keeps integers as floats"
    SHIFTS_TIME = "shifts time zones"
    COMPOSES = "writes letters and their accents together"
    APPLIES_NOTHING = "says applied, and is not"
    HALF_A_BATCH = "creates ten records of a batch and says all"
    OVERWRITES = "overwrites a record by a new one of the same key"
    NOT_ATOMIC = "applies a part of a batch, and declares it atomic"
    SILENT_PART = "applies a part of a batch, and says all"
    UPDATES_ALL = "updates every record"
    DELETES_MORE = "deletes one record more"
    WRONG_COUNT = "says that a write of nothing affected a record"
    UPDATES_BEYOND = "ignores scope on update"
    DELETES_BEYOND = "ignores scope on delete"
    STALE = "gives back records as they were before"
    GIVES_ALL = "gives back columns that were not asked for"
    UNBOUNDED = "ignores the bounds on affected records"
    WET_RUN = "applies a dry run"
    MERGES = "merges where it should ignore"
    UPSERT_DOUBLES = "adds a record where it should merge"
    NO_VERSIONS = "declares versions and looks at none"
    SAME_VERSION = "gives every record the same version, for ever"
    NO_REPLAY = "declares creates applied once, and applies them twice"
    NO_WITNESS = "tells no witness of a write"
    DEAF = "applies what its witness refused"
    SWALLOWS = "turns a failure into an empty answer"
    SHORT_LIST = "turns a failure of a later page into the end of the list"
    SWALLOWS_WRITES = "says applied when the backend failed"
    GOES_ON = "goes on when it is cancelled"
    LEFT_HALFWAY = "leaves half a batch when it is cancelled, and declares it atomic"
    BLOCKS = "holds the event loop while it reads"
    BLOCKS_WRITES = "holds the event loop while it writes"
    MIXES_UP = "gives one caller what another one asked for"
    SMALL_BATCHES = "refuses batches of the declared size"
    LEAKS = "leaves a task behind"


Asked: TypeAlias = Callable[[Read], Read]
Answered: TypeAlias = Callable[[Read, Page], Page]
_PageRecords: TypeAlias = Callable[[Read, list[Record]], list[Record]]


def rewritten(term: Filter, change: Callable[[Condition], Filter]) -> Filter:
    """Return a filter with each condition changed."""
    match term:
        case Condition():
            return change(term)
        case And(terms):
            return And(tuple(rewritten(each, change) for each in terms))
        case Or(terms):
            return Or(tuple(rewritten(each, change) for each in terms))
        case Not(inner):
            return Not(rewritten(inner, change))


def whole(op: Read) -> Read:
    """Return the same question without a window."""
    return replace(op, window=Slice())


def _where(change: Callable[[Condition], Filter]) -> Asked:
    return lambda op: replace(op, where=rewritten(op.where, change))


def _deaf(term: Condition) -> Filter:
    return EVERYTHING if term.op is Op.GT and term.path.field == "size" else term


def _any_case(term: Condition) -> Filter:
    plain = term.op is Op.EQ and isinstance(term.value, str) and term.path.field == "name"
    return replace(term, op=Op.ILIKE) if plain else term


def _with_nulls(term: Condition) -> Filter:
    return Or((term, replace(term, op=Op.IS, value=Is.NULL))) if term.op is Op.NEQ else term


def _no_path(term: Condition) -> Filter:
    return replace(term, path=replace(term.path, steps=()), op=Op.IS, value=Is.NOT_NULL) if term.path.steps else term


def _all_and(term: Filter) -> Filter:
    match term:
        case And(terms) | Or(terms):
            return And(tuple(map(_all_and, terms)))
        case _:
            return term


def _blind(op: Read) -> Read:
    chosen = {column.path.field for column in op.select}
    seen = not chosen or {each.path.field for each in conditions(op.where)} <= chosen
    return op if seen else replace(op, where=Or(()))


def _any_cursor(op: Read) -> Read:
    window = op.window
    known = not isinstance(window, After) or window.cursor is None or window.cursor.isdigit()
    return op if known else replace(op, window=After(None, window.limit or 1))


ASKED: Final[Mapping[Lie, Asked]] = MappingProxyType(
    {
        Lie.EMPTY: lambda op: replace(op, where=Or(())),
        Lie.NO_OFFSET: lambda op: replace(op, window=Slice(0, op.window.limit)),
        Lie.ANY_CURSOR: _any_cursor,
        Lie.BARE_LOOK_UPS: lambda op: op if op.keys is None else replace(op, where=EVERYTHING),
        Lie.ALL_COLUMNS: lambda op: replace(op, select=()),
        Lie.IGNORES_FILTER: _where(_deaf),
        Lie.ANY_CASE: _where(_any_case),
        Lie.NULL_DIFFERS: _where(_with_nulls),
        Lie.OR_IS_AND: lambda op: replace(op, where=_all_and(op.where)),
        Lie.NO_SCOPE: lambda op: replace(op, scope=EVERYTHING),
        Lie.BLIND_FILTER: _blind,
        Lie.NO_PATHS: _where(_no_path),
        Lie.FIRST_TERM: lambda op: replace(op, order=op.order[:1]),
        Lie.FIRST_PAGE: lambda op: replace(op, order=() if op.window != Slice(0, op.window.limit) else op.order),
        Lie.NULLS_LAST: lambda op: replace(op, order=tuple(replace(each, nulls=Nulls.LAST) for each in op.order)),
    }
)
"""What the adapter asks of its backend instead."""


def _on_records(change: _PageRecords) -> Answered:
    return lambda op, page: replace(page, records=(found := change(op, list(page.records))), rows=len(found))


def _distinct(op: Read, records: list[Record]) -> list[Record]:
    return list({repr(each): each for each in records}.values()) if op.select else records


def _repeated(op: Read, records: list[Record]) -> list[Record]:
    return [*records[:-1], records[0]] if len(records) > 1 else records


def _neighbour(op: Read, records: list[Record]) -> list[Record]:
    absent = op.keys is not None and not records
    return [dict(zip(op.model.key, op.keys[0], strict=True))] if absent and op.keys else records


def _cycling(op: Read, page: Page) -> Page:
    return page if page.cursor else replace(page, cursor="0")


def _float_json(op: Read, page: Page) -> Page:
    if not op.encoded or page.encoded is None:
        return page
    return replace(page, encoded=page.encoded.replace(b"0", b"1"))


ANSWERED: Final[Mapping[Lie, Answered]] = MappingProxyType(
    {
        Lie.DROPS_LAST: _on_records(lambda op, records: records[:-1]),
        Lie.REPEATS: _on_records(_repeated),
        Lie.LARGE_PAGES: _on_records(lambda op, records: [*records, *records[-1:]] if op.window.limit else records),
        Lie.FIRST_HUNDRED: _on_records(lambda op, records: records[:100]),
        Lie.CYCLES: _cycling,
        Lie.NEIGHBOURS: _on_records(_neighbour),
        Lie.DISTINCT: _on_records(_distinct),
        Lie.FALSE_TOTAL: lambda op, page: replace(page, total=None if page.total is None else page.rows),
        Lie.FLOAT_JSON: _float_json,
        Lie.SAME_VERSION: lambda op, page: replace(page, etags=["1"] * (page.rows or 0) if op.versions else None),
    }
)
"""What the adapter makes of its backend's answer."""


def _shifted(value: object) -> object:
    return value + timedelta(hours=1) if isinstance(value, datetime) and value.tzinfo else value


VALUES: Final[Mapping[Lie, Callable[[Any], object]]] = MappingProxyType(
    {
        Lie.TEXT_DATES: lambda value: str(value) if type(value).__name__ == "date" else value,
        Lie.SCALE: lambda value: value.normalize() if isinstance(value, Decimal) else value,
        Lie.FLOAT_INTEGERS: lambda value: int(float(value)) if type(value) is int else value,
        Lie.SHIFTS_TIME: _shifted,
        Lie.COMPOSES: lambda value: unicodedata.normalize("NFC", value) if isinstance(value, str) else value,
    }
)
"""What becomes of a value on its way."""


SORTED: Final[Mapping[Lie, Callable[[Any], Any]]] = MappingProxyType(
    {
        Lie.TEXT_NUMBERS: lambda value: str(value) if isinstance(value, int | Decimal | float) else value,
        Lie.COLLATION: lambda value: value.casefold() if isinstance(value, str) else value,
    }
)
"""By what the adapter sorts instead of by the value."""


def in_order(op: Read, page: Page, rank: Callable[[Any], Any]) -> Page:
    """Return the whole answer sorted by another rank, and the window cut from it."""
    records = list(page.records)
    for term in reversed(op.order):
        name = term.path.field
        absent = [each for each in records if each.get(name) is None]
        present = [each for each in records if each.get(name) is not None]
        present.sort(key=lambda each: rank(each[name]), reverse=term.descending)
        records = absent + present if term.nulls_first else present + absent
    window = op.window
    start = window.offset if isinstance(window, Slice) else 0
    end = None if window.limit is None else start + window.limit
    return page_of(records[start:end])


def _with(**capabilities: Any) -> Callable[[Model], Model]:
    return lambda model: replace(model, capabilities=replace(model.capabilities, **capabilities))


DESCRIBED: Final[Mapping[Lie, Callable[[Model], Model]]] = MappingProxyType(
    {
        Lie.NO_DATA: lambda model: replace(model, fields=tuple(_listed(each) for each in model.fields)),
        Lie.NO_SUCH_KEY: lambda model: replace(model, key=("nothing",)),
        Lie.BAD_RULE: _with(rules=(Rule(RuleKind.FORBID_TOGETHER, (Term("nothing"), Term("id"))),)),
        Lie.NO_REPLAY: _with(idempotent_create=True),
    }
)
"""What the adapter declares beyond the truth."""


def _listed(field: Field) -> Field:
    return replace(field, enum=_Words(field.enum))  # type: ignore[arg-type]  # that is the lie


class _Words(list[str]):
    """A list that can be hashed, as no list should."""

    def __hash__(self) -> int:  # type: ignore[override]  # that is the lie
        return 0


def _options(op: Write, **changes: Any) -> Write:
    return replace(op, options=replace(op.options, **changes))


def _merging(op: Write) -> Write:
    if isinstance(op, Create) and op.upsert is not None:
        return replace(op, upsert=replace(op.upsert, resolution=Resolution.MERGE))
    return op


def _doubling(op: Write) -> Write:
    if isinstance(op, Create) and op.upsert is not None and op.upsert.resolution is Resolution.MERGE:
        name = op.upsert.target[0]
        records = [{**each, name: _another(each[name])} for each in op.records]
        return replace(op, records=records, upsert=None)
    return op


def _another(value: object) -> object:
    return value + 7 if isinstance(value, int) else f"{value}'"


SENT: Final[Mapping[Lie, Callable[[Write], Write]]] = MappingProxyType(
    {
        Lie.UPDATES_ALL: lambda op: replace(op, where=EVERYTHING) if isinstance(op, Update) else op,
        Lie.UPDATES_BEYOND: lambda op: replace(op, scope=EVERYTHING) if isinstance(op, Update) else op,
        Lie.DELETES_BEYOND: lambda op: replace(op, scope=EVERYTHING) if isinstance(op, Delete) else op,
        Lie.UNBOUNDED: lambda op: _options(op, affected=ANY_NUMBER),
        Lie.WET_RUN: lambda op: _options(op, dry_run=False),
        Lie.GIVES_ALL: lambda op: op if op.options.returning is None else _options(op, returning=()),
        Lie.NO_VERSIONS: lambda op: _options(op, etags=None),
        Lie.SAME_VERSION: lambda op: _options(op, etags=None),
        Lie.MERGES: _merging,
        Lie.UPSERT_DOUBLES: _doubling,
        Lie.HALF_A_BATCH: lambda op: replace(op, records=op.records[:10]) if isinstance(op, Create) else op,
    }
)
"""What the adapter writes instead."""


def _counted(op: Write, written: Written) -> Written:
    return replace(written, affected=written.affected or 1)


def _all_counted(op: Write, written: Written) -> Written:
    return replace(written, affected=len(op.records), inserted=len(op.records)) if isinstance(op, Create) else written


WRITTEN: Final[Mapping[Lie, Callable[[Write, Written], Written]]] = MappingProxyType(
    {Lie.WRONG_COUNT: _counted, Lie.HALF_A_BATCH: _all_counted}
)
"""What the adapter says of a write."""
