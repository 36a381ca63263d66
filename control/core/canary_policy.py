"""How a new version of a model is tried out: what ``canary`` in its contract says, in our units.

Names are Flagger's where it has them. Rates are ratios (0 to 1), durations seconds, shares of
traffic percent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Isolation(Enum):
    """Where a version runs while it is tried out."""

    SAME_SERVER = "same_server"
    OWN_SERVER = "own_server"


class StickyBy(Enum):
    """What decides the track of a request: requests that are alike in it get the same one.

    REQUEST_ID  the header ``x-request-id``; without it every request is drawn for anew.
    REQUEST     the bytes of the body.
    TENANT      the caller's tenant.
    HEADER      a header that the contract names; without it, as REQUEST_ID.
    """

    REQUEST_ID = "request_id"
    REQUEST = "request"
    TENANT = "tenant"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Sticky:
    """By what requests stick to a track; ``header`` in lower case, empty for all other kinds."""

    by: StickyBy = StickyBy.REQUEST_ID
    header: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two answers may differ and still agree, element by element.

    Numbers agree within ``absolute + relative * |expected|``; texts and truth values only if they
    are equal, whatever the tolerance. NaN agrees with NaN.
    """

    absolute: float = 1e-5
    relative: float = 1e-3


DEFAULT_TOLERANCE: Final = Tolerance()


@dataclass(frozen=True, slots=True)
class ShadowPolicy:
    """Copies of requests before the first real one.

    ``percent`` of the requests are copied until ``requests`` of them have been compared; 0 of
    either skips the phase. ``min_agreement`` (ratio) rolls back; 0 only counts.
    """

    percent: float = 0.0
    requests: int = 50
    min_agreement: float = 0.0

    @property
    def is_on(self) -> bool:
        """Whether there is such a phase."""
        return self.percent > 0.0 and self.requests > 0


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """What a canary's live outcomes are judged by.

    ``max_failure_rate``   ratio of failed calls that is still good (Flagger: request-success-rate
                           of 99 is 0.01 here), or what stable itself shows, if that is more.
    ``max_duration_s``     one call in a hundred may take longer; None sets no such limit.
    ``max_duration_ratio`` against stable over the same time; None sets no such limit.
    ``error_rate``         chance that a canary exactly as good as stable is rolled back.
    """

    max_failure_rate: float = 0.01
    max_duration_s: float | None = None
    max_duration_ratio: float | None = 1.5
    error_rate: float = 0.001


@dataclass(frozen=True, slots=True)
class VerificationPolicy:
    """What a version must show in a server of its own; ratios are against the live version."""

    max_duration_ratio: float = 4.0
    max_memory_ratio: float = 4.0
    load_timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """The whole plan of a rollout.

    ``step_weights`` (percent) are taken one after the other, none above ``max_weight``; each lasts
    ``interval_s`` at least and until ``minimum_samples`` calls of it have been judged. After the
    last, the version gets everything, and the one before stays loaded for ``bake_time_s``, and
    until as many calls of that have been judged.
    ``comparisons`` say by output when two answers agree.
    """

    isolation: Isolation = Isolation.SAME_SERVER
    sticky: Sticky = Sticky()
    shadow: ShadowPolicy = ShadowPolicy()
    comparisons: Mapping[str, Tolerance] = field(default_factory=dict)
    step_weights: tuple[float, ...] = (5.0, 20.0, 50.0)
    max_weight: float = 50.0
    interval_s: float = 30.0
    minimum_samples: int = 30
    bake_time_s: float = 60.0
    judge: JudgePolicy = JudgePolicy()
    verification: VerificationPolicy = VerificationPolicy()

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights of all steps, as far as ``max_weight`` lets them go."""
        kept = [min(weight, self.max_weight) for weight in self.step_weights]
        return tuple(dict.fromkeys(kept))


DEFAULT_CANARY: Final = CanaryPolicy()
