"""All kept state in one place."""

from pathlib import Path
from typing import Self

from sqlalchemy import Engine

from control.core.access import Access
from control.core.orders import Directives
from control.state.audit import AuditStore
from control.state.contracts import ContractStore
from control.state.database import one_moment, open_database
from control.state.leases import LeaseStore
from control.state.orders import OrderStore, load_orders
from control.state.quotas import QuotaStore, load_quotas
from control.state.rollouts import RolloutStore
from control.state.tokens import TokenStore, load_known_tokens


class StateStore:
    """Everything that is kept, over one database. Controllers alone write to it."""

    def __init__(self, engine: Engine) -> None:
        """Use a database that is open and up to date."""
        self._engine = engine
        self.tokens = TokenStore(engine)
        self.quotas = QuotaStore(engine)
        self.contracts = ContractStore(engine)
        self.orders = OrderStore(engine)
        self.rollouts = RolloutStore(engine)
        self.leases = LeaseStore(engine)
        self.audit = AuditStore(engine)

    @classmethod
    def open(cls, url: str, default: Path) -> Self:
        """Open ``url``, or where it is empty SQLite in ``default``; raises StateUnavailable."""
        return cls(open_database(url, default))

    def load_directives(self, now_s: float) -> Directives:
        """Load tokens, tenants' quotas and orders as they stand together at ``now_s``."""
        with one_moment(self._engine) as connection:
            access = Access(load_known_tokens(connection, now_s), load_quotas(connection))
            return Directives(access, load_orders(connection))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
