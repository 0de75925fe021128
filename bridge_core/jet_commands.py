"""`bridgectl import-jet-conf`: the configuration of a Jet Bridge -> a plugins.toml, and what has no counterpart."""

import configparser
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import typer

from bridge_core.errors import ConfigurationError
from bridge_core.telling import speaking

_SECTION: Final = "JET"
_ENGINES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"postgresql": ("postgresql", "5432"), "mysql": ("mysql", "3306"), "sqlite": ("sqlite", "")}
)
_CARRIED: Final = frozenset(
    "address port workers cors_headers allow_origin project token environment web_base_url api_base_url jwt_verify_key "
    "bearer_auth_key database_engine database_host database_port database_user database_password database_name "
    "database_schema connections database_extra".split()
)
_NEEDLESS: Final = frozenset("config use_default_config debug threads auto_open_register environment_type".split())
_KNOWN: Final = _CARRIED | frozenset(
    "ssl_cert ssl_key connections_overflow read_only disable_auth base_url blacklist_hosts media_storage media_root "
    "media_base_url database_url database_only database_except database_max_tables database_timezone "
    "database_rls_type database_rls_sso database_rls_user_property database_reflect_max_records database_ssl_ca "
    "database_ssl_cert database_ssl_key database_ssh_host database_ssh_port database_ssh_user "
    "database_ssh_private_key cookie_samesite cookie_secure cookie_domain cookie_compress store_path cache_metadata "
    "cache_metadata_path cache_model_descriptions sso_applications track_databases track_databases_endpoint "
    "track_databases_auth track_models_endpoint track_models_auth track_query_slow_time track_query_high_memory "
    "release_inactive_graphql_schemas_timeout sentry_dsn".split()
)
_FALSE: Final = frozenset({"", "0", "false", "no", "off", "none"})


def import_jet_conf(
    conf: Annotated[Path, typer.Argument(help="The file, often jet.conf.")] = Path("jet.conf"),
    environment: Annotated[bool, typer.Option(help="Let variables of the environment win, as Jet Bridge does.")] = True,
) -> None:
    """Write the plugins.toml that does what a Jet Bridge did; secrets stay out of it."""
    with speaking():
        text, remarks = converted(settings_of(conf, os.environ if environment else {}))
    typer.echo(text, nl=False)
    for remark in remarks:
        typer.echo(remark, err=True)


def settings_of(conf: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings of a file, by their names in lower case; those of the environment win."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(conf.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{conf}: cannot be read: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError):
        raise ConfigurationError(
            f"{conf}: this is no configuration of Jet Bridge", hint="it begins with [JET]"
        ) from None
    if not parser.has_section(_SECTION):
        raise ConfigurationError(f"{conf}: there is no section [{_SECTION}]")
    found = {name.lower(): value.strip() for name, value in parser.items(_SECTION)}
    found |= {name.lower(): value for name, value in environ.items() if name.lower() in _KNOWN | _NEEDLESS}
    return {name: value for name, value in found.items() if value}


def converted(settings: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the text of a plugins.toml, and remarks for whoever moves."""
    remarks = list(_remarks(settings))
    lines = [*_server(settings), "", *_auth(settings, remarks), "", *_resource(settings, remarks)]
    return "\n".join(lines) + "\n", remarks


def _server(settings: Mapping[str, str]) -> Iterator[str]:
    yield "[server]"
    yield f"host = {_quoted(settings.get('address', '0.0.0.0'))}"  # noqa: S104 - what Jet Bridge did
    yield f"port = {_number(settings, 'port', 8888)}"
    yield f"workers = {_number(settings, 'workers', 1)}"
    if settings.get("cors_headers", "true").lower() not in _FALSE:
        yield f"cors_origins = [{_quoted(settings.get('allow_origin', '*'))}]"


def _auth(settings: Mapping[str, str], remarks: list[str]) -> Iterator[str]:
    yield "[auth.jet]"
    for name in ("api_base_url", "web_base_url", "project", "environment"):
        if name in settings:
            yield f"{name} = {_quoted(settings[name])}"
    for name, key, variable in (
        ("token", "project_token", "TOKEN"),
        ("bearer_auth_key", "bearer_key", "BEARER_AUTH_KEY"),
    ):
        if name in settings:
            remarks.append(f"set the environment variable {variable} to the value of {name.upper()}")
            yield f'{key} = "env:{variable}"'
    if "jwt_verify_key" in settings:
        yield f"jwt_verify_key = {_quoted(settings['jwt_verify_key'])}"
    else:
        remarks.append("write the public key of Jet Admin's JWTs into [auth.jet] jwt_verify_key, or they are refused")


def _resource(settings: Mapping[str, str], remarks: list[str]) -> Iterator[str]:
    engine = settings.get("database_engine", "").lower()
    adapter, port = _ENGINES.get(engine, ("", ""))
    if not adapter:
        remarks.append(
            f"there is no adapter for the database engine {engine or 'none'!r} here: write [resources] yourself"
        )
        return
    yield "[resources.main]"
    yield f"adapter = {_quoted(adapter)}"
    yield "default = true"
    if adapter == "sqlite":
        yield f"path = {_quoted(settings.get('database_name', ''))}"
        return
    yield 'url = "env:DATABASE_URL"'
    place = f"{settings.get('database_host', 'localhost')}:{settings.get('database_port', port)}"
    name, user = settings.get("database_name", ""), settings.get("database_user", "")
    remarks.append(f"set the environment variable DATABASE_URL to {adapter}://{user}:PASSWORD@{place}/{name}")
    if "database_schema" in settings and adapter == "postgresql":
        yield f"schemas = [{_quoted(settings['database_schema'])}]"
    if "connections" in settings:
        yield f"pool_size = {_number(settings, 'connections', 5)}"


def _remarks(settings: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(settings.keys() - _CARRIED - _NEEDLESS):
        yield f"{name.upper()} has no counterpart{_INSTEAD.get(name, '')}"
    if settings.get("allow_origin", "*") == "*" and settings.get("cors_headers", "true").lower() not in _FALSE:
        yield "every origin may call, as before: name yours in [server] cors_origins instead"
    if "database_extra" in settings:
        yield "add DATABASE_EXTRA to DATABASE_URL as its query, as far as the adapter knows it"


def _number(settings: Mapping[str, str], name: str, otherwise: int) -> int:
    text = settings.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"{name.upper()} is no number")
    return int(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "read_only": ": give [auth.jet] roles that only read",
        "disable_auth": ": a request without a credential has the roles in [auth] anonymous_roles",
        "database_only": ": name the models in roles",
        "database_except": ": name the models in roles",
        "store_path": ": declare its relations again in the interface",
        "ssl_cert": ": put a proxy in front that speaks TLS",
        "ssl_key": ": put a proxy in front that speaks TLS",
    }
)
