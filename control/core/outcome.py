"""How a call of Triton ended, in the words that limiters and breakers judge by."""

from enum import Enum


class Outcome(Enum):
    """The end of one upstream call.

    SUCCESS   a right answer.
    FAILURE   the model's fault: an exception, a wrong answer, a dead process, a time-out although
              there had been time enough.
    DROPPED   the load's fault: Triton's queue was full, or the time ran out too soon to blame it.
    IGNORED   nobody's fault here: the client's mistake, a client that left, a server that
              restarted. It frees what was held and counts for nothing.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    DROPPED = "dropped"
    IGNORED = "ignored"
