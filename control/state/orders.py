"""Orders of operators on models, kept."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    and_,
    delete,
    insert,
    select,
)

from control.core.orders import Order, Target
from control.core.protection import NO_OVERRIDE, BreakerMode, Override
from control.state.audit import Act, Change, record
from control.state.database import in_turn, one_moment
from control.state.schema import ORDERS

#: The number that stands for all versions of a model; Triton's own begin at 1.
_WHOLE: Final = 0


class OrderStore:
    """The table ``orders``. Raises StateUnavailable; any thread may call."""

    def __init__(self, engine: Engine) -> None:
        """Use the database of ``engine``."""
        self._engine = engine

    def of_model(self, model: str) -> tuple[Order, ...]:
        """Load the orders on one model and on its versions."""
        with one_moment(self._engine) as connection:
            return _load(connection, ORDERS.c.model == model)

    def change(
        self, act: Act, action: str, target: Target, how: Callable[[Override], Override]
    ) -> Override:
        """Change the order on a target by ``how``; give the new one.

        What ``how`` raises leaves everything as it was.
        """
        number = _WHOLE if target.version is None else target.version
        where = and_(ORDERS.c.model == target.model, ORDERS.c.version == number)
        query = select(ORDERS).where(where)
        with in_turn(self._engine, ORDERS) as connection:
            row = connection.execute(query).mappings().one_or_none()
            before = NO_OVERRIDE if row is None else _override_of(row)
            after = how(before)
            connection.execute(delete(ORDERS).where(where))
            if after != NO_OVERRIDE:
                new = {"model": target.model, "version": number, **_columns_of(after)}
                connection.execute(insert(ORDERS).values(new))
            facts = _columns_of(before), _columns_of(after)
            record(connection, act, Change(action, target.path, *facts))
        return after


def load_orders(connection: Connection) -> tuple[Order, ...]:
    """Load all orders within a transaction, always in the same order."""
    return _load(connection)


def _load(connection: Connection, *where: ColumnElement[bool]) -> tuple[Order, ...]:
    query = select(ORDERS).where(*where).order_by(ORDERS.c.model, ORDERS.c.version)
    return tuple(
        Order(row["model"], row["version"] or None, _override_of(row))
        for row in connection.execute(query).mappings()
    )


def _columns_of(override: Override) -> dict[str, Any]:
    return {
        "concurrency": override.concurrency,
        "max_concurrency": override.max_concurrency,
        "max_queue_size": override.max_queue_size,
        "deadline_ms": override.deadline_ms,
        "breaker": override.breaker.value,
        "breaker_epoch": override.breaker_epoch,
        "cache_epoch": override.cache_epoch,
    }


def _override_of(row: RowMapping) -> Override:
    return Override(
        concurrency=row["concurrency"],
        max_concurrency=row["max_concurrency"],
        max_queue_size=row["max_queue_size"],
        deadline_ms=row["deadline_ms"],
        breaker=BreakerMode(row["breaker"]),
        breaker_epoch=row["breaker_epoch"],
        cache_epoch=row["cache_epoch"],
    )
