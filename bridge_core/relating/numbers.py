"""Sums, averages and extremes of values, as PostgreSQL computes them."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from types import MappingProxyType
from typing import Any, Final

from bridge_core.compare import ordering
from bridge_core.errors import BadValue
from bridge_core.query import Aggregate
from bridge_core.schema import Field, FieldType

_NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL})
_WITHOUT_EXTREMES: Final = frozenset({FieldType.BOOLEAN, FieldType.JSON})
_DIGITS: Final = 4  # decimal digits in one digit of PostgreSQL's numerics
_SIGNIFICANT: Final = 16  # decimal digits that a quotient has at least
_MOST_DIGITS: Final = 2_000


def computed(function: Aggregate, place: Field, values: Sequence[Any]) -> object:
    """Return what an aggregate makes of the values that are there."""
    return _FUNCTIONS[function](place, values)


def must_compute(function: Aggregate, place: Field) -> None:
    """Raise unless the aggregate exists for values of this type, as PostgreSQL does."""
    if function is Aggregate.COUNT:
        return
    if function in (Aggregate.SUM, Aggregate.AVG):
        exists = place.type in _NUMBERS
    else:
        exists = place.type not in _WITHOUT_EXTREMES
    if not exists:
        name = place.native or place.type.value
        raise BadValue(
            f"function {function.value}({name}) does not exist", code="42883", hint="cast the values to a number"
        )


def _sum(place: Field, values: Sequence[Any]) -> object:
    if not values:
        return None
    with localcontext(prec=_MOST_DIGITS):
        return sum(values[1:], values[0])


def _average(place: Field, values: Sequence[Any]) -> object:
    if not values:
        return None
    if place.type is FieldType.FLOAT:
        return sum(values) / len(values)
    with localcontext(prec=_MOST_DIGITS):
        total = sum((Decimal(value) for value in values), Decimal(0))
        return _quotient(total, Decimal(len(values)))


def _quotient(total: Decimal, count: Decimal) -> Decimal:
    """Divide with the scale that PostgreSQL chooses: so many significant digits, and none of the dividend's lost."""
    if not total.is_finite():
        return total
    left, right = _leading(total), _leading(count)
    weight = left[0] - right[0] - (1 if left[1] <= right[1] else 0)
    exponent = total.as_tuple().exponent
    assert isinstance(exponent, int)  # it is finite
    scale = max(_SIGNIFICANT - weight * _DIGITS, -exponent, 0)
    return (total / count).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def _leading(value: Decimal) -> tuple[int, int]:
    """Return the weight and the value of the first digit, in base 10,000."""
    if value.is_zero():
        return 0, 0
    weight = value.adjusted() // _DIGITS
    return weight, int(abs(value).scaleb(-weight * _DIGITS))


def _extreme(choose: Callable[..., Any]) -> Callable[[Field, Sequence[Any]], object]:
    def chosen(place: Field, values: Sequence[Any]) -> object:
        return choose(values, key=ordering(place)) if values else None

    return chosen


def _count(place: Field, values: Sequence[Any]) -> object:
    return len(values)


_FUNCTIONS: Final[Mapping[Aggregate, Callable[[Field, Sequence[Any]], object]]] = MappingProxyType(
    {
        Aggregate.COUNT: _count,
        Aggregate.SUM: _sum,
        Aggregate.AVG: _average,
        Aggregate.MIN: _extreme(min),
        Aggregate.MAX: _extreme(max),
    }
)
