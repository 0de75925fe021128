"""`bridgectl new-adapter`."""

from pathlib import Path
from typing import Annotated

import typer

from bridge_core.new_adapter import write
from bridge_core.telling import speaking


def new_adapter(
    name: Annotated[str, typer.Argument(help="What plugins.toml calls it: acme, or acme-crm.")],
    folder: Annotated[Path | None, typer.Argument(help="Where to write it; else ./bridge-NAME.")] = None,
) -> None:
    """Write an adapter for one more kind of backend: a distribution with tests that pass as it comes."""
    with speaking():
        place = folder or Path(f"bridge-{name}")
        for path in write(name, place):
            typer.echo(path)
    typer.echo(f"\ncd {place} && pip install -e '.[test]' && pytest")
