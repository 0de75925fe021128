"""The bridge's own project token: obtain it once from Jet Admin's service, keep it, and see whether it is good."""

import logging
import time
from typing import Final

from bridge_core.auth.compact import Damaged, strict_object
from bridge_core.auth.outgoing import Outgoing
from bridge_core.auth.settings import JetSettings
from bridge_core.errors import BridgeError, ConfigurationError, Forbidden, UpstreamFailed
from bridge_core.store import values
from bridge_core.store.engine import Store

_log = logging.getLogger(__name__)

_NAMES: Final = ("token", "project_token")


async def project_token(settings: JetSettings, store: Store) -> str | None:
    """Return the configured project token, else the one that `register` kept."""
    if settings.project_token is not None:
        return settings.project_token.get_secret_value()
    return await values.load(store, values.PROJECT_TOKEN)


async def register(settings: JetSettings, store: Store, outgoing: Outgoing) -> str:
    """Obtain a project token for the configured project and keep it; return what was kept."""
    if settings.project is None or settings.registration_token is None:
        raise ConfigurationError(
            "[auth.jet] project and registration_token are needed to register",
            hint="both are shown where the project is made; or set [auth.jet] project_token",
        )
    form = {"project": settings.project, "token": settings.registration_token.get_secret_value()}
    if settings.environment is not None:
        form["environment"] = settings.environment
    status, body = await outgoing.exchange("POST", _url(settings, settings.registration_path), form)
    token = _token_in(status, body)
    await values.keep(store, values.PROJECT, settings.project, now=time.time())
    await values.keep(store, values.PROJECT_TOKEN, token, now=time.time())
    return token


async def activated(settings: JetSettings, token: str, outgoing: Outgoing) -> bool:
    """Tell whether the service knows the project token; raise Unavailable where it does not say."""
    form = {"project": settings.project or "", "token": token}
    status, body = await outgoing.exchange("POST", _url(settings, "/check_resource_token/"), form)
    try:
        return status == 200 and strict_object(body).get("activated") is True
    except Damaged:
        return False


async def watch_over(settings: JetSettings, token: str | None, outgoing: Outgoing) -> None:
    """Say in the log what is wrong with the project token, once, at the start."""
    if token is None:
        _log.warning("there is no project token, so `Token` credentials are refused: bridgectl register")
        return
    try:
        if not await activated(settings, token, outgoing):
            _log.warning("the project token is not activated, so `Token` credentials will be refused")
    except BridgeError as error:
        _log.warning("the project token could not be checked: %s", error)


def _token_in(status: int, body: bytes) -> str:
    if not 200 <= status < 300:
        raise Forbidden(f"the service refuses to register this bridge: status {status}")
    try:
        answer = strict_object(body)
    except Damaged:
        answer = {}
    token = next((answer[name] for name in _NAMES if isinstance(answer.get(name), str) and answer[name]), None)
    if token is None:
        raise UpstreamFailed("the service answered no project token", hint="see [auth.jet] registration_path")
    return str(token)


def _url(settings: JetSettings, path: str) -> str:
    return f"{str(settings.api_base_url).rstrip('/')}/{path.strip('/')}/"
