"""What stands in JSON: reaching into it, its text, and its order, as PostgreSQL has them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from bridge_core.values import json_text

NOTHING: Final = object()  # what a path leads to that leads nowhere


def walk(value: object, steps: Sequence[str | int]) -> object:
    """Return what stands at a path in JSON, or NOTHING."""
    for step in steps:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step, NOTHING)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return NOTHING
    return value


def as_text(value: object) -> str | None:
    """Return JSON as `->>` does: the characters of a string, nothing for null, else its JSON."""
    if value is None or value is NOTHING:
        return None
    return value if isinstance(value, str) else json_text(value)


def json_rank(value: object) -> tuple[Any, ...]:
    """Return what JSON sorts by, as `jsonb` does: null, strings, numbers, booleans, arrays, objects."""
    match value:
        case None:
            return (0,)
        case str():
            return (1, value)
        case bool():
            return (3, value)
        case int() | float() | Decimal():
            return (2, value)
        case list():
            return (4, len(value), [json_rank(each) for each in value])
        case dict():
            pairs = sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0]))
            return (5, len(value), [((len(key), key), json_rank(each)) for key, each in pairs])
        case _:
            return (6, str(value))
