"""The whole corpus: thousands of requests, the same ones each time for the same seed."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz.draft import Draft, Request
from tests.fuzz.mutations.binary import BINARY
from tests.fuzz.mutations.elements import ELEMENTS
from tests.fuzz.mutations.fields import FIELDS
from tests.fuzz.mutations.mutation import Done, Mutation
from tests.fuzz.mutations.parameters import PARAMETERS
from tests.fuzz.mutations.shapes import SHAPES
from tests.fuzz.mutations.texts import TEXTS
from tests.fuzz.mutations.transport import TRANSPORT
from tests.fuzz.seeds import PLAIN_SEEDS, SEEDS, Good

SEED: Final = 1
#: Requests of each family; ``two`` are two changes of any families in one request.
SIZES: Final = {
    "fields": 3000,
    "shapes": 1200,
    "elements": 1800,
    "binary": 1800,
    "parameters": 2200,
    "transport": 1600,
    "texts": 2400,
    "two": 2000,
}
_FAMILIES: Final[dict[str, tuple[Mutation, ...]]] = {
    "fields": FIELDS,
    "shapes": SHAPES,
    "elements": ELEMENTS,
    "binary": BINARY,
    "parameters": PARAMETERS,
    "transport": TRANSPORT,
    "texts": TEXTS,
}
_MAX_TRIES: Final = 200
#: What a change raises whose part another change has taken away.
_LACKING: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError, struct.error)


@dataclass(frozen=True, slots=True)
class Case:
    """One mutated request. ``refused``: nothing that checks requests may answer it with 200."""

    number: int
    family: str
    change: str
    model: str
    request: Request
    refused: bool

    @property
    def name(self) -> str:
        """What was done, and a number to find it by."""
        return f"{self.family}: {self.change} #{self.number}"


def corpus(seed: int = SEED, share: float = 1.0) -> Iterator[Case]:
    """Make the requests; ``share`` of each family."""
    number = 0
    for family, size in SIZES.items():
        for turn in range(round(size * share)):
            yield case(number, family, Random(f"{seed}:{family}:{turn}"))
            number += 1


def case(number: int, family: str, rng: Random) -> Case:
    """Make one request by changing a good one."""
    for _ in range(_MAX_TRIES):
        draft = rng.choice(SEEDS)(rng).draft
        done = _twice(draft, rng) if family == "two" else rng.choice(_FAMILIES[family])(draft, rng)
        if done is not None:
            return Case(number, family, done.name, draft.model, draft.request(), done.refused)
    raise AssertionError(family)


def good(number: int, seed: int = SEED) -> Good:
    """Make one request that any server must answer, to be sent between the others."""
    rng = Random(f"{seed}:good:{number}")
    return rng.choice(PLAIN_SEEDS)(rng)


def _twice(draft: Draft, rng: Random) -> Done | None:
    """Change a request in two ways, of which the second may undo what the first has broken."""
    families = sorted(_FAMILIES)
    first = rng.choice(_FAMILIES[rng.choice(families)])(draft, rng)
    if first is None or draft.body is not None:
        return None
    try:
        second = rng.choice(_FAMILIES[rng.choice(families)])(draft, rng)
    except _LACKING:
        return None
    return None if second is None else Done(f"{first.name}, {second.name}")
