"""The spans of time that moments fall into: each stands for the beginning of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Final

from bridge_core.errors import BadValue
from bridge_core.operations import Record
from bridge_core.query import Unit
from bridge_core.relating.shapes import Output
from bridge_core.values import zone_of


def in_units(found: Sequence[Output], records: Iterable[Record], timezone: str | None) -> Iterable[Record]:
    """Return records whose moments stand for the spans that an answer puts them together by."""
    units = {each.name: each.column.unit for each in found if each.column is not None and each.column.unit is not None}
    if not units:
        return records
    zone = zone_of(timezone)
    return ({**record, **{name: begun(record[name], unit, zone) for name, unit in units.items()}} for record in records)


def begun(value: object, unit: Unit, zone: tzinfo) -> object:
    """Return the beginning of the span that a moment falls into."""
    match value:
        case None:
            return None
        case datetime():
            return _BEGINNINGS[unit](value if value.tzinfo is None else value.astimezone(zone))
        case date():
            return _BEGINNINGS[unit](datetime.combine(value, datetime.min.time())).date()
        case _:
            raise BadValue(f"only moments have a {unit.value}", code="42883")


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _week(moment: datetime) -> datetime:
    return _day(moment) - timedelta(days=moment.weekday())


_BEGINNINGS: Final[Mapping[Unit, Callable[[datetime], datetime]]] = MappingProxyType(
    {
        Unit.MICROSECOND: lambda moment: moment,
        Unit.MILLISECOND: lambda moment: moment.replace(microsecond=moment.microsecond // 1_000 * 1_000),
        Unit.SECOND: lambda moment: moment.replace(microsecond=0),
        Unit.MINUTE: lambda moment: moment.replace(second=0, microsecond=0),
        Unit.HOUR: lambda moment: moment.replace(minute=0, second=0, microsecond=0),
        Unit.DAY: _day,
        Unit.WEEK: _week,
        Unit.MONTH: lambda moment: _day(moment).replace(day=1),
        Unit.QUARTER: lambda moment: _day(moment).replace(month=(moment.month - 1) // 3 * 3 + 1, day=1),
        Unit.YEAR: lambda moment: _day(moment).replace(month=1, day=1),
    }
)
