"""The phases of a model version, from its drop to its end, and what may follow what."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Phase(Enum):
    """Where a version stands.

    DETECTED     its folder has been seen; it may still be written to, or wait for its turn.
    STAGED       Seawall has its own copy, which nobody else writes to.
    VERIFYING    it runs in a tritonserver of its own, without traffic.
    LOADING      it is being loaded, beside the live version or in a server of its own.
    SHADOWING    it gets copies of requests; its answers go nowhere.
    CANARY       it answers a share of the requests.
    PROMOTING    it answers all of them; the version before is kept warm.
    LIVE         it is served.
    ROLLED_BACK  it had traffic, or was about to, and was taken out.
    REJECTED     it was found to be bad before it had any traffic.
    RETIRED      it has been served, and another took its place.
    """

    DETECTED = "detected"
    STAGED = "staged"
    VERIFYING = "verifying"
    LOADING = "loading"
    SHADOWING = "shadowing"
    CANARY = "canary"
    PROMOTING = "promoting"
    LIVE = "live"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    RETIRED = "retired"


#: A version in one of these waits for nothing; a new drop, or an operator, may start it again.
ENDED: Final = frozenset({Phase.ROLLED_BACK, Phase.REJECTED, Phase.RETIRED})

_NEXT: Final[Mapping[Phase, frozenset[Phase]]] = {
    Phase.DETECTED: frozenset({Phase.STAGED, Phase.REJECTED}),
    Phase.STAGED: frozenset({Phase.VERIFYING, Phase.REJECTED}),
    Phase.VERIFYING: frozenset({Phase.LOADING, Phase.REJECTED}),
    Phase.LOADING: frozenset(
        {Phase.SHADOWING, Phase.CANARY, Phase.PROMOTING, Phase.LIVE, Phase.REJECTED}
    ),
    Phase.SHADOWING: frozenset({Phase.CANARY, Phase.PROMOTING, Phase.ROLLED_BACK}),
    Phase.CANARY: frozenset({Phase.PROMOTING, Phase.ROLLED_BACK}),
    Phase.PROMOTING: frozenset({Phase.LIVE, Phase.ROLLED_BACK}),
    Phase.LIVE: frozenset({Phase.RETIRED}),
    **dict.fromkeys(ENDED, frozenset({Phase.DETECTED})),
}


def may_follow(before: Phase, after: Phase) -> bool:
    """Whether a version may go from one phase straight to the other."""
    return after in _NEXT[before]
