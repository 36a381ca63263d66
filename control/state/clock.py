"""The database's own clock, as an SQL expression: hosts whose clocks differ agree on it."""

from typing import Any, Final

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

#: SQLite knows the time as a Julian day; this is the one on which the epoch begins.
_SQLITE: Final = "((julianday('now') - 2440587.5) * 86400.0)"
#: The time now, where ``now()`` is the time at which the transaction began.
_POSTGRESQL: Final = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class DatabaseNow(FunctionElement[float]):
    """Seconds since the epoch, to the millisecond at least."""

    type = Double()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _in_sqlite(_element: DatabaseNow, _compiler: object, **_: Any) -> str:  # noqa: ANN401
    return _SQLITE


@compiles(DatabaseNow, "postgresql")
def _in_postgresql(_element: DatabaseNow, _compiler: object, **_: Any) -> str:  # noqa: ANN401
    return _POSTGRESQL
