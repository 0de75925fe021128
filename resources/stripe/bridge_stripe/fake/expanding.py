"""`expand`: ids -> the objects that they are of."""

from typing import Any, Final

from bridge_stripe.fake.lives import Lives
from bridge_stripe.fake.refusals import Refusal

_DEEPEST: Final = 4


def expanded(found: Any, paths: list[str], mode: Lives) -> Any:
    """Return an answer with the objects at these places in full."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise Refusal("You cannot expand more than 4 levels.", param="expand")
        found = _at(found, steps, path, mode)
    return found


def _at(here: Any, steps: list[str], path: str, mode: Lives) -> Any:
    if isinstance(here, str) and (there := mode.anywhere(here)) is not None:
        here = there
    if not steps:
        return here
    if isinstance(here, list):
        return [_at(each, steps, path, mode) for each in here]
    if here is None:
        return None
    if not isinstance(here, dict) or steps[0] not in here:
        raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
    return {**here, steps[0]: _at(here[steps[0]], steps[1:], path, mode)}
