"""The last good contract of each model version, kept."""

import time
from collections.abc import Callable

from sqlalchemy import ColumnElement, Engine, and_, delete, insert, select, update

from control.state.database import in_turn, one_moment, our_faults
from control.state.schema import CONTRACTS


class ContractStore:
    """The table ``contracts``. Raises StateUnavailable; any thread may call."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        """Use the database of ``engine``; ``clock`` gives the time of storing."""
        self._engine = engine
        self._clock = clock

    def load_all(self) -> dict[tuple[str, int], bytes]:
        """Load every contract, by model and version; the last one that was kept comes last."""
        columns = (CONTRACTS.c.model, CONTRACTS.c.version, CONTRACTS.c.document)
        query = select(*columns).order_by(CONTRACTS.c.stored_at)
        with one_moment(self._engine) as connection:
            rows = connection.execute(query).all()
        return {(model, version): bytes(document) for model, version, document in rows}

    def save(self, model: str, version: int, revision: str, document: bytes) -> None:
        """Put this contract in the place of the version's last one."""
        values = {"revision": revision, "document": document, "stored_at": self._clock()}
        change = update(CONTRACTS).where(_is(model, version)).values(values)
        new = insert(CONTRACTS).values(model=model, version=version, **values)
        with in_turn(self._engine, CONTRACTS) as connection:
            if not connection.execute(change).rowcount:
                connection.execute(new)

    def remove(self, model: str, version: int) -> None:
        """Forget a version's contract, if one is kept."""
        with our_faults("take changes"), self._engine.begin() as connection:
            connection.execute(delete(CONTRACTS).where(_is(model, version)))


def _is(model: str, version: int) -> ColumnElement[bool]:
    return and_(CONTRACTS.c.model == model, CONTRACTS.c.version == version)
