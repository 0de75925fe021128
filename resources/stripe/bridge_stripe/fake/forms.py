"""The form encoding of Stripe: `a[b][0]=c` <-> nested values, all of them text."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

_DEEPEST: Final = 10


def decoded(text: str) -> dict[str, Any]:
    """Return the parameters of a query or a body; lists are still objects whose keys are numbers."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        steps = name.replace("]", "").split("[")[:_DEEPEST]
        here = found
        for step in steps[:-1]:
            inner = here.setdefault(_free(here, step), {})
            here = inner if isinstance(inner, dict) else {}
        here[_free(here, steps[-1])] = value
    return found


def listed(value: Any) -> list[Any] | None:
    """Return what was sent as a list; None: it was none."""
    if not isinstance(value, dict) or not all(each.isdigit() for each in value):
        return None
    return [value[each] for each in sorted(value, key=int)]


def texts(value: Any) -> list[str]:
    """Return a list of texts, or nothing."""
    return [each for each in listed(value) or () if isinstance(each, str)]


def _free(there: Iterable[str], step: str) -> str:
    """Give the items of `a[]=x` numbers."""
    return step or str(sum(1 for _ in there))
