"""Choose the form of an answer by `Accept`, and the form of a body by `Content-Type`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bridge_core.errors import Malformed, Unacceptable


@dataclass(frozen=True, slots=True)
class Media:
    """The form of an answer."""

    content_type: bytes
    singular: bool = False
    stripped: bool = False  # without the keys whose value is null
    csv: bool = False
    plan: bool = False  # what would be done, instead of doing it

    @property
    def plain(self) -> bool:
        """Tell whether the backend's JSON array is the answer as it is."""
        return not (self.singular or self.stripped or self.csv)


ARRAY: Final = Media(b"application/json; charset=utf-8")
OBJECT: Final = Media(b"application/vnd.pgrst.object+json; charset=utf-8", singular=True)
STRIPPED_ARRAY: Final = Media(b"application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8", stripped=True)
STRIPPED_OBJECT: Final = Media(
    b"application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8", singular=True, stripped=True
)
CSV: Final = Media(b"text/csv; charset=utf-8", csv=True)
PLAN: Final = Media(b"application/vnd.bridge.plan+json; charset=utf-8", plan=True)
DESCRIPTION: Final = Media(b"application/openapi+json; charset=utf-8")

_FORMS: Final[Mapping[str, tuple[Media, Media]]] = {  # with nulls, and without
    "*/*": (ARRAY, ARRAY),
    "application/*": (ARRAY, ARRAY),
    "application/json": (ARRAY, ARRAY),
    "application/vnd.pgrst.array": (ARRAY, STRIPPED_ARRAY),
    "application/vnd.pgrst.array+json": (ARRAY, STRIPPED_ARRAY),
    "application/vnd.pgrst.object": (OBJECT, STRIPPED_OBJECT),
    "application/vnd.pgrst.object+json": (OBJECT, STRIPPED_OBJECT),
    "text/csv": (CSV, CSV),
    "application/vnd.bridge.plan+json": (PLAN, PLAN),
}
_DESCRIPTIONS: Final = frozenset({"*/*", "application/*", "application/json", "application/openapi+json"})


class BodyForm(Enum):
    """The form of a request's body."""

    JSON = "application/json"
    CSV = "text/csv"
    FORM = "application/x-www-form-urlencoded"


_BODY_FORMS: Final[Mapping[str, BodyForm]] = {form.value: form for form in BodyForm}


def media_of(accept: str) -> Media:
    """Return the first acceptable form by preference, or raise Unacceptable."""
    for name, parameters in _by_quality(accept):
        forms = _FORMS.get(name)
        if forms is not None:
            return forms["nulls=stripped" in parameters]
    raise _unacceptable(accept)


def describes(accept: str) -> Media:
    """Return the form of the description, or raise Unacceptable."""
    if any(name in _DESCRIPTIONS for name, _ in _by_quality(accept)):
        return DESCRIPTION
    raise _unacceptable(accept)


def body_form_of(content_type: str) -> BodyForm:
    """Return the form of a body, or raise Malformed."""
    name = content_type.partition(";")[0].strip().lower()
    form = _BODY_FORMS.get(name)
    if form is None:
        raise Malformed(
            f"Content-Type not acceptable: {name[:200]}", code="PGRST102", hint=f"one of {', '.join(_BODY_FORMS)}"
        )
    return form


def _by_quality(accept: str) -> list[tuple[str, frozenset[str]]]:
    ranges: list[tuple[float, str, frozenset[str]]] = []
    for each in accept.split(","):
        name, *parameters = (part.strip().lower().replace(" ", "") for part in each.split(";"))
        quality = next((_quality(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        if name and quality > 0:
            ranges.append((quality, name, frozenset(parameters)))
    ranges.sort(key=lambda found: -found[0])
    return [(name, parameters) for _, name, parameters in ranges]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _unacceptable(accept: str) -> Unacceptable:
    return Unacceptable(f"None of these media types are available: {accept[:200]}")
