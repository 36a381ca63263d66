"""Tokens, quotas of tenants, and the last good contracts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _quota_columns() -> list[sa.Column[int]]:
    names = ("requests_per_second", "tokens_per_minute", "bytes_per_minute", "concurrent")
    return [sa.Column(name, sa.BigInteger) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String(64), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("tenant", sa.String(128), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
        *_quota_columns(),
    )
    op.create_table(
        "tenant_quotas",
        sa.Column("tenant", sa.String(128), primary_key=True),
        *_quota_columns(),
    )
    op.create_table(
        "contracts",
        sa.Column("model", sa.String(255), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.String(128), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("contracts", "tenant_quotas", "tokens"):
        op.drop_table(table)
