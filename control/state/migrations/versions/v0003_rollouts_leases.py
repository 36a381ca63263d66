"""Models with their versions and rollouts, and leases."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "models",
        sa.Column("model", sa.String(255), primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("stable", sa.BigInteger),
        sa.Column("previous", sa.BigInteger),
    )
    op.create_table(
        "versions",
        sa.Column("model", sa.String(255), primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since_s", sa.Double, nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("model_digest", sa.String(128), nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
    )
    _make_rollouts()
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_s", sa.Double, nullable=False),
    )


def _make_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("rollout", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("stable", sa.BigInteger),
        sa.Column("isolation", sa.String(32), nullable=False),
        sa.Column("started_s", sa.Double, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("step_since_s", sa.Double, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("is_manual", sa.Boolean, nullable=False),
        sa.Column("is_paused", sa.Boolean, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("ended_s", sa.Double),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.Text),
    )
    under_way = sa.text("ended_s IS NULL")
    op.create_index(
        "rollouts_under_way",
        "rollouts",
        ["model"],
        unique=True,
        sqlite_where=under_way,
        postgresql_where=under_way,
    )
    op.create_index("rollouts_ended", "rollouts", ["model", "ended_s"])


def downgrade() -> None:
    """Drop them."""
    for table in ("leases", "rollouts", "versions", "models"):
        op.drop_table(table)
