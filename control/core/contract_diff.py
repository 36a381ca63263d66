"""What a new version's contract means for a caller who keeps to the live one's.

Whoever sends what was right must go on being taken, and must be able to read what comes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from control.core.contract import ANY_SIZE, Contract, TensorSpec


@dataclass(frozen=True, slots=True)
class ContractDiff:
    """Sentences. What is ``breaking`` fails some caller who was right before."""

    breaking: tuple[str, ...] = ()
    compatible: tuple[str, ...] = ()

    def __add__(self, other: "ContractDiff") -> "ContractDiff":
        """Join two diffs of the same pair."""
        return ContractDiff(self.breaking + other.breaking, self.compatible + other.compatible)


#: Whether it breaks a caller, and the sentence.
Change = tuple[bool, str]


class Side(Enum):
    """Whose tensor it is: callers send inputs and read outputs."""

    INPUT = "input"
    OUTPUT = "output"


def diff_contracts(live: Contract, new: Contract) -> ContractDiff:
    """Compare what two versions take and give, by their configs."""
    return gather(
        [
            *_batch(live.max_batch_size, new.max_batch_size),
            *_kind(live, new),
            *_tensors(Side.INPUT, live.inputs, new.inputs),
            *_tensors(Side.OUTPUT, live.outputs, new.outputs),
        ]
    )


def gather(changes: Iterable[Change]) -> ContractDiff:
    """Sort changes by what they mean."""
    sorted_out: dict[bool, list[str]] = {True: [], False: []}
    for breaks, sentence in changes:
        sorted_out[breaks].append(sentence)
    return ContractDiff(tuple(sorted_out[True]), tuple(sorted_out[False]))


def _batch(live: int, new: int) -> Iterator[Change]:
    if live == new:
        return
    if not new:
        yield True, f"batching is gone: the first dimension was a batch of at most {live}"
    elif not live:
        yield True, f"batching is new: the first dimension must be a batch of at most {new}"
    else:
        yield new < live, f"the largest batch was {live}, and is {new}"


def _kind(live: Contract, new: Contract) -> Iterator[Change]:
    for name, was, now in (
        ("stateful (sequence_batching)", live.stateful, new.stateful),
        ("decoupled (any number of answers to a request)", live.decoupled, new.decoupled),
    ):
        if was != now:
            yield True, f"the model is {name} now" if now else f"the model is no longer {name}"


def _tensors(
    side: Side, live: Mapping[str, TensorSpec], new: Mapping[str, TensorSpec]
) -> Iterator[Change]:
    gone, added = live.keys() - new.keys(), new.keys() - live.keys()
    for name, spec in live.items():
        if name in gone:
            alike = [one for one in sorted(added) if _form(new[one]) == _form(spec)]
            hint = f" ({alike[0]} is new, and alike: renamed?)" if len(alike) == 1 else ""
            yield True, f"{side.value} {name} is gone{hint}"
        else:
            yield from _tensor(side, spec, new[name])
    for name, spec in new.items():
        if name in added:
            is_needed = side is Side.INPUT and not spec.optional
            kind = ", and required" if is_needed else ", and optional" if spec.optional else ""
            yield is_needed, f"{side.value} {name} is new{kind}"


def _tensor(side: Side, live: TensorSpec, new: TensorSpec) -> Iterator[Change]:
    what = f"{side.value} {live.name}"
    if live.datatype != new.datatype:
        yield True, f"{what}: the datatype was {live.datatype}, and is {new.datatype}"
    if len(live.dims) != len(new.dims):
        was, now = len(live.dims), len(new.dims)
        yield True, f"{what}: the rank without the batch was {was}, and is {now}"
    else:
        yield from _dims(side, live, new)
    if side is Side.INPUT and live.optional != new.optional:
        was_now = ("optional", "required") if live.optional else ("required", "optional")
        yield live.optional, f"{what} was {was_now[0]}, and is {was_now[1]}"
    if side is Side.OUTPUT and live.labelled != new.labelled:
        yield (
            live.labelled,
            f"{what} has {'no longer' if live.labelled else 'now'} names of classes",
        )


def _dims(side: Side, live: TensorSpec, new: TensorSpec) -> Iterator[Change]:
    """A request may be given more room, an answer less."""
    for axis, (was, now) in enumerate(zip(live.dims, new.dims, strict=True)):
        if was != now:
            harmless = now if side is Side.INPUT else was
            sentence = f"dimension {axis} was {_size(was)}, and is {_size(now)}"
            yield harmless != ANY_SIZE, f"{side.value} {live.name}: {sentence}"


def _size(size: int) -> str:
    return "of any size" if size == ANY_SIZE else str(size)


def _form(spec: TensorSpec) -> tuple[str, tuple[int, ...]]:
    return spec.datatype, spec.dims
