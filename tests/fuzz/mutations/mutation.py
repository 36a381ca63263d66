"""What a mutation is: it changes a draft, and says what it has done."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.draft import Draft


class Done(NamedTuple):
    """The name of a change. ``refused``: no server that checks requests may answer it with 200."""

    name: str
    refused: bool = False


#: None where the draft has no such part.
Mutation = Callable[[Draft, Random], Done | None]


def inputs_of(draft: Draft) -> list[dict[str, Any]]:
    """The inputs of a draft that still has any, each an object."""
    if not isinstance(draft.document, dict):
        return []
    inputs = draft.document.get("inputs")
    return [one for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []


def some_input(draft: Draft, rng: Random) -> dict[str, Any] | None:
    """One input of a draft."""
    inputs = inputs_of(draft)
    return rng.choice(inputs) if inputs else None


def as_json(draft: Draft) -> bool:
    """Whether the tensors of a draft stand in its JSON."""
    return bool(inputs_of(draft)) and not draft.is_binary
