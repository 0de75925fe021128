"""What may stand in plugins.toml, table by table: frozen, and closed to unknown keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bridge_core.auth.settings import AuthSettings
from bridge_core.relations import Declared, End, Through

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Size = Annotated[int, Field(gt=0)]
Names = Annotated[tuple[str, ...], Field(strict=False)]  # TOML has arrays only


class Table(BaseModel):
    """A table of plugins.toml: frozen, strict, without unknown keys, and silent about values in its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class ServerSettings(Table):
    """`[server]`: where to listen, and what one client may ask of the server."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    cors_origins: Names = ()
    max_body: Size = 10 * 1024 * 1024  # bytes
    max_rows: Size | None = None  # records that one answer may have; None: as many as there are
    rollback: bool = False  # whether `Prefer: tx=rollback` is honoured: for tests
    max_url: Size = 16 * 1024  # bytes
    aggregates: bool = True  # whether callers may count, sum and group
    max_headers: Size = 100
    max_header_bytes: Size = 32 * 1024
    header_timeout: Seconds = 10.0  # for a whole request head to arrive
    body_timeout: Seconds = 10.0  # without a byte of the body
    write_timeout: Seconds = 30.0  # for a client to take what was sent to it
    keep_alive: Seconds = 30.0  # for the next request on a connection
    deadline: Seconds = 30.0  # for a request to be answered
    drain: Seconds = 20.0  # for requests under way to end when the server stops
    pid_file: str | None = None  # `bridgectl reload` finds the server by it


class StoreSettings(Table):
    """`[store]`: where the bridge keeps its own state."""

    url: SecretStr = SecretStr("sqlite:///bridge.db")


class RateSettings(Table):
    """`[resources.NAME.limits.rates.SCOPE]`: a quota of the backend, for all worker processes together."""

    number: Annotated[float, Field(gt=0)]
    per: Seconds = 1.0
    burst: Annotated[float, Field(ge=1)] | None = None  # None: as many as in one period


class LimitSettings(Table):
    """`[resources.NAME.limits]`: what its backend may be asked; each worker process counts for itself but for rates."""

    calls: Annotated[int, Field(ge=1, le=10_000)] = 256  # at once
    patience: Annotated[float, Field(ge=0, le=60)] = 1.0  # seconds that a call waits for its turn
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    rates: Mapping[str, RateSettings] = {}


class ResourceSettings(Table):
    """`[resources.NAME]`: keys that every resource has; the others are for its adapter."""

    model_config = ConfigDict(extra="allow")

    adapter: str
    default: bool = False
    required: bool = True  # the server does not start without it
    threads: Annotated[int, Field(ge=1, le=1_000)] = 8  # for an SDK that blocks
    max_scan: Annotated[int, Field(ge=0)] = 10_000  # records that the core may read beyond those it returns
    limits: LimitSettings = LimitSettings()

    @property
    def options(self) -> Mapping[str, Any]:
        """Return the keys that the adapter knows."""
        return self.model_extra or {}


class ThroughSettings(Table):
    """`through` of a relation: the model that holds pairs of both ends, and its fields that refer to them."""

    model: str
    source: str = Field(alias="from")
    target: str = Field(alias="to")


class RelationSettings(Table):
    """`[[relations]]`: a way between models, of different resources or of one."""

    name: str
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    through: ThroughSettings | None = None

    def declared(self) -> Declared:
        """Return the relation, once its ends are known to be written well."""
        return Declared(self.name, _end(self.source), _end(self.target), self._through())

    def _through(self) -> Through | None:
        if self.through is None:
            return None
        resource, model = self.through.model.split(".", 1)
        return Through(resource, model, self.through.source, self.through.target)


def _end(text: str) -> End:
    resource, rest = text.split(".", 1)
    return End(resource, *rest.rsplit(".", 1))


class RuleSettings(Table):
    """`[roles.ROLE.RESOURCE.MODEL]`: what a role may do with a model; a list names the fields."""

    read: bool | Names = False
    create: bool | Names = False
    update: bool | Names = False
    delete: bool = False
    actions: bool | Names = False
    rows: str = ""


class Settings(Table):
    """The whole of plugins.toml, secrets resolved."""

    path: Path = Field(exclude=True)
    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    auth: AuthSettings = AuthSettings()
    resources: Mapping[str, ResourceSettings] = {}
    relations: tuple[RelationSettings, ...] = Field(default=(), strict=False)
    roles: Mapping[str, Mapping[str, Mapping[str, RuleSettings]]] = {}

    @property
    def default_resource(self) -> str | None:
        """Return the resource that is meant where none is named: the marked one, or the only one."""
        marked = [name for name, resource in self.resources.items() if resource.default]
        names = marked or list(self.resources)
        return names[0] if len(names) == 1 else None
