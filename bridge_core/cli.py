"""The commands: `bridge-serve` runs the server, `bridgectl` does everything else."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bridge_core import auth_commands, jet_commands, process, registry, right_commands, roles, server, telling
from bridge_core.auth.data_tokens import DataTokens
from bridge_core.call import ANONYMOUS, Principal
from bridge_core.config import load
from bridge_core.demo import RESOURCE, ROLE, lines_to_try, prepare
from bridge_core.demo.shop import expected_rows
from bridge_core.errors import BridgeError, ConfigurationError
from bridge_core.explain import Question
from bridge_core.explain import explain as explained
from bridge_core.new_adapter.command import new_adapter
from bridge_core.router import Served
from bridge_core.settings import ServerSettings, Settings
from bridge_core.telling import complain, known_roles, pairs, speaking

WRONG: Final = telling.WRONG
FAILED: Final = telling.FAILED

Config = Annotated[Path, typer.Argument(help="The configuration file.", metavar="PLUGINS.TOML")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role of the caller; more than once for several.")]
Claims = Annotated[list[str] | None, typer.Option("--claim", help="name=value, for row rules; more than once.")]
DEFAULT: Final = Path("plugins.toml")

service = typer.Typer(add_completion=False)
control = typer.Typer(no_args_is_help=True, add_completion=False, help="Look after a Bridge server.")
control.add_typer(auth_commands.users, name="users")
control.add_typer(auth_commands.keys, name="keys")
control.command("import-jet-conf")(jet_commands.import_jet_conf)
for command in (auth_commands.audit, auth_commands.register, right_commands.whoami, right_commands.can, new_adapter):
    control.command()(command)


def serve() -> None:
    """Run `bridge-serve`."""
    service()


def main() -> None:
    """Run `bridgectl`."""
    control()


@service.command()
def run(
    config: Config = DEFAULT,
    host: Annotated[str | None, typer.Option(help="Listen here instead of [server] host.")] = None,
    port: Annotated[int | None, typer.Option(help="Listen here instead of [server] port.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Serve the resources of a configuration file until a signal says to stop."""
    process.log_to_stderr(verbose=verbose)
    with speaking():
        settings = load(config)
        changed = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
        address = settings.server.model_copy(update=changed)
        with process.pid_file(_pid_file(settings)), server.bound(address) as listening:
            code = run_server(settings, listening)
    raise typer.Exit(code)


def run_server(settings: Settings, listening: socket.socket) -> int:
    """Serve on a bound socket with the configured number of processes; return the exit code."""

    def work() -> int:
        try:
            process.run(server.serve(settings, listening, registry.installed()))
        except BridgeError as error:
            complain(error)
            return WRONG
        return 0

    host, port = listening.getsockname()[:2]
    typer.echo(f"Bridge listens on http://{f'[{host}]' if ':' in host else host}:{port}/", err=True)
    workers = settings.server.workers
    return work() if workers == 1 else process.supervise(work, workers)


@control.command()
def check(config: Config = DEFAULT) -> None:
    """Validate the file, connect to everything, and print what is there."""
    with speaking():
        settings = load(config)
        openers = registry.openers(settings, registry.installed())
        roles.rules_of(settings)
        failures = asyncio.run(_check(settings, openers))
    raise typer.Exit(FAILED if failures else 0)


@control.command()
def reload(config: Config = DEFAULT) -> None:
    """Make a running server read its configuration and its schemas again."""
    with speaking():
        settings = load(config)
        file = _pid_file(settings)
        if file is None:
            raise ConfigurationError(
                f"{config}: [server] pid_file is missing, so the server cannot be found",
                hint="add pid_file and start the server again, or send it SIGHUP",
            )
        number = process.running_at(file)
        if number is None:
            typer.echo(f"no server keeps {file}", err=True)
            raise typer.Exit(FAILED)
        os.kill(number, signal.SIGHUP)
    typer.echo(f"server {number} reads {config} again; its log says what came of it")


