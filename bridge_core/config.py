"""Read plugins.toml: secrets resolved, every table validated, every complaint with file, table, key and cure."""

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bridge_core.errors import ConfigurationError
from bridge_core.policy import ANY
from bridge_core.settings import Settings

M = TypeVar("M", bound=BaseModel)
Location: TypeAlias = tuple[str | int, ...]

ENV: Final = "env:"
FILE: Final = "file:"
RESERVED: Final = frozenset({"v1"})  # `/rest/v1/` is the path of clients that name the resource in a header
NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
MAX_SECRET_FILE: Final = 1_000_000  # bytes


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a configuration file; raise ConfigurationError with everything that is wrong in it."""
    place = Place(path)
    tables = resolved(_parsed(path), place, environ)
    settings = validated(Settings, {**tables, "path": path}, place)
    complaints = [*_bad_resources(settings, place), *_bad_roles(settings, place), *_bad_relations(settings, place)]
    if complaints:
        raise ConfigurationError("\n".join(complaints))
    return settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the configuration a value stands; `beside` are keys of the same table that somebody else reads."""

    path: Path
    location: Location = ()
    beside: tuple[str, ...] = ()

    def inside(self, *location: str | int) -> "Place":
        """Return a place deeper in the same file."""
        return replace(self, location=(*self.location, *location))

    def __str__(self) -> str:
        """Name file, table and key, as one reads them in the file."""
        if not self.location:
            return str(self.path)
        *tables, key = self.location
        table = ".".join(str(part) for part in tables)
        return f"{self.path}: [{table}] {key}" if table else f"{self.path}: [{key}]"


