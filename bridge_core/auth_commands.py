"""`bridgectl users|keys|audit|register`: look after accounts, keys, the audit trail and the project token."""

import json
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from bridge_core import process
from bridge_core.auth.assembly import placed
from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.passwords import Passwords
from bridge_core.auth.registration import activated
from bridge_core.auth.registration import register as register_bridge
from bridge_core.config import load
from bridge_core.errors import ConfigurationError
from bridge_core.settings import Settings
from bridge_core.store import audit as trail_store
from bridge_core.store import keys as key_store
from bridge_core.store import users as user_store
from bridge_core.store.engine import Store, open_store
from bridge_core.telling import FAILED, known_roles, pairs, speaking

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; more than once for several.")]
Claims = Annotated[list[str] | None, typer.Option("--claim", help="name=value, for row rules.")]
Email = Annotated[str, typer.Argument(help="The address that the user logs in with.")]
DEFAULT: Final = Path("plugins.toml")

_UNITS: Final = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0}
_SPAN: Final = re.compile(r"(\d{1,6})([mhdwy])")

users = typer.Typer(no_args_is_help=True, help="Look after the users who log in at the bridge itself.")
keys = typer.Typer(no_args_is_help=True, help="Look after API keys.")


@users.command("add")
def add_user(email: Email, config: Config = DEFAULT, role: Roles = None, claim: Claims = None) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    with speaking():
        settings = load(config)
        roles, claims = known_roles(role, settings), pairs(claim)
        password = _password()

        async def work() -> None:
            hashed = await _hashed(password)
            async with _store(settings) as store:
                await user_store.add(store, email, hashed, roles, claims, now=time.time())

        process.run(work())
    typer.echo(f"{user_store.address(email)} can log in at /auth/token")


@users.command("list")
def list_users(config: Config = DEFAULT) -> None:
    """List users: address, roles, whether they may log in, last log-in."""

    async def work(settings: Settings) -> Iterable[user_store.User]:
        async with _store(settings) as store:
            return await user_store.everybody(store)

    with speaking():
        for user in process.run(work(load(config))):
            state = "active" if user.active else "disabled"
            typer.echo(f"{user.email}\t{','.join(user.roles) or '-'}\t{state}\t{_moment(user.last_login)}")


@users.command("disable")
def disable_user(email: Email, config: Config = DEFAULT) -> None:
    """Shut a user out; their tokens end everywhere within a second."""
    _change(config, email, active=False)
    typer.echo(f"{user_store.address(email)} is shut out")


@users.command("enable")
def enable_user(email: Email, config: Config = DEFAULT) -> None:
    """Let a user log in again."""
    _change(config, email, active=True)
    typer.echo(f"{user_store.address(email)} can log in again")


@users.command("roles")
def change_roles(email: Email, config: Config = DEFAULT, role: Roles = None) -> None:
    """Give a user these roles instead of earlier ones; their tokens end."""
    with speaking():
        roles = known_roles(role, load(config))
    _change(config, email, roles=list(roles))
    typer.echo(f"{user_store.address(email)} has the roles: {', '.join(roles) or 'none'}")


@users.command("password")
def change_password(email: Email, config: Config = DEFAULT) -> None:
    """Set a user's password; their tokens end."""
    with speaking():
        hashed = process.run(_hashed(_password()))
    _change(config, email, password=hashed)
    typer.echo(f"{user_store.address(email)} has a new password")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    config: Config = DEFAULT,
    role: Roles = None,
    claim: Claims = None,
    expires: Annotated[str, typer.Option(help="After what time: 90d, 12h, 1y; or never.")] = "1y",
) -> None:
    """Make a key and print it; nobody can read it again."""
    with speaking():
        settings = load(config)
        roles, claims, now = known_roles(role, settings), pairs(claim), time.time()
        until = None if expires == "never" else now + _span(expires)
        if not roles:
            raise ConfigurationError("a key without a role may do nothing", hint="--role NAME")

        async def work() -> str:
            async with _store(settings) as store:
                return await key_store.create(store, name, roles, claims, now=now, expires=until)

        typer.echo(process.run(work()))


@keys.command("list")
def list_keys(config: Config = DEFAULT) -> None:
    """List keys: id, name, roles, state, last use."""

    async def work(settings: Settings) -> Iterable[key_store.ApiKey]:
        async with _store(settings) as store:
            return await key_store.every(store)

    with speaking():
        now = time.time()
        for key in process.run(work(load(config))):
            state = "revoked" if key.revoked else "active" if key.counts(now) else "expired"
            used = _moment(key.last_used)
            typer.echo(f"{key.id}\t{key.name}\t{','.join(key.roles)}\t{state}\t{_moment(key.expires)}\t{used}")


@keys.command("revoke")
def revoke_key(ident: Annotated[str, typer.Argument(help="Its id.")], config: Config = DEFAULT) -> None:
    """End a key, everywhere within a second."""

    async def work(settings: Settings) -> None:
        async with _store(settings) as store:
            await key_store.revoke(store, ident, now=time.time())

    with speaking():
        process.run(work(load(config)))
    typer.echo(f"{ident} is revoked")


def audit(
    config: Config = DEFAULT,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many records, the newest first.")] = 50,
    pending: Annotated[bool, typer.Option("--pending", help="Only writes whose outcome is not known.")] = False,
    subject: Annotated[str | None, typer.Option(help="Only writes by this subject.")] = None,
    model: Annotated[str | None, typer.Option(help="Only writes to this model: resource.model.")] = None,
) -> None:
    """Print records of writes, one JSON object per line."""

    async def work(settings: Settings) -> None:
        async with _store(settings) as store:
            for record in await trail_store.trail(store, limit=limit, pending=pending, subject=subject, model=model):
                typer.echo(json.dumps(dict(record), ensure_ascii=False))

    with speaking():
        process.run(work(load(config)))


def register(config: Config = DEFAULT) -> None:
    """Obtain the bridge's own project token from Jet Admin's service and keep it in the store."""

    async def work(settings: Settings) -> bool:
        jet = settings.auth.jet
        if jet is None:
            raise ConfigurationError(f"{settings.path}: the table [auth.jet] is missing")
        outgoing = Outgoing(jet.timeout)
        try:
            async with _store(settings) as store:
                token = await register_bridge(jet, store, outgoing)
            return await activated(jet, token, outgoing)
        finally:
            await outgoing.close()

    with speaking():
        if not process.run(work(load(config))):
            typer.echo("a project token is kept, but the service says that it is not activated yet", err=True)
            raise typer.Exit(FAILED)
    typer.echo("a project token is kept; a running server takes it after `bridgectl reload`")


def _change(config: Path, email: str, **values: object) -> None:
    async def work(settings: Settings) -> None:
        async with _store(settings) as store:
            await user_store.change(store, email, now=time.time(), **values)

    with speaking():
        process.run(work(load(config)))


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = await open_store(placed(settings.store.url.get_secret_value(), settings.path.parent))
    try:
        yield store
    finally:
        await store.close()


async def _hashed(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hashed(password)
    finally:
        passwords.close()


def _password() -> str:
    """Ask for a password twice where somebody can answer, else read a line."""
    stream = typer.get_text_stream("stdin")
    if stream.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return stream.readline().rstrip("\r\n")


def _span(text: str) -> float:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"--expires {text!r} is no time", hint="write 90d, 12h, 1y, or never")
    return int(match[1]) * _UNITS[match[2]]


def _moment(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
