"""What operators have ordered of models and their versions, and which order a version gets.

Who may give orders, and where they are kept, is not decided here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from control.core.access import Access
from control.core.protection import NO_OVERRIDE, BreakerMode, Override
from control.core.routes import NO_ROUTES, Routes


@dataclass(frozen=True, slots=True)
class Target:
    """What an order is for: one version of a model, or with None all versions of it."""

    model: str
    version: int | None = None

    @property
    def path(self) -> str:
        """How the audit trail names it."""
        whole = f"models/{self.model}"
        return whole if self.version is None else f"{whole}/versions/{self.version}"

    @property
    def in_words(self) -> str:
        """How messages name it."""
        whole = f"model '{self.model}'"
        return whole if self.version is None else f"{whole} version {self.version}"


@dataclass(frozen=True, slots=True)
class Order:
    """An order for one version of a model; ``version`` None is for all versions of it."""

    model: str
    version: int | None
    override: Override


@dataclass(frozen=True, slots=True)
class Directives:
    """All that is laid down: who may do what, the orders on models, and where requests go."""

    access: Access = field(default_factory=Access)
    orders: tuple[Order, ...] = ()
    routes: Routes = field(default_factory=lambda: NO_ROUTES)


def order_for(orders: Iterable[Order], model: str, version: int) -> Override:
    """Give the order that a version has to follow: its own, over the one for the whole model."""
    found: Mapping[int | None, Override] = {
        one.version: one.override for one in orders if one.model == model
    }
    if not found:
        return NO_OVERRIDE
    return combined(found.get(None, NO_OVERRIDE), found.get(version, NO_OVERRIDE))


def combined(whole: Override, own: Override) -> Override:
    """Put a version's own order over its model's: what the version has of its own wins.

    ``concurrency`` and ``max_concurrency`` are two ways to say one thing: they win together.
    Epochs add up: whichever of the two grows, the sum does, where the greater might stay.
    """
    has_limit = own.concurrency is not None or own.max_concurrency is not None
    limit = own if has_limit else whole
    has_mode = own.breaker is not BreakerMode.AUTOMATIC
    return Override(
        concurrency=limit.concurrency,
        max_concurrency=limit.max_concurrency,
        max_queue_size=_first(own.max_queue_size, whole.max_queue_size),
        deadline_ms=_first(own.deadline_ms, whole.deadline_ms),
        breaker=own.breaker if has_mode else whole.breaker,
        breaker_epoch=whole.breaker_epoch + own.breaker_epoch,
        cache_epoch=whole.cache_epoch + own.cache_epoch,
    )


def _first(own: int | None, whole: int | None) -> int | None:
    return whole if own is None else own
