"""The bridge's own state: users, keys, revocations, project token, audit, idempotency; on SQLAlchemy."""
