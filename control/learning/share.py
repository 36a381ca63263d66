"""How much of one request is looked at: never more than costs about a tenth of a millisecond."""

from dataclasses import dataclass
from typing import Final

#: Inputs of one request that are looked at; where a model has more, they take turns.
MOST_INPUTS: Final = 4
#: Elements that go into sketches, in all.
_SAMPLE: Final = 512
#: Elements in a row whose extremes are taken, in all.
_STRETCH: Final = 16_384
#: Texts whose lengths are taken, in all, and bytes of them whose characters are counted.
_TEXTS: Final = 48
_TEXT_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Share:
    """What one input may cost. ``place`` (0 to 1) says which stretch of a large tensor is taken."""

    sample: int
    stretch: int
    texts: int
    text_bytes: int
    place: float = 0.0


def share_of(inputs: int, place: float) -> Share:
    """Divide what one request may cost among its inputs, of which there is at least one."""
    return Share(
        _SAMPLE // inputs, _STRETCH // inputs, _TEXTS // inputs, _TEXT_BYTES // inputs, place
    )
