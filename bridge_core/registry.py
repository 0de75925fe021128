"""Entry points -> plugins, lazily; tables of plugins.toml -> opened resources, with errors that say what to do."""

import asyncio
import logging
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import invalidate_caches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from bridge_core.adapter import CONTRACT, ENTRY_POINTS, Adapter, AdapterContext, Plugin, Rate
from bridge_core.bridge import described
from bridge_core.call import deadline
from bridge_core.config import Place, suggestion, validated
from bridge_core.errors import BridgeError, ConfigurationError, Unavailable, UpstreamFailed
from bridge_core.planner import Limits
from bridge_core.router import Served
from bridge_core.settings import ResourceSettings, Settings
from bridge_core.upstream import CALL, Bounds, Budgets, Threads, Upstream

_log = logging.getLogger(__name__)

OPEN_WITHIN: Final = 30.0  # seconds
OURS: Final[Mapping[str, str]] = {
    "postgresql": "bridge-sql",
    "sqlite": "bridge-sql",
    "mysql": "bridge-sql[mysql]",
    "google-sheets": "bridge-sheets",
    "stripe": "bridge-stripe",
    "firebase": "bridge-firebase",
}


def installed() -> Sequence[EntryPoint]:
    """Return every adapter that is installed, without importing one."""
    return tuple(entry_points(group=ENTRY_POINTS))


def plugin(name: str, place: Place, available: Iterable[EntryPoint]) -> Plugin:
    """Import the plugin of that name, or raise ConfigurationError that says how to get it."""
    entry = _entry(name, place, available)
    try:
        found = entry.load()
    except ImportError as error:
        raise _missing_driver(name, entry, error, place) from error
    except AttributeError as error:
        raise ConfigurationError(f"{place}: {_source(entry)} has no {entry.value}", hint="reinstall it") from error
    except Exception as error:  # what is installed can fail in any way while it is imported
        said = f"{place}: the adapter {name!r} fails with {type(error).__name__} while it is imported"
        raise ConfigurationError(said, hint=f"pip install --upgrade {_source(entry)}") from error
    if not isinstance(found, Plugin):
        raise ConfigurationError(
            f"{place}: {entry.value} of {_source(entry)} is no Plugin",
            hint="its entry point must name a bridge_core.Plugin",
        )
    if found.contract != CONTRACT:
        raise ConfigurationError(
            f"{place}: {_source(entry)} speaks version {found.contract} of the adapter contract, "
            f"this bridge speaks version {CONTRACT}",
            hint="pip install --upgrade bridge-core " + _source(entry),
        )
    return found


@dataclass(frozen=True, slots=True)
class Opener:
    """One table `[resources.NAME]`, checked as far as its plugin could be loaded, and ready to be opened."""

    name: str
    settings: ResourceSettings
    place: Place
    available: Sequence[EntryPoint]
    folder: Path
    processes: int = 1  # that share the quotas

    def load(self) -> tuple[Plugin, Any, Mapping[str, Rate]]:
        """Return the plugin, its settings and its quotas, or raise ConfigurationError."""
        invalidate_caches()  # what was not installed at the start may be by now
        found = plugin(self.settings.adapter, self.place.inside("adapter"), (*self.available, *installed()))
        return found, *self.checked(found)

    def checked(self, found: Plugin) -> tuple[Any, Mapping[str, Rate]]:
        """Check the table against its plugin; raise ConfigurationError for whatever is wrong in it."""
        beside = tuple(ResourceSettings.model_fields)
        options = validated(found.settings, self.settings.options, replace(self.place, beside=beside))
        declared = found.rates(options)
        configured = self.settings.limits.rates
        for scope in configured:
            if scope not in (*declared, CALL):
                near = suggestion(scope, (*declared, CALL))
                known = ", ".join(sorted({*declared, CALL}))
                where = self.place.inside("limits", "rates", scope)
                raise ConfigurationError(f"{where}: the adapter has no such quota{near}; quotas: {known}")
        chosen = {scope: Rate(each.number, each.per, each.burst) for scope, each in configured.items()}
        return options, {scope: rate.shared(self.processes) for scope, rate in {**declared, **chosen}.items()}

    async def open(self) -> Served:
        """Connect and describe, or raise a BridgeError whose words can be shown to the operator."""
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                return await self._opened()
        except BridgeError:
            raise
        except TimeoutError as error:
            raise Unavailable(f"the backend did not answer within {OPEN_WITHIN:.0f} seconds") from error
        except ImportError as error:
            raise ConfigurationError(f"a driver is missing: {error}", hint=f"pip install {error.name}") from error
        except Exception as error:  # noqa: BLE001 - plugins fail in any way; their words may hold secrets: not repeated
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("resource %s: %s while it was opened\n%s", self.name, type(error).__name__, frames)
            raise UpstreamFailed(f"the adapter failed with {type(error).__name__}") from None

    async def _opened(self) -> Served:
        found, options, rates = self.load()
        budgets = Budgets(rates)
        threads = Threads(self.settings.threads)
        context = AdapterContext(self.name, threads, time.monotonic, deadline, self.folder, budgets)
        adapter: Adapter = await found.connect(options, context)
        try:
            models = await described(self.name, adapter)
        except BaseException:  # whatever ended it, also a cancellation: what was opened is closed
            await adapter.close()
            raise
        limits = self.settings.limits
        upstream = Upstream(self.name, adapter, Bounds(limits.calls, limits.patience, limits.retries), budgets)
        return Served(self.name, adapter, models, Limits(self.settings.max_scan), upstream=upstream)


