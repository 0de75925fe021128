"""Run migrations on the connection that `open_store` holds, inside of its transaction."""

from alembic import context

from bridge_core.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
