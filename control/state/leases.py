"""Leases: what only one process may do at a time, for as long as it says that it is there.

All times are by the database's clock. A lease is given for a while and renewed before it ends;
who holds one no longer is found out by the transaction that relies on it. Where that clock is set
back, leases of before do not last until it has caught up.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from control.errors import StateConflict
from control.state.clock import DatabaseNow
from control.state.database import our_faults
from control.state.schema import LEASES

_NOBODY = ""


class LeaseLost(StateConflict):
    """The lease has run out or went to another: what was decided under it is void."""


@dataclass(frozen=True, slots=True)
class Lease:
    """That ``holder`` has the lease ``name``: until ``expires_s``, by the database's clock.

    ``epoch`` rises whenever the lease goes to another holder, or again to one that gave it back.
    """

    name: str
    holder: str
    epoch: int
    expires_s: float


class LeaseStore:
    """The table ``leases``. Raises StateUnavailable; any thread may call."""

    def __init__(self, engine: Engine) -> None:
        """Use the database of ``engine``."""
        self._engine = engine

    def acquire(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """Give the lease for ``ttl_s`` from now, or renew it; None where another one holds it.

        ``holder`` names one run of one process: two of the same name would hold it together. All
        who want one lease ask for about the same time.
        """
        if not holder or ttl_s <= 0:
            message = f"a lease needs a holder and a time: got {holder!r} and {ttl_s!r} s"
            raise ValueError(message)
        with our_faults("take changes"), self._engine.begin() as connection:
            return _take(connection, name, holder, ttl_s)

    def release(self, lease: Lease) -> None:
        """Give the lease back before its time; where it is not held any more nothing happens."""
        change = update(LEASES).where(_is_held(lease)).values(holder=_NOBODY, expires_s=0.0)
        with our_faults("take changes"), self._engine.begin() as connection:
            connection.execute(change)


def check_lease(connection: Connection, lease: Lease) -> None:
    """See to it that nobody else gets the lease before this transaction ends.

    Raises LeaseLost where it is not held any more.
    """
    query = select(LEASES.c.epoch).where(_is_held(lease)).with_for_update()
    if connection.execute(query).one_or_none() is None:
        message = f"the lease '{lease.name}' is not held by '{lease.holder}' any more"
        raise LeaseLost(message)


def _is_held(lease: Lease) -> ColumnElement[bool]:
    return and_(
        LEASES.c.name == lease.name,
        LEASES.c.holder == lease.holder,
        LEASES.c.epoch == lease.epoch,
        LEASES.c.expires_s > DatabaseNow(),
    )


def _take(connection: Connection, name: str, holder: str, ttl_s: float) -> Lease | None:
    """Take what is free or one's own: one statement, so that of two only one succeeds."""
    is_own = LEASES.c.holder == holder
    has_run_out = LEASES.c.expires_s <= DatabaseNow()
    # Given by a clock that was ahead: nobody asks for so long, and its holder may be dead. Another
    # ``ttl_s`` is for clocks that are set back a little: a living holder renews it meanwhile.
    is_from_the_future = LEASES.c.expires_s > DatabaseNow() + 2 * ttl_s
    is_free = or_(is_own, has_run_out, is_from_the_future)
    change = (
        update(LEASES)
        .where(LEASES.c.name == name, is_free)
        .values(
            holder=holder,
            epoch=case((is_own, LEASES.c.epoch), else_=LEASES.c.epoch + 1),
            expires_s=DatabaseNow() + ttl_s,
        )
        .returning(LEASES)
    )
    row = connection.execute(change).one_or_none()
    if row is not None:
        return Lease(*row)
    known = select(LEASES.c.name).where(LEASES.c.name == name)
    if connection.execute(known).one_or_none() is not None:
        return None
    return _take_first(connection, name, holder, ttl_s)


def _take_first(connection: Connection, name: str, holder: str, ttl_s: float) -> Lease | None:
    values = {"name": name, "holder": holder, "epoch": 1, "expires_s": DatabaseNow() + ttl_s}
    try:
        with connection.begin_nested():
            row = connection.execute(insert(LEASES).values(values).returning(LEASES)).one()
    except IntegrityError:  # another one was quicker
        return None
    return Lease(*row)