def openers(settings: Settings, available: Sequence[EntryPoint]) -> Sequence[Opener]:
    """Check every resource without opening it; raise ConfigurationError with all that is wrong.

    A plugin that does not load stops nothing where its resource is not required: `open` then says why.
    """
    found: list[Opener] = []
    wrong: list[ConfigurationError] = []
    for name, resource in settings.resources.items():
        place = Place(settings.path).inside("resources", name)
        opener = Opener(name, resource, place, available, settings.path.parent, settings.server.workers)
        found.append(opener)
        try:
            loaded = plugin(resource.adapter, place.inside("adapter"), available)
        except ConfigurationError as error:
            wrong += [error] if resource.required else []
            continue
        try:
            opener.checked(loaded)
        except ConfigurationError as error:
            wrong.append(error)
    if wrong:
        raise together(wrong)
    return found


async def open_all(settings: Settings, openers: Sequence[Opener]) -> Sequence[Served]:
    """Open all resources at once; one that is not required may fail, any other failure closes all and raises."""
    outcomes = await asyncio.gather(*(opener.open() for opener in openers), return_exceptions=True)
    served: list[Served] = []
    failures: list[ConfigurationError] = []
    for opener, outcome in zip(openers, outcomes, strict=True):
        match outcome:
            case Served():
                served.append(outcome)
            case BridgeError() if not opener.settings.required:
                _log.warning("resource %s is not available: %s", opener.name, outcome)
                served.append(Served(opener.name, None, {}, failure=outcome))
            case BridgeError():
                failures.append(_start_failure(opener, outcome, Place(settings.path)))
            case _:
                raise outcome
    if failures:
        await asyncio.gather(*(each.adapter.close() for each in served if each.adapter is not None))
        raise together(failures)
    return served


def together(errors: Sequence[ConfigurationError]) -> ConfigurationError:
    """Make one error of several, each hint beside its message."""
    if len(errors) == 1:
        return errors[0]
    return ConfigurationError("\n".join(f"{e.message}\n  {e.hint}" if e.hint else e.message for e in errors))


def _entry(name: str, place: Place, available: Iterable[EntryPoint]) -> EntryPoint:
    available = tuple(available)
    claims = {(_source(entry), entry.value): entry for entry in available if entry.name == name}
    if len(claims) > 1:
        sources = " and ".join(source for source, _ in claims)
        raise ConfigurationError(f"{place}: {sources} both claim the name {name!r}", hint="uninstall one of them")
    if not claims:
        names = sorted({entry.name for entry in available})
        near = suggestion(name, [*names, *OURS])
        raise ConfigurationError(
            f"{place}: no installed adapter is called {name!r}{near}; installed: {', '.join(names) or 'none'}",
            hint=f"pip install '{OURS[name]}'" if name in OURS else "pip install the distribution that provides it",
        )
    return next(iter(claims.values()))


def _missing_driver(name: str, entry: EntryPoint, error: ImportError, place: Place) -> ConfigurationError:
    cure = OURS[name] if name in OURS else error.name or _source(entry)
    hint = f"pip install '{cure}'"
    return ConfigurationError(f"{place}: the adapter {name!r} cannot be imported: {error}", hint=hint)


def _source(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _start_failure(opener: Opener, failure: BridgeError, place: Place) -> ConfigurationError:
    hint = failure.hint
    if not isinstance(failure, ConfigurationError):
        hint = hint or "mend it, or say `required = false` to start without this resource"
    return ConfigurationError(f"{place.path}: [resources.{opener.name}]: {failure.message}", hint=hint)