@control.command()
def explain(
    target: Annotated[str, typer.Argument(help="Path and query: '/rest/shop/customers?limit=5'.")],
    config: Config = DEFAULT,
    method: Annotated[str, typer.Option(help="GET, POST, PATCH, PUT or DELETE.")] = "GET",
    body: Annotated[str, typer.Option(help="The body of a write.")] = "",
    role: Roles = None,
    claim: Claims = None,
) -> None:
    """Show the plan of a request and what the backend would be sent, without running it."""
    with speaking():
        settings = load(config)
        claims = pairs(claim)
        roles_of_caller = known_roles(role, settings)
        caller = Principal("bridgectl", roles_of_caller, claims) if roles_of_caller else ANONYMOUS
        question = Question(method, target, body.encode())
        found = process.run(explained(settings, registry.installed(), question, caller))
        if found.plan is None:
            typer.echo(found.answer, err=True)
            raise typer.Exit(FAILED)
        typer.echo(json.dumps(found.plan, indent=2))
        for statement in found.statements:
            typer.echo(statement)


@control.command()
def token(
    config: Config = DEFAULT,
    role: Roles = None,
    subject: Annotated[str, typer.Option(help="Who bears it.")] = "bridgectl",
    claim: Claims = None,
) -> None:
    """Issue a data token and print it."""
    with speaking():
        settings = load(config)
        tokens = DataTokens(settings.auth, time.time)
        claims = pairs(claim)
        typer.echo(tokens.issue(subject, roles=known_roles(role, settings), claims=claims))


@control.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the sample shop is kept.")] = Path(".demo"),
    port: Annotated[int, typer.Option(help="Where to listen; another free port where this one is taken.")] = 8080,
) -> None:
    """Make a sample shop in SQLite, serve it, and print what to try."""
    process.log_to_stderr(verbose=False)
    with speaking():
        with Progress(
            TextColumn("Making a sample shop"), BarColumn(), MofNCompleteColumn(), transient=True
        ) as progress:
            bar = progress.add_task("rows", total=expected_rows())
            config = prepare(folder, lambda rows: progress.advance(bar, rows))
        settings = load(config)
        with _bound_somewhere(settings.server.model_copy(update={"port": port})) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            issued = DataTokens(settings.auth, time.time).issue("demo", roles=(ROLE,))
            typer.echo(f"\nURL    {url}/rest/{RESOURCE}/\ntoken  {issued}\n")
            for title, line in lines_to_try(url, issued):
                typer.echo(f"# {title}\n{line}\n")
            code = run_server(settings, listening)
    raise typer.Exit(code)


async def _check(settings: Settings, openers: Sequence[registry.Opener]) -> int:
    started = time.perf_counter()
    outcomes = await asyncio.gather(*(opener.open() for opener in openers), return_exceptions=True)
    served: dict[str, Served] = {}
    failures = 0
    for opener, outcome in zip(openers, outcomes, strict=True):
        match outcome:
            case Served():
                served[opener.name] = outcome
                names = ", ".join(sorted(outcome.models)) or "none"
                typer.echo(f"{opener.name} ({opener.settings.adapter}): {len(outcome.models)} models: {names}")
            case BridgeError():
                failures += 1
                typer.echo(f"{opener.name} ({opener.settings.adapter}): not available", err=True)
                complain(outcome)
            case _:
                raise outcome
    try:
        roles.check(settings, served)
    finally:
        await asyncio.gather(*(each.adapter.close() for each in served.values() if each.adapter is not None))
    typer.echo(f"{settings.path}: {len(served)} of {len(openers)} resources in {time.perf_counter() - started:.1f} s")
    return failures


def _bound_somewhere(settings: ServerSettings) -> socket.socket:
    try:
        return server.bound(settings)
    except ConfigurationError:
        return server.bound(settings.model_copy(update={"port": 0}))


def _pid_file(settings: Settings) -> Path | None:
    name = settings.server.pid_file
    return settings.path.parent / name if name else None


if __name__ == "__main__":
    main()
