"""The tables of the store. What changes here needs a migration."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData()

_SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")

STATE: Final = Table(
    "bridge_state",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),  # of the revocations: grows by one with each
)

SETTINGS: Final = Table(
    "bridge_settings",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed", Double, nullable=False),
)

USERS: Final = Table(
    "bridge_users",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("email", String(320), nullable=False, unique=True),
    Column("password", String(256), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),  # of the rights; tokens of an older one no longer count
    Column("created", Double, nullable=False),
    Column("last_login", Double),
)

LOGIN_ADDRESSES: Final = Table(
    "bridge_login_addresses",
    METADATA,
    Column("user_id", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("seen", Double, nullable=False),
)

API_KEYS: Final = Table(
    "bridge_api_keys",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),  # SHA-256 of 256 random bits: nothing to guess
    Column("name", String(200), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    Column("last_used", Double),
)

REVOCATIONS: Final = Table(
    "bridge_revocations",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the version that it made
    Column("handle", String(300), nullable=False, index=True),
    Column("at", Double, nullable=False),
    Column("expires", Double, nullable=False, index=True),  # when nothing is left that it could revoke
)

AUDIT: Final = Table(
    "bridge_audit",
    METADATA,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("request_id", String(64), nullable=False, index=True),
    Column("at", Double, nullable=False, index=True),
    Column("subject", String(300), nullable=False, index=True),
    Column("roles", JSON, nullable=False),
    Column("resource", String(200), nullable=False),
    Column("model", String(300), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("asked", JSON, nullable=False),  # the filter, or the new values
    Column("state", String(16), nullable=False),  # pending until the outcome is known
    Column("outcome", String(16)),
    Column("affected", BigInteger),
    Column("changes", JSON),  # per record: key, before, after, as far as they are known
    Column("error", String(64)),
    Column("finished", Double),
    Index("ix_bridge_audit_model", "resource", "model", "at"),
)

IDEMPOTENCY: Final = Table(
    "bridge_idempotency",
    METADATA,
    Column("principal", String(300), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("resource", String(200), primary_key=True),
    Column("request_hash", String(64), nullable=False),  # the same key for another request is refused
    Column("state", String(16), nullable=False),  # started, applied, unknown
    Column("owner", String(32), nullable=False),  # the try that may change this row; empty: it was left
    Column("minted", String(32), nullable=False),  # the key that the backend gets, at every try the same
    Column("process", String(200), nullable=False),  # whose try it is
    Column("lease", Double, nullable=False),  # until when the try is believed to be alive
    Column("tokens", JSON, nullable=False),  # what proves the outcome after a crash
    Column("answer", LargeBinary),
    Column("created", Double, nullable=False, index=True),
)

RELATION_OVERRIDES: Final = Table(
    "bridge_relation_overrides",
    METADATA,
    Column("model", String(300), primary_key=True),
    Column("draft", Boolean, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("direction", String(16), nullable=False),
    Column("local_field", String(300), nullable=False),
    Column("related_model", String(300), nullable=False),
    Column("related_field", String(300), nullable=False),
)
