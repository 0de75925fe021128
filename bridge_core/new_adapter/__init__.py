"""Write a new adapter: a distribution that can be installed, and whose tests pass as it comes."""

import keyword
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from bridge_core.errors import ConfigurationError
from bridge_core.registry import OURS

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ENDING: Final = ".in"  # the files are no Python before their names are filled in


def write(name: str, folder: Path) -> list[Path]:
    """Write the distribution `bridge-NAME` into a new folder and return its files; nothing is ever overwritten."""
    names = names_of(name)
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already", hint="name another folder")
    written = []
    for parts, text in _templates(files(__package__) / "template", ()):
        path = folder.joinpath(*(_filled(part, names) for part in parts))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(text, names), encoding="utf-8")
        written.append(path)
    return written


def names_of(name: str) -> dict[str, str]:
    """Return what stands for the places in the templates, or raise ConfigurationError."""
    variable = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(variable):
        raise ConfigurationError(f"{name!r} is no name for an adapter", hint="lower-case words: acme, or acme-crm")
    if name in OURS:
        raise ConfigurationError(f"{name!r} is an adapter of {OURS[name]}", hint="choose another name")
    words = name.split("-")
    return {
        "<name>": name,
        "<variable>": variable,
        "<constant>": variable.upper(),
        "<package>": f"bridge_{variable}",
        "__package__": f"bridge_{variable}",
        "<title>": " ".join(words).capitalize(),
        "<Class>": "".join(word.capitalize() for word in words),
    }


def _templates(folder: Traversable, parts: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _templates(entry, (*parts, entry.name))
        elif entry.name.endswith(_ENDING):
            yield (*parts, entry.name.removesuffix(_ENDING)), entry.read_text(encoding="utf-8")


def _filled(text: str, names: dict[str, str]) -> str:
    for place, name in names.items():
        text = text.replace(place, name)
    return text
