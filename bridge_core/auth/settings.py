"""The table [auth] of plugins.toml, validated: what is missing switches that kind of credential off."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator

from bridge_core.errors import ConfigurationError

MAKE_SECRET: Final = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'  # noqa: S105 - a command, not a secret
MIN_SECRET_BYTES: Final = 32

_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_SAMPLE_WORDS: Final = re.compile(
    r"change.?me|your.?(256|secret|jwt)|example|reallyreally|at.least.32|super.?secret|insecure|placeholder|password",
    re.IGNORECASE,
)
_MIN_DISTINCT: Final = 10


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PreviousSecret(_Table):
    """A secret that signed data tokens before the present one, and the moment when they stop to count."""

    secret: SecretStr
    until: int = Field(description="Unix time after which tokens under this secret are refused")


class LoginSettings(_Table):
    """How often a password may be tried."""

    per_address: int = Field(default=20, ge=1, description="failed attempts per address and minute")
    per_account: int = Field(default=10, ge=1, description="failed attempts per account and minute")
    trusted_proxies: tuple[str, ...] = Field(default=(), description="networks whose X-Forwarded-For counts")


class JetSettings(_Table):
    """Where tokens of Jet Admin are checked, and what they may do at most."""

    api_base_url: HttpUrl = HttpUrl("https://api.jetadmin.io/api")
    web_base_url: HttpUrl = HttpUrl("https://app.jetadmin.io")
    project: str | None = None
    project_token: SecretStr | None = Field(default=None, description="without it: the one that `register` stored")
    registration_token: SecretStr | None = None
    registration_path: str = "/project_tokens/"
    environment: str | None = None
    jwt_verify_key: str | None = Field(default=None, description="public key (PEM, RS256) of `JWT ...` credentials")
    bearer_key: SecretStr | None = Field(default=None, description="`Bearer <key>` that may do everything")
    roles: tuple[str, ...] = Field(default=(), description="roles that narrow what Jet's permissions allow")
    timeout: float = Field(default=5.0, gt=0, le=60)
    remember: float = Field(default=30.0, ge=0, le=60, description="seconds that a yes is remembered")
    remember_no: float = Field(default=5.0, ge=0, le=5, description="seconds that a no is remembered")


class OidcSettings(_Table):
    """One identity provider whose tokens are taken, and how its claims become roles."""

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    algorithm: Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"] = "RS256"
    jwks_url: HttpUrl | None = Field(default=None, description="without it: from the issuer's discovery document")
    role_claim: str = Field(default="roles", description="the claim that names roles; dots lead into objects")
    roles: Mapping[str, str] = Field(default_factory=dict, description="value of the claim -> role")
    claims: tuple[str, ...] = Field(default=("email",), description="claims that row rules may refer to")
    timeout: float = Field(default=5.0, gt=0, le=60)
    remember: float = Field(default=60.0, ge=0, le=300, description="seconds that a verified token is remembered")
    refetch: float = Field(default=10.0, ge=1, description="least seconds between two fetches of the key set")


class AuditSettings(_Table):
    """What the audit trail leaves out."""

    enabled: bool = True
    redact: tuple[str, ...] = Field(default=(), description="fields (`field` or `resource.model.field`) never recorded")
    before: bool = Field(default=False, description="read records before they change, to record what was there")
    keep_days: int = Field(default=365, ge=1)


class AuthSettings(_Table):
    """Everything that decides who a caller is."""

    secret: SecretStr | None = Field(default=None, description="signs data tokens; JET_ADMIN_AUTH_SECRET")
    previous: tuple[PreviousSecret, ...] = ()
    issuer: str = Field(default="bridge", min_length=1)
    audience: str = Field(default="bridge", min_length=1)
    token_ttl: Annotated[int, Field(ge=30, le=86_400)] = 3_600
    refresh_ttl: Annotated[int, Field(ge=60, le=31_536_000)] = 1_209_600
    anonymous_roles: tuple[str, ...] = ()
    login: LoginSettings = LoginSettings()
    jet: JetSettings | None = None
    oidc: tuple[OidcSettings, ...] = ()
    audit: AuditSettings = AuditSettings()

    @field_validator("oidc")
    @classmethod
    def _one_table_per_issuer(cls, tables: tuple[OidcSettings, ...]) -> tuple[OidcSettings, ...]:
        issuers = [table.issuer for table in tables]
        if len(set(issuers)) != len(issuers):
            raise ValueError("two tables [[auth.oidc]] name the same issuer")
        return tables


def signing_key(secret: SecretStr, *, key: str = "[auth] secret") -> bytes:
    """Return the bytes of a secret that is fit to sign with, or raise ConfigurationError that says how to make one."""
    text = secret.get_secret_value().strip()
    flaw = _flaw(text)
    if flaw is not None:
        raise ConfigurationError(f"{key} {flaw}", hint=f"make one: {MAKE_SECRET}")
    return text.encode()


def _flaw(text: str) -> str | None:
    if len(text.encode()) < MIN_SECRET_BYTES:
        return f"is shorter than {MIN_SECRET_BYTES} bytes"
    if _UUID.fullmatch(text):
        return "has the shape of a UUID, which is an identifier and no secret"
    if _SAMPLE_WORDS.search(text) or len(set(text)) < _MIN_DISTINCT:
        return "is a sample, not a random secret"
    if text.startswith("-----BEGIN"):
        return "is a PEM key: data tokens are signed with a random secret of their own"
    return None
