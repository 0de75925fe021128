"""The plugin that the entry point of this distribution resolves to."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Final

import stripe as sdk
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bridge_core import AdapterContext, ConfigurationError, Forbidden, Model, Plugin, Rate, UpstreamFailed
from bridge_stripe.actions import ACTIONS, Verb, declared
from bridge_stripe.actions import chosen as verbs
from bridge_stripe.adapter import StripeAdapter
from bridge_stripe.api import Api
from bridge_stripe.catalogue import CATALOGUE, ObjectType
from bridge_stripe.errors import ACCOUNT
from bridge_stripe.models import models

__all__ = ["StripeSettings", "stripe"]

LIVE: Final = 100.0  # requests per second that Stripe takes of an account
TEST: Final = 25.0
ENDPOINT: Final = 25.0  # and of one endpoint

_BY_NAME: Final = {each.name: each for each in CATALOGUE}
_HARMLESS: Final = tuple(each.name for each in CATALOGUE if each.writes and not each.money)


class StripeSettings(BaseModel):
    """The keys of a `[resources.NAME]` table with `adapter = "stripe"`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: SecretStr
    account: str | None = None  # the connected account to act for
    types: tuple[str, ...] | None = None  # None: all
    writes: tuple[str, ...] = _HARMLESS  # types that may be written
    actions: tuple[str, ...] = ()  # what may be done beside that, as MODEL.ACTION
    parallel: Annotated[int, Field(ge=1, le=100)] = 10  # look-ups under way at once
    timeout: Annotated[float, Field(gt=0, le=120)] = 30.0  # seconds for one request
    url: str = "https://api.stripe.com"

    @field_validator("types", "writes")
    @classmethod
    def _must_exist(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in _BY_NAME:
                near = get_close_matches(name, _BY_NAME, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(_BY_NAME)}"
                raise ValueError(f"there is no type {name!r}: {hint}")
        return names

    @field_validator("actions")
    @classmethod
    def _must_be_actions(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [each.whole for each in ACTIONS]
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, 1)
                raise ValueError(f"there is no action {name!r}{f': did you mean {near[0]!r}?' if near else ''}")
        return names

    @property
    def chosen(self) -> Mapping[str, ObjectType]:
        """The types that are served, by the names of their models."""
        return _BY_NAME if self.types is None else {name: _BY_NAME[name] for name in self.types}


async def connect(settings: StripeSettings, context: AdapterContext) -> StripeAdapter:
    """Open the account; raise ConfigurationError where Stripe does not accept the key."""
    sdk.enable_telemetry = False  # else the SDK writes a file into the home folder, and tells Stripe of this machine
    logging.getLogger("stripe").setLevel(logging.WARNING)  # else it logs what is asked: e-mail addresses of customers
    http = sdk.HTTPXClient(timeout=settings.timeout)
    client = sdk.StripeClient(
        settings.api_key.get_secret_value(),
        stripe_account=settings.account,
        stripe_version=sdk.api_version,
        base_addresses={"api": settings.url.rstrip("/")},
        max_network_retries=0,
        http_client=http,
    )
    api = Api(client, http, context)
    try:
        await _must_be_accepted(api)
        chosen = settings.chosen
        actions = verbs(settings.actions)
        described = await context.threads(_described, settings, actions.values())
    except BaseException:
        await api.close()
        raise
    return StripeAdapter(api, chosen, described, actions, settings.parallel)


def _described(settings: StripeSettings, actions: Iterable[Verb]) -> tuple[Model, ...]:
    found = models(tuple(settings.chosen.values()), settings.writes)
    return tuple(replace(each, actions=declared(each.name, actions)) for each in found)


def rates(settings: StripeSettings) -> Mapping[str, Rate]:
    """Return the quotas that Stripe publishes: per account, and per endpoint."""
    test = settings.api_key.get_secret_value()[2:].startswith("_test_")
    return {ACCOUNT: Rate(TEST if test else LIVE), **{name: Rate(ENDPOINT) for name in settings.chosen}}


async def _must_be_accepted(api: Api) -> None:
    try:
        await api.get("account", ACCOUNT)
    except Forbidden:
        return  # a restricted key need not know the account
    except UpstreamFailed as failure:
        raise ConfigurationError(
            "Stripe does not accept `api_key`", details=failure.details, hint="take one of dashboard.stripe.com/apikeys"
        ) from failure


stripe = Plugin("stripe", StripeSettings, connect, rates=rates)
