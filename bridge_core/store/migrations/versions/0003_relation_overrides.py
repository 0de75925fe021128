"""Keep the relations that people declare in the interface of Jet Admin."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "bridge_relation_overrides",
        sa.Column("model", sa.String(300), primary_key=True),
        sa.Column("draft", sa.Boolean, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("local_field", sa.String(300), nullable=False),
        sa.Column("related_model", sa.String(300), nullable=False),
        sa.Column("related_field", sa.String(300), nullable=False),
    )
