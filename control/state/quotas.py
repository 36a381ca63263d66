"""Quotas of tenants, kept."""

from collections.abc import Mapping

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    delete,
    insert,
    select,
    update,
)

from control.core.access import NO_QUOTA, Quota
from control.state.audit import Act, Change, record
from control.state.database import in_turn, one_moment
from control.state.schema import TENANT_QUOTAS


class QuotaStore:
    """The table ``tenant_quotas``. Raises StateUnavailable; any thread may call."""

    def __init__(self, engine: Engine) -> None:
        """Use the database of ``engine``."""
        self._engine = engine

    def load_all(self) -> dict[str, Quota]:
        """Load every tenant's quota."""
        with one_moment(self._engine) as connection:
            return load_quotas(connection)

    def load(self, tenant: str) -> Quota | None:
        """Load one tenant's quota; None where it has none."""
        query = select(TENANT_QUOTAS).where(_is(tenant))
        with one_moment(self._engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else quota_of(row)

    def save(self, tenant: str, quota: Quota, act: Act) -> None:
        """Put this quota in the place of whatever the tenant had."""
        values = columns_of(quota)
        with in_turn(self._engine, TENANT_QUOTAS) as connection:
            before = _columns_now(connection, tenant)
            if before is None:
                connection.execute(insert(TENANT_QUOTAS).values(tenant=tenant, **values))
            else:
                connection.execute(update(TENANT_QUOTAS).where(_is(tenant)).values(values))
            record(connection, act, Change("quota_set", _target_of(tenant), before, values))

    def remove(self, tenant: str, act: Act) -> bool:
        """Remove a tenant's quota; False where it had none."""
        with in_turn(self._engine, TENANT_QUOTAS) as connection:
            before = _columns_now(connection, tenant)
            if before is None:
                return False
            connection.execute(delete(TENANT_QUOTAS).where(_is(tenant)))
            record(connection, act, Change("quota_removed", _target_of(tenant), before, None))
            return True


def load_quotas(connection: Connection) -> dict[str, Quota]:
    """Load every tenant's quota within a transaction."""
    rows = connection.execute(select(TENANT_QUOTAS)).mappings()
    return {str(row["tenant"]): quota_of(row) for row in rows}


def columns_of(quota: Quota) -> dict[str, int | None]:
    """Give a quota as columns."""
    return {
        "requests_per_second": quota.requests_per_second,
        "tokens_per_minute": quota.tokens_per_minute,
        "bytes_per_minute": quota.bytes_per_minute,
        "concurrent": quota.concurrent,
    }


def quota_of(row: RowMapping | Mapping[str, int | None]) -> Quota:
    """Give the quota that stands in a row."""
    quota = Quota(
        requests_per_second=row["requests_per_second"],
        tokens_per_minute=row["tokens_per_minute"],
        bytes_per_minute=row["bytes_per_minute"],
        concurrent=row["concurrent"],
    )
    return NO_QUOTA if quota == NO_QUOTA else quota


def _columns_now(connection: Connection, tenant: str) -> dict[str, int | None] | None:
    query = select(TENANT_QUOTAS).where(_is(tenant))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else columns_of(quota_of(row))


def _is(tenant: str) -> ColumnElement[bool]:
    return TENANT_QUOTAS.c.tenant == tenant


def _target_of(tenant: str) -> str:
    return f"tenants/{tenant}"
