"""What a failed call says of the model: the outcome that limiters and breakers hear."""

from control.core.outcome import Outcome
from control.errors import BadUpstreamAnswer, DeadlineExceeded, ModelFailed
from control.gateway.replies_of_triton import StubDied, TritonFull


def outcome_of(error: BaseException, *, had_time: bool) -> Outcome:
    """Judge what ended a call; ``had_time`` says whether the model could have answered in time."""
    match error:
        case ModelFailed() | BadUpstreamAnswer() | StubDied():
            return Outcome.FAILURE
        case DeadlineExceeded():
            return Outcome.FAILURE if had_time else Outcome.DROPPED
        case TritonFull():
            return Outcome.DROPPED
        case _:
            return Outcome.IGNORED
