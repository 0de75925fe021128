"""The plugin that the entry point of this distribution resolves to."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bridge_core import AdapterContext, BridgeError, ConfigurationError, FieldType, Plugin, Rate, UpstreamFailed
from bridge_sheets.adapter import SheetsAdapter
from bridge_sheets.api import GOOGLE, READS, WRITES, Api, parsed
from bridge_sheets.catalogue import Wanted, layouts_of
from bridge_sheets.cells import TYPES
from bridge_sheets.layout import Layout

__all__ = ["SheetsSettings", "google_sheets"]

_LOG: Final = logging.getLogger("bridge_sheets")
_ADDRESS: Final = re.compile(r"https://docs\.google\.com/spreadsheets/d/([A-Za-z0-9_-]+)(/.*)?")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{20,}")
_MINUTE: Final = 60.0
_BURST: Final = 6  # of a minute's requests, a sixth at once: no minute of Google's then sees more than its quota
_FROZEN: Final = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WorksheetSettings(BaseModel):
    """What can be said of one worksheet: a `[resources.NAME.worksheets."TITLE"]` table."""

    model_config = _FROZEN

    header: Annotated[int, Field(ge=1)] | None = None  # the row of the header; None: the first with anything in it
    key: tuple[str, ...] = ()  # the columns that tell rows apart
    types: Mapping[str, str] = {}  # by column; what is not named is looked at

    @field_validator("types")
    @classmethod
    def _must_exist(cls, types: Mapping[str, str]) -> Mapping[str, str]:
        for name, each in types.items():
            if each not in TYPES:
                raise ValueError(f"{name}: there is no type {each!r}; there are: {', '.join(TYPES)}")
        return types


class SheetsSettings(BaseModel):
    """The keys of a `[resources.NAME]` table with `adapter = "google-sheets"`."""

    model_config = _FROZEN

    credentials: SecretStr  # the file of a service account
    spreadsheets: Annotated[Mapping[str, str], Field(min_length=1)]  # a name of ours -> id or address
    worksheets: Mapping[str, WorksheetSettings] = {}  # by the name of the model
    freshness: Annotated[float, Field(ge=0, le=3_600)] = 5.0  # seconds that an answer may be used again
    per_minute: Annotated[int, Field(ge=1)] = 60  # reads, and writes, that Google's quota allows
    timeout: Annotated[float, Field(gt=0, le=180)] = 30.0  # seconds for one request
    url: str = GOOGLE

    @field_validator("spreadsheets")
    @classmethod
    def _must_be_ids(cls, books: Mapping[str, str]) -> Mapping[str, str]:
        found = {}
        for name, each in books.items():
            address = _ADDRESS.fullmatch(each)
            if address is None and not _ID.fullmatch(each):
                raise ValueError(f"{name}: neither the id of a spreadsheet nor its address in the browser")
            found[name] = address[1] if address else each
        return found


async def connect(settings: SheetsSettings, context: AdapterContext) -> SheetsAdapter:
    """Open the spreadsheets; raise ConfigurationError where one of them cannot be opened as configured."""
    try:
        credentials = parsed(settings.credentials.get_secret_value())
        api = Api(credentials, context, url=settings.url, timeout=settings.timeout)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            "`credentials` is not the file of a service account", hint="download its key as JSON"
        ) from error

    async def layouts() -> Sequence[Layout]:
        return await _layouts(settings, api)

    adapter = SheetsAdapter(api, context, layouts, settings.freshness)
    try:
        await adapter.describe()
    except UpstreamFailed as failure:
        await adapter.close()
        raise ConfigurationError(failure.message, details=failure.details, hint=failure.hint) from failure
    except BaseException:
        await adapter.close()
        raise
    return adapter


def rates(settings: SheetsSettings) -> Mapping[str, Rate]:
    """Return Google's quotas, with room for its minutes: burst and rate together stay below them."""
    burst = max(1.0, settings.per_minute / _BURST)
    rate = Rate(max(1.0, settings.per_minute - burst), _MINUTE, burst)
    return {READS: rate, WRITES: rate}


async def _layouts(settings: SheetsSettings, api: Api) -> Sequence[Layout]:
    """Look at all spreadsheets; worksheets of the first are called by their titles, of others `name.title`."""
    wanted = {name: _wanted(each) for name, each in settings.worksheets.items()}
    found: list[Layout] = []
    for at, (name, book) in enumerate(settings.spreadsheets.items()):
        try:
            found += await layouts_of(api, book, f"{name}." if at else "", wanted, settings.freshness)
        except BridgeError as error:
            error.message = f"spreadsheet {name!r}: {error.message}"
            raise
    for each in wanted.keys() - {layout.model for layout in found}:
        _LOG.warning("worksheet %r is configured, and not served", each)
    return found


def _wanted(settings: WorksheetSettings) -> Wanted:
    types = {name: FieldType(each) for name, each in settings.types.items()}
    return Wanted(settings.header, settings.key, types)


google_sheets = Plugin("google-sheets", SheetsSettings, connect, rates=rates)
