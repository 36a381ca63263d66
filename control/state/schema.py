"""The tables, as of the newest migration.

Times are seconds since the epoch. Only what every database has is used here.
"""

from typing import Final

from sqlalchemy import (
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
    text,
)

METADATA: Final = MetaData()


def _quota_columns() -> list[Column[int]]:
    return [
        Column("requests_per_second", BigInteger),
        Column("tokens_per_minute", BigInteger),
        Column("bytes_per_minute", BigInteger),
        Column("concurrent", BigInteger),
    ]


#: API tokens, revoked ones included. ``scopes`` are separated by spaces.
TOKENS: Final = Table(
    "tokens",
    METADATA,
    Column("token_id", String(64), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("name", String(128), nullable=False),
    Column("tenant", String(128), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    *_quota_columns(),
)

TENANT_QUOTAS: Final = Table(
    "tenant_quotas",
    METADATA,
    Column("tenant", String(128), primary_key=True),
    *_quota_columns(),
)

#: The last good contract of each model version.
CONTRACTS: Final = Table(
    "contracts",
    METADATA,
    Column("model", String(255), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", String(128), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("stored_at", Double, nullable=False),
)

#: What operators have ordered of models; version 0 stands for all versions of the model.
ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("model", String(255), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("concurrency", BigInteger),
    Column("max_concurrency", BigInteger),
    Column("max_queue_size", BigInteger),
    Column("deadline_ms", BigInteger),
    Column("breaker", String(32), nullable=False),
    Column("breaker_epoch", BigInteger, nullable=False),
    Column("cache_epoch", BigInteger, nullable=False),
)

#: Who has changed what, and why. ``before`` and ``after`` are JSON; rows are never changed.
AUDIT: Final = Table(
    "audit",
    METADATA,
    # SQLite counts up by itself only what it calls an INTEGER.
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("acted_at", Double, nullable=False),
    Column("subject", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(320), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("audit_by_target", "target", "id"),
)

#: The head of all that is known of a model; ``revision`` rises with every change of any of it.
MODELS: Final = Table(
    "models",
    METADATA,
    Column("model", String(255), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("stable", BigInteger),
    Column("previous", BigInteger),
)

VERSIONS: Final = Table(
    "versions",
    METADATA,
    Column("model", String(255), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("phase", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since_s", Double, nullable=False),
    Column("digest", String(128), nullable=False),
    Column("model_digest", String(128), nullable=False),
    Column("fault", Text, nullable=False),
)

_UNDER_WAY: Final = text("ended_s IS NULL")
#: Every attempt to bring a version to all requests. One that has ended has the phase of its
#: version then as ``outcome``, and stays for a while; a model has at most one that has not.
#: ``policy`` is JSON.
ROLLOUTS: Final = Table(
    "rollouts",
    METADATA,
    Column("rollout", String(64), primary_key=True),
    Column("model", String(255), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("stable", BigInteger),
    Column("isolation", String(32), nullable=False),
    Column("started_s", Double, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("step_since_s", Double, nullable=False),
    Column("weight", Double, nullable=False),
    Column("is_manual", Boolean, nullable=False),
    Column("is_paused", Boolean, nullable=False),
    Column("policy", Text, nullable=False),
    Column("ended_s", Double),
    Column("outcome", String(32)),
    Column("reason", Text),
    Index(
        "rollouts_under_way",
        "model",
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    ),
    Index("rollouts_ended", "model", "ended_s"),
)

#: Who may do what only one process may; ``expires_s`` is by the database's clock.
LEASES: Final = Table(
    "leases",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_s", Double, nullable=False),
)
