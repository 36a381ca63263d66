"""Decides which work a rollout needs next; what has been done already is among the facts."""

from control.core.rollout_facts import DropState, Facts, Work
from control.core.rollout_phases import Phase
from control.core.rollout_proof import is_step_proved
from control.core.rollout_record import ModelRecord, Rollout
from control.core.rollout_route import under_way


def work_due(record: ModelRecord, facts: Facts) -> Work | None:
    """Give the work that the next step waits for; None where it waits for something else."""
    current = under_way(record)
    if current is None:
        return None
    rollout, version = current
    match version.phase:
        case Phase.DETECTED:
            due = Work.STAGE if _is_whole(rollout, facts) else None
        case Phase.VERIFYING:
            verified = facts.done.get(Work.VERIFY)
            is_good = verified is not None and verified.is_good
            verify = Work.VERIFY if facts.has_slot else None
            due = Work.ASK_PRE_ROLLOUT if is_good else verify
        case Phase.CANARY:
            due = Work.ASK_STEP if is_step_proved(rollout, facts) else None
        case _:
            due = None
    return None if due in facts.done else due


def _is_whole(rollout: Rollout, facts: Facts) -> bool:
    folder = (facts.folders or {}).get(rollout.version)
    return folder is not None and folder.state is DropState.COMPLETE
