"""The contract that the stand-in is held to: Google's own discovery document of the Sheets API, version 4."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import unquote

_DOCUMENT: Final = "discovery_cache/documents/sheets.v4.json"


@dataclass(frozen=True)
class Method:
    """One method of the API: how it is called, and of what schemas request and answer are."""

    id: str
    verb: str
    path: re.Pattern[str]
    parameters: Mapping[str, Any]
    request: str | None
    answer: str


class Discovery:
    """The methods and schemas of the API; the document ships with google-api-python-client."""

    def __init__(self) -> None:
        self._document = _loaded()
        self.methods = tuple(_method(each) for each in _methods(self._document))

    def find(self, verb: str, path: str) -> tuple[Method, Mapping[str, str]] | None:
        """Return the method that a request means, with the parameters in its path."""
        for method in self.methods:
            if method.verb == verb and (found := method.path.fullmatch(path)):
                return method, {name: unquote(value) for name, value in found.groupdict().items()}
        return None

    def problems_of_query(self, method: Method, query: Mapping[str, Sequence[str]]) -> list[str]:
        """Say what is wrong with the query of a request."""
        known = {**self._document["parameters"], **method.parameters}
        wrong = [f'Unknown name "{name}": Cannot bind query parameter.' for name in query if name not in known]
        for name, values in query.items():
            allowed = known.get(name, {}).get("enum")
            wrong += [f"Invalid value at '{name}': \"{each}\"" for each in values if allowed and each not in allowed]
        return wrong

    def problems(self, schema: str, value: object, at: str) -> list[str]:
        """Say how a value differs from a schema; null stands for what is not there."""
        if not isinstance(value, dict):
            return [f"Invalid value at '{at}': an object is wanted"]
        declared = self._document["schemas"][schema].get("properties", {})
        wrong = []
        for name, each in value.items():
            if name not in declared:
                wrong.append(f"Unknown name \"{name}\" at '{at}': Cannot find field.")
            elif each is not None:
                wrong += self._misfits(declared[name], each, f"{at}.{name}")
        return wrong

    def _misfits(self, shape: Mapping[str, Any], value: object, at: str) -> list[str]:
        if "$ref" in shape:
            return self.problems(shape["$ref"], value, at)
        kind = shape.get("type")
        if kind == "array":
            if not isinstance(value, list):
                return [f"Invalid value at '{at}': a list is wanted"]
            return [wrong for each in value if each is not None for wrong in self._misfits(shape["items"], each, at)]
        if not _fits(kind, value):
            return [f"Invalid value at '{at}' ({kind}), {value!r}"]
        if "enum" in shape and value not in shape["enum"]:
            return [f"Invalid value at '{at}': {value!r} is none of the enum"]
        return []


@cache
def _loaded() -> Any:
    return json.loads(files("googleapiclient").joinpath(_DOCUMENT).read_text(encoding="utf-8"))


def _fits(kind: str | None, value: object) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "object":
            return isinstance(value, dict)
        case _:
            return True  # `any`


def _methods(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)


def _method(declared: Mapping[str, Any]) -> Method:
    parts = re.split(r"\{(\w+)\}", declared["flatPath"])
    pattern = "".join(f"(?P<{each}>[^/:]+)" if at % 2 else re.escape(each) for at, each in enumerate(parts))
    return Method(
        id=declared["id"].removeprefix("sheets.spreadsheets."),
        verb=declared["httpMethod"],
        path=re.compile("/" + pattern),
        parameters=declared.get("parameters", {}),
        request=declared.get("request", {}).get("$ref"),
        answer=declared["response"]["$ref"],
    )
