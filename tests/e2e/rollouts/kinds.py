"""Versions that are bad only in traffic: what is served before them, and how they are tried."""

from dataclasses import dataclass

_APART = """\
canary:
  isolation: own_server
  step_weights: [20, 50]
  interval_s: 2
  minimum_samples: 10
  bake_time_s: 3
"""
_LONG = """\
canary:
  step_weights: [20]
  max_weight: 20
  interval_s: 60
  minimum_samples: 1000
  bake_time_s: 3
"""


@dataclass(frozen=True, slots=True)
class BadInTraffic:
    """``first`` is the kind of version 1, ``contract`` the canary's plan, or empty for the usual.

    ``word`` is in the reason of the rollback.
    """

    first: str
    contract: str
    word: str


BAD_IN_TRAFFIC = {
    "fails": BadInTraffic("good", "", "failed"),
    "nan": BadInTraffic("good", "", "failed"),
    "slower": BadInTraffic("slow", _LONG, "longer"),
    "kills_its_stub": BadInTraffic("good", "", "died"),
    "hangs": BadInTraffic("good", _LONG, "failed"),
    "kills_the_server": BadInTraffic("good", _APART, "died"),
}
