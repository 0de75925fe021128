"""Say who works on a keyed write, so that one who takes it over can be told from the one before."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table anew: nothing was kept in it before."""
    op.drop_table("bridge_idempotency")
    op.create_table(
        "bridge_idempotency",
        sa.Column("principal", sa.String(300), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("resource", sa.String(200), primary_key=True),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("minted", sa.String(32), nullable=False),
        sa.Column("process", sa.String(200), nullable=False),
        sa.Column("lease", sa.Double, nullable=False),
        sa.Column("tokens", sa.JSON, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.Column("created", sa.Double, nullable=False, index=True),
    )
