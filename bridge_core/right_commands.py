"""`bridgectl whoami|can`: whom a credential names, what they may do, and why."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from bridge_core import process, registry, roles
from bridge_core.auth.assembly import Auth, open_auth
from bridge_core.auth.credentials import Scheme
from bridge_core.call import Principal
from bridge_core.config import load, suggestion
from bridge_core.errors import ConfigurationError, UnknownName
from bridge_core.operations import Verb
from bridge_core.policy import Grant, Policy
from bridge_core.query import EVERYTHING, And, Condition, Filter, Not, Or
from bridge_core.rows import claims_of, filled
from bridge_core.schema import Model
from bridge_core.settings import Settings
from bridge_core.telling import FAILED, speaking

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
Token = Annotated[
    str, typer.Argument(help="A token, a whole Authorization header, or - to read it from standard input.")
]
DEFAULT: Final = Path("plugins.toml")


def whoami(token: Token, config: Config = DEFAULT) -> None:
    """Say whom a credential names."""
    with speaking():
        principal = process.run(_principal(load(config), _header(token)))
        for line in _described(principal):
            typer.echo(line)


def can(
    token: Token,
    verb: Annotated[str, typer.Argument(help="read, create, update or delete.")],
    target: Annotated[str, typer.Argument(help="resource.model")],
    config: Config = DEFAULT,
) -> None:
    """Say whether a credential is good for something, and why; the exit code is 0 for yes."""
    with speaking():
        settings = load(config)
        wanted = _verb(verb)
        granted, lines = process.run(_decision(settings, _header(token), wanted, target))
        for line in lines:
            typer.echo(line)
        if granted is None:
            typer.echo(f"no: {verb} {target}")
            raise typer.Exit(FAILED)
        typer.echo(f"yes: {verb} {target}")
        for line in _granted(granted, wanted):
            typer.echo(line)


async def _principal(settings: Settings, header: str) -> Principal:
    async with _authentication(settings) as auth:
        return await auth.authenticator.authenticate(header)


async def _decision(settings: Settings, header: str, verb: Verb, target: str) -> tuple[Grant | None, list[str]]:
    model = await _model(settings, target)
    async with _authentication(settings) as auth:
        principal = await auth.authenticator.authenticate(header)
        policy = roles.policy_of(settings)
        lines = [*_described(principal), *_reasons(policy, principal, model, verb)]
        if principal.rights is not None:
            allowed = await principal.rights.allow(model.resource, model.name, verb)
            lines.append(f"the credential itself allows this: {'yes' if allowed else 'no'}")
        return await policy.grant(principal, model, frozenset({verb})), lines


def _reasons(policy: Policy, principal: Principal, model: Model, verb: Verb) -> Iterator[str]:
    for role, rule in policy.matching(principal, model.resource, model.name):
        missing = [".".join(claim.steps) for claim in claims_of(rule.rows)]
        if verb not in rule.verbs:
            said = f"does not grant {verb.value}"
        elif filled(rule.rows, principal.claims) is None:
            said = f"grants nothing: one of the claims {', '.join(missing)} is missing or empty"
        else:
            names = rule.verbs[verb]
            every = "all actions" if verb is Verb.ACT else "all fields"
            said = f"grants {verb.value} on {every if names is None else ', '.join(sorted(names))}"
        yield f"role {role or '(none: the credential decides)'}: {said}"


def _described(principal: Principal) -> Iterator[str]:
    yield f"subject: {principal.subject}"
    yield f"roles: {', '.join(principal.roles) or 'none'}"
    for name, value in sorted(principal.claims.items()):
        yield f"claim {name}: {value}"


def _granted(grant: Grant, verb: Verb) -> Iterator[str]:
    flags = {Verb.READ: "readable", Verb.CREATE: "creatable", Verb.UPDATE: "updatable"}
    names = [field.name for field in grant.model.fields if getattr(field, flags.get(verb, "readable"))]
    yield f"fields: {', '.join(names) or 'none'}"
    if verb is Verb.ACT:
        yield f"actions: {', '.join(each.name for each in grant.model.actions) or 'none'}"
    yield f"rows: {'all' if grant.scope == EVERYTHING else _written(grant.scope)}"


def _written(term: Filter) -> str:
    match term:
        case Condition(path, op, value):
            return f"{path.field}={op.value}.{value}"
        case Not(inner):
            return f"not({_written(inner)})"
        case And(terms):
            return " and ".join(map(_written, terms))
        case Or(terms):
            return f"({' or '.join(map(_written, terms))})"


async def _model(settings: Settings, target: str) -> Model:
    resource, _, name = target.partition(".")
    opener = next((each for each in registry.openers(settings, registry.installed()) if each.name == resource), None)
    if opener is None:
        raise ConfigurationError(
            f"there is no resource {resource!r}{suggestion(resource, settings.resources)}", hint="resource.model"
        )
    served = await opener.open()
    try:
        if name not in served.models:
            raise UnknownName(f"the resource {resource!r} has no model {name!r}{suggestion(name, served.models)}")
        return served.models[name]
    finally:
        if served.adapter is not None:
            await served.adapter.close()


@asynccontextmanager
async def _authentication(settings: Settings) -> AsyncIterator[Auth]:
    url, folder = settings.store.url.get_secret_value(), settings.path.parent
    names = frozenset(settings.resources)
    auth = await open_auth(settings.auth, url, folder, default=settings.default_resource, resources=names)
    try:
        yield auth
    finally:
        await auth.close()


def _header(token: str) -> str:
    text = typer.get_text_stream("stdin").readline().strip() if token == "-" else token.strip()  # noqa: S105
    return text if " " in text else f"{Scheme.BEARER} {text}"


def _verb(text: str) -> Verb:
    try:
        return Verb(text)
    except ValueError:
        known = ", ".join(verb.value for verb in Verb)
        raise ConfigurationError(
            f"{text!r} is no verb{suggestion(text, [verb.value for verb in Verb])}", hint=f"verbs: {known}"
        ) from None