def validated(model: type[M], values: Mapping[str, Any], place: Place) -> M:
    """Make a settings value; every mistake is reported at once, none of them with the value that was wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = list(_complaints(model, values, error, place))
    raise ConfigurationError("\n".join(lines))  # outside of `except`: the cause would show values


def suggestion(wrong: str, right: Iterable[str], question: str = "did you mean") -> str:
    """Return ` (did you mean 'x'?)` where something is close, else nothing."""
    close = difflib.get_close_matches(wrong, list(right), n=1, cutoff=0.6)
    return f" ({question} {close[0]!r}?)" if close else ""


def resolved(value: Any, place: Place, environ: Mapping[str, str]) -> Any:
    """Replace every text that begins with `env:` or `file:` by what it names."""
    match value:
        case str() if value.startswith(ENV):
            return _from_environment(value.removeprefix(ENV), place, environ)
        case str() if value.startswith(FILE):
            return _from_file(value.removeprefix(FILE), place)
        case dict():
            return {key: resolved(each, place.inside(key), environ) for key, each in value.items()}
        case list():
            return [resolved(each, place.inside(index), environ) for index, each in enumerate(value)]
        case _:
            return value


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: there is no such file", hint="name the file: bridge-serve path/to/plugins.toml"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: this is not TOML: {error}", hint="see https://toml.io") from error


def _from_environment(name: str, place: Place, environ: Mapping[str, str]) -> str:
    text = environ.get(name)
    if not text:
        state = "empty" if text == "" else "not set"
        raise ConfigurationError(f"{place}: the environment variable {name} is {state}", hint=f"export {name}=...")
    return text


def _from_file(name: str, place: Place) -> str:
    path = place.path.parent / name
    try:
        state = path.stat()
        if state.st_mode & stat.S_IROTH:
            raise ConfigurationError(f"{place}: every user can read {path}", hint=f"chmod o-rwx {path}")
        if state.st_size > MAX_SECRET_FILE:
            raise ConfigurationError(f"{place}: {path} is larger than {MAX_SECRET_FILE:,} bytes")
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(
            f"{place}: the file {path} cannot be read: {error.strerror}",
            hint=f"paths are relative to the folder of {place.path.name}",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{place}: the file {path} is not UTF-8 text") from error


def _complaints(model: type[BaseModel], values: Any, error: ValidationError, place: Place) -> Iterable[str]:
    found: dict[str, str] = {}
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        location = _written(values, mistake["loc"], missing=mistake["type"] == "missing")
        where = str(place.inside(*location))
        said = _said(model, location, mistake["type"], mistake["msg"], place)
        if mistake["type"] == "missing":
            said += suggestion(str(location[-1]), _unknown(model, values, location[:-1]), "did you mean it by")
        found[where] = f"{found[where]}, or {said}" if where in found else said
    return (f"{where}: {said}" for where, said in found.items())


def _said(model: type[BaseModel], location: Location, kind: str, message: str, place: Place) -> str:
    match kind:
        case "extra_forbidden":
            known = (*_keys(model, location[:-1]), *place.beside)
            near = suggestion(str(location[-1]), known)
            return f"there is no such key{near}; keys: {', '.join(sorted(known))}"
        case "missing":
            return "this key is missing"
        case _:
            text = message.removeprefix("Value error, ")
            return text[:1].lower() + text[1:]


def _written(values: Any, location: Location, *, missing: bool) -> Location:
    """Return the part of a location that stands in the file: pydantic adds branches of unions to it."""
    here = values
    for depth, part in enumerate(location):
        match here, part:
            case Mapping(), str() if part in here:
                here = here[part]
            case ((list() | tuple()), int()) if part < len(here):
                here = here[part]
            case _:
                return location if missing else location[:depth]
    return location


def _unknown(model: type[BaseModel], values: Any, location: Location) -> Iterable[str]:
    """Return the keys that stand in a table of the file and mean nothing there."""
    for part in location:
        values = values[part]
    return set(values) - set(_keys(model, location))


def _keys(model: type[BaseModel], location: Location) -> Iterable[str]:
    """Return the keys that the table at a location may have."""
    here: Any = model
    for part in location:
        here = _model_of(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            named = (info for name, info in here.model_fields.items() if part in {name, info.alias})
            here = next((info.annotation for info in named), None)
        else:
            inner = get_args(here) or (None,)
            here = inner[-1] if isinstance(part, str) else inner[0]
    table = _model_of(here)
    fields = table.model_fields.items() if isinstance(table, type) and issubclass(table, BaseModel) else ()
    return [info.alias or name for name, info in fields if not info.exclude]


def _model_of(annotation: Any) -> Any:
    """Return the table among the members of a union; anything else as it is."""
    members = (each for each in get_args(annotation) if isinstance(each, type) and issubclass(each, BaseModel))
    return next(members, annotation) if get_origin(annotation) in {Union, UnionType} else annotation


def _bad_resources(settings: Settings, place: Place) -> Iterator[str]:
    names = settings.resources
    for name in names:
        if name in RESERVED:
            yield f"{place.path}: [resources.{name}]: {name!r} is a reserved name; call it otherwise"
        elif not NAME.fullmatch(name):
            yield f"{place.path}: [resources.{name}]: a name consists of letters, digits, _ and -"
    marked = [name for name, resource in names.items() if resource.default]
    if len(marked) > 1:
        yield f"{place.path}: {', '.join(marked)} each say `default = true`; only one resource can be the default"


def _bad_relations(settings: Settings, place: Place) -> Iterator[str]:
    names = [relation.name for relation in settings.relations]
    for index, relation in enumerate(settings.relations):
        parts = [("from", relation.source, 2), ("to", relation.target, 2)]
        parts += [("through", relation.through.model, 1)] if relation.through is not None else []
        for end, text, least in parts:
            resource, *rest = text.split(".")
            where = place.inside("relations", index, end)
            if len(rest) < least or not all((resource, *rest)):
                yield f"{where}: {text!r} must read resource.model{'.field' if least > 1 else ''}"
            elif resource not in settings.resources:
                yield f"{where}: there is no resource {resource!r}{suggestion(resource, settings.resources)}"
        if relation.name in names[:index] or not relation.name:
            yield f"{place.inside('relations', index, 'name')}: each relation needs a name of its own"


def _bad_roles(settings: Settings, place: Place) -> Iterator[str]:
    for role, resources in settings.roles.items():
        for resource in resources:
            if resource != ANY and resource not in settings.resources:
                near = suggestion(resource, settings.resources)
                yield f"{place.path}: [roles.{role}.{resource}]: there is no resource {resource!r}{near}"
