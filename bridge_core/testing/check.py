"""One sentence that an adapter keeps or breaks, and how to find out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from bridge_core.schema import Model
from bridge_core.testing.bench import Bench
from bridge_core.testing.subject import Subject

OfModel: TypeAlias = Callable[[Bench, Model], Awaitable[None]]
OfAdapter: TypeAlias = Callable[[Bench], Awaitable[None]]
OfPlugin: TypeAlias = Callable[[Subject], Awaitable[None]]
Needs: TypeAlias = Callable[[Bench, Model], str]
"""Name what a model must declare for a check and does not; nothing: it does."""

LEVELS: Final = ("description", "records", "filters", "order and values", "writes", "faults", "manners")


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one level. It runs on each model, on the opened adapter, or on the plugin alone."""

    level: int
    name: str
    sentence: str
    of_model: OfModel | None = None
    of_adapter: OfAdapter | None = None
    of_plugin: OfPlugin | None = None
    needs: tuple[Needs, ...] = ()

    @property
    def id(self) -> str:
        """The name by which reports and `Subject.known` speak of it."""
        return f"L{self.level}-{self.name}"

    def missing(self, bench: Bench, model: Model) -> str:
        """Name what the model does not declare that this check needs."""
        return next((missing for need in self.needs if (missing := need(bench, model))), "")


def on_models(level: int, run: OfModel, *needs: Needs) -> Check:
    """Make a check of a function that runs on one model; its docstring is the sentence."""
    return Check(level, _name(run), _sentence(run), of_model=run, needs=needs)


def on_adapter(level: int, run: OfAdapter) -> Check:
    """Make a check of a function that runs on the opened adapter."""
    return Check(level, _name(run), _sentence(run), of_adapter=run)


def on_plugin(level: int, run: OfPlugin) -> Check:
    """Make a check of a function that needs no opened adapter."""
    return Check(level, _name(run), _sentence(run), of_plugin=run)


def _name(run: Callable[..., object]) -> str:
    return run.__name__.replace("_", "-")


def _sentence(run: Callable[..., object]) -> str:
    return (run.__doc__ or "").strip().splitlines()[0]
