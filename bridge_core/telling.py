"""How commands speak to people: errors with their cure, exit codes, options that several commands share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import typer

from bridge_core import process
from bridge_core.config import suggestion
from bridge_core.errors import BridgeError, ConfigurationError
from bridge_core.settings import Settings

WRONG: Final = process.CANNOT_START  # the configuration or the command must change
FAILED: Final = 1  # something that was asked for is not there now, or the answer is no


@contextmanager
def speaking() -> Iterator[None]:
    """Turn an error into one message for people and an exit code."""
    try:
        yield
    except BridgeError as error:
        complain(error)
        raise typer.Exit(WRONG if isinstance(error, ConfigurationError) else FAILED) from None


def complain(error: BridgeError) -> None:
    """Print an error and its cure."""
    typer.echo(error.message, err=True)
    if error.hint:
        typer.echo(f"  -> {error.hint}", err=True)


def known_roles(names: Sequence[str] | None, settings: Settings) -> tuple[str, ...]:
    """Return the roles that an option names, or raise ConfigurationError for one that the file does not have."""
    for name in names or ():
        if name not in settings.roles:
            near, known = suggestion(name, settings.roles), ", ".join(settings.roles) or "none"
            raise ConfigurationError(f"{settings.path}: there is no role {name!r}{near}; roles: {known}")
    return tuple(names or ())


def pairs(texts: Sequence[str] | None, option: str = "--claim") -> dict[str, str]:
    """Return what options of the form name=value say."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"{option} {text!r} must read name=value")
        found[name] = value
    return found
