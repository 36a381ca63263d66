"""Orders of operators, and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "orders",
        sa.Column("model", sa.String(255), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("concurrency", sa.BigInteger),
        sa.Column("max_concurrency", sa.BigInteger),
        sa.Column("max_queue_size", sa.BigInteger),
        sa.Column("deadline_ms", sa.BigInteger),
        sa.Column("breaker", sa.String(32), nullable=False),
        sa.Column("breaker_epoch", sa.BigInteger, nullable=False),
        sa.Column("cache_epoch", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("acted_at", sa.Double, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.String(320), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("audit_by_target", "audit", ["target", "id"])


def downgrade() -> None:
    """Drop them."""
    for table in ("audit", "orders"):
        op.drop_table(table)
