"""All that is known of a model's versions and its rollout: one record, changed as a whole.

Times are seconds since the epoch: the record outlives processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from control.core.canary_policy import DEFAULT_CANARY, CanaryPolicy, Isolation
from control.core.rollout_phases import Phase

#: Rollouts of a model that have ended are kept as long as no more have ended since: whoever looks
#: back further finds them in the audit trail.
MOST_ENDED: Final = 200


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version: ``reason`` says in a sentence why it is in its phase.

    ``digest`` is of the content that was staged, empty before; ``model_digest`` of what its model
    had beside its versions then, the config first of all: it was verified with that. ``fault`` is
    what is wrong with its folder by now (a live version's files have changed, say), empty where
    nothing is.
    """

    version: int
    phase: Phase
    reason: str
    since_s: float
    digest: str = ""
    fault: str = ""
    model_digest: str = ""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt to bring a version to all requests.

    ``stable`` is the version that it is measured against, and that takes over if it fails; None
    where the model has none yet. ``policy`` is the plan, kept here: the contract that it was read
    from may be gone, or half written, at any time. ``step`` counts its weights, from 0, and
    ``step_since_s`` says since when it stands there. ``weight`` is in force; ``is_manual`` says
    that an operator has set it, and that steps wait.
    """

    rollout: str
    version: int
    stable: int | None
    isolation: Isolation
    started_s: float
    policy: CanaryPolicy = DEFAULT_CANARY
    step: int = 0
    step_since_s: float = 0.0
    weight: float = 0.0
    is_manual: bool = False
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model. ``revision`` rises with every change: compare it and set it.

    ``stable`` is the version that requests go to, None before there is one; ``previous`` is kept
    loaded for an instant rollback while a new one bakes.
    """

    model: str
    revision: int = 0
    stable: int | None = None
    previous: int | None = None
    versions: Mapping[int, VersionRecord] = field(default_factory=dict)
    rollout: Rollout | None = None
