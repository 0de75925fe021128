"""What the surface of the Jet Bridge protocol can be told."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server calls itself where the protocol asks for it."""

    project: str | None = None
    environment: str | None = None
    registered: bool = False  # whether there is a project token
    web_base_url: str = "https://app.jetadmin.io"
    jwt_verify_key: str | None = None  # public key (PEM) of the tokens that `token_inspect` takes apart
    engine: str = "postgresql"  # what the web application shows as the kind of database


@dataclass(frozen=True, slots=True)
class JetSettings:
    """Where browsers may call from, and what one request may cost."""

    origins: tuple[str, ...] = ()  # that browsers may call from; "*" only where it is asked for
    max_url: int = 16 * 1024  # bytes
    max_body: int = 10 * 1024 * 1024  # bytes
    deadline: float = 30.0  # seconds
    body_timeout: float = 10.0  # seconds without a byte of the body
    write_timeout: float = 30.0  # seconds for the client to take an answer
    identity: Identity = Identity()


DEFAULTS: Final = JetSettings()
