"""What a rollout is decided by: everything that was observed of one model, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from control.core.canary_policy import CanaryPolicy
from control.core.judge_counts import JudgeCounts
from control.core.step_watch import StepSeen


class DropState(Enum):
    """How whole a version's folder in the source repository is."""

    WRITING = "writing"
    COMPLETE = "complete"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A version's folder; ``digest`` is of its content, empty until that has been read."""

    state: DropState
    digest: str = ""
    reason: str = ""

    def holds_other_than(self, digest: str) -> bool:
        """Whether it is whole and known to hold something else."""
        return self.state is DropState.COMPLETE and self.digest not in {"", digest}


class Work(Enum):
    """What takes time, and is done once for each attempt."""

    STAGE = "stage"
    VERIFY = "verify"
    ASK_PRE_ROLLOUT = "pre_rollout"
    ASK_STEP = "rollout"
    ASK_ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Result:
    """How a piece of work ended: ``detail`` is a reason, or what was found (a digest).

    ``model_digest`` is of what the model had beside the version that was copied.
    """

    is_good: bool
    detail: str = ""
    model_digest: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """``folders`` None says that the source repository cannot be seen now.

    ``ready`` are the versions that can answer in the main tritonserver, ``ready_apart`` those in a
    server of their own; ``loaded`` are all that the main one has, those whose process has died
    included. ``done`` holds the results of the attempt that is under way. ``stopped`` is why a
    gateway has stopped the canary, or a rollback was asked for; empty where none was.
    ``can_be_split``: its requests may go to either version, each by itself. ``has_slot``: a
    verification may begin. ``policy`` is what the version's contract says now; None where it has
    none, or cannot be read. ``alone`` is why no version that is live can answer: it does not load;
    empty where one can, or nobody has tried that twice.
    """

    folders: Mapping[int, SourceFolder] | None = None
    ready: frozenset[int] = frozenset()
    ready_apart: frozenset[int] = frozenset()
    loaded: frozenset[int] = frozenset()
    done: Mapping[Work, Result] = field(default_factory=dict)
    counts: JudgeCounts = field(default_factory=JudgeCounts)
    stopped: str = ""
    step: StepSeen = field(default_factory=StepSeen)
    can_be_split: bool = True
    has_slot: bool = True
    policy: CanaryPolicy | None = None
    alone: str = ""
