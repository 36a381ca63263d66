"""Parameters of requests and tensors, requested outputs, and the memory that Triton would share."""

from random import Random
from typing import Any, Final

from tests.fuzz.draft import Draft
from tests.fuzz.mutations.fields import ODD
from tests.fuzz.mutations.mutation import Done, Mutation, some_input
from tests.fuzz.tree import copy

_RESERVED: Final = (
    "sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "binary_data_output",
    "triton_enable_empty_final_response", "triton_final_response", "triton_", "headers",
    "classification", "binary_data", "binary_data_size", "shared_memory_region",
    "shared_memory_offset", "shared_memory_byte_size",
)  # fmt: skip
_OWN: Final = (
    "temperature", "top_k", "mode", "verbose", "max_tokens", "style", "unknown", "", "a\0b",
    "n" * 300,
    "\ud800", "\u00e9", "a b", "__proto__",
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    0, 1, -1, 64, 65, 100, 101, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 10**30, 0.5, 2.0, 2.5,
    -0.1,
    1e308, "", "fast", "good", "fastest", "plain", "x" * 200, "a\0b", "\u00e9", True, False, 1.0,
)  # fmt: skip
_CLASSES: Final[tuple[Any, ...]] = (
    0, 1, 2, 1000, -1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64, 10**30, 1.5, "1", True, None, [], {},
)  # fmt: skip
_REGIONS: Final[tuple[Any, ...]] = (
    "a",
    "",
    "../../etc/passwd",
    "r" * 300,
    "a\0b",
    5,
    None,
    [],
    True,
)
_OUTPUTS: Final = ("OUTPUT0", "SEEN", "THIRDS", "OUT_BF16", "INPUT0", "X", "", "O" * 300, "\ud800")


def _parameters(draft: Draft) -> dict[str, Any] | None:
    """The request's parameters; those of ``/generate`` are keys of the document itself."""
    if not isinstance(draft.document, dict):
        return None
    if draft.form != "infer":
        return draft.document
    found = draft.document.setdefault("parameters", {})
    return found if isinstance(found, dict) else None


def reserved(draft: Draft, rng: Random) -> Done | None:
    """A parameter with a meaning for Triton, with any value."""
    parameters = _parameters(draft)
    if parameters is None:
        return None
    for _ in range(rng.choice([1, 1, 3])):
        parameters[rng.choice(_RESERVED)] = copy(rng.choice([*_VALUES, *ODD]))
    return Done("reserved parameter")


def own(draft: Draft, rng: Random) -> Done | None:
    """A parameter of the model's own, or none of its, with any value."""
    parameters = _parameters(draft)
    if parameters is None:
        return None
    values = _VALUES if rng.random() < 0.7 else ODD
    for _ in range(rng.choice([1, 1, 2, 4])):
        parameters[rng.choice(_OWN)] = copy(rng.choice(values))
    return Done("parameter of the model")


def many(draft: Draft, rng: Random) -> Done | None:
    """More parameters than anybody reads."""
    parameters = _parameters(draft)
    if parameters is None:
        return None
    count = rng.choice([50, 1023, 1025, 3000])
    parameters.update({f"p{number}": number for number in range(count)})
    return Done("many parameters")


def no_object(draft: Draft, rng: Random) -> Done | None:
    """Something else in the place of the parameters."""
    if not isinstance(draft.document, dict):
        return None
    draft.document["parameters"] = copy(rng.choice(ODD))
    return Done("parameters that are no object")


def of_a_tensor(draft: Draft, rng: Random) -> Done | None:
    """Parameters of an input, which are not the request's."""
    one = some_input(draft, rng)
    if one is None:
        return None
    found = one.setdefault("parameters", {})
    if not isinstance(found, dict):
        return None
    found[rng.choice([*_RESERVED, *_OWN])] = copy(rng.choice([*_VALUES, *ODD]))
    return Done("parameter of an input")


def shared_memory(draft: Draft, rng: Random) -> Done | None:
    """Data in memory that the client says it shares with the server."""
    region: dict[str, Any] = {
        "shared_memory_region": rng.choice(_REGIONS),
        "shared_memory_byte_size": rng.choice([0, 4, 8, 2**32, 2**63, 2**64, -1, "8", None]),
    }
    if rng.random() < 0.5:
        region["shared_memory_offset"] = rng.choice([0, 4, -1, 2**63, 2**64, "0"])
    if rng.random() < 0.5:
        one = some_input(draft, rng)
        if one is None:
            return None
        one["parameters"] = region
        if rng.random() < 0.5:
            one.pop("data", None)
    elif isinstance(draft.document, dict) and draft.form == "infer":
        draft.document["outputs"] = [{"name": rng.choice(_OUTPUTS), "parameters": region}]
    else:
        return None
    return Done("shared memory", refused=True)


def outputs(draft: Draft, rng: Random) -> Done | None:
    """Outputs that are unknown, asked for twice, or misspelt."""
    if not isinstance(draft.document, dict) or draft.form != "infer":
        return None
    found = draft.document.get("outputs") or [{"name": "OUTPUT0"}, {"name": "SEEN"}]
    found = [copy(one) for one in found]
    match rng.randrange(5):
        case 0:
            found.append(copy(found[0]))
        case 1:
            found.append({"name": rng.choice(_OUTPUTS)})
        case 2:
            found = [{"name": name} for name in _OUTPUTS[:4]]
        case 3:
            found = [copy(rng.choice(ODD)) for _ in range(rng.randint(1, 3))]
        case _:
            found = found * 600
    draft.document["outputs"] = found
    return Done("outputs that cannot be")


def output_parameters(draft: Draft, rng: Random) -> Done | None:
    """Parameters of an output, and the form that it shall have."""
    if not isinstance(draft.document, dict) or draft.form != "infer":
        return None
    wanted = {
        rng.choice(["binary_data", "binary_data", *_RESERVED, "own"]): copy(
            rng.choice([*_VALUES, *ODD])
        )
    }
    name = rng.choice(_names(draft))
    draft.document["outputs"] = [{"name": name, "parameters": wanted}]
    return Done("parameter of an output")


def classes(draft: Draft, rng: Random) -> Done | None:
    """The top classes of an output, however many, of whatever values."""
    if not isinstance(draft.document, dict) or draft.form != "infer":
        return None
    wanted = [
        {"name": name, "parameters": {"classification": rng.choice(_CLASSES)}}
        for name in _names(draft)
    ]
    draft.document["outputs"] = wanted
    return Done("classification")


def _names(draft: Draft) -> list[str]:
    found = draft.document.get("outputs")
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        return [str(one.get("name")) for one in found]
    return ["SEEN", "THIRDS"] if draft.model in {"text", "document", "clipped"} else ["OUTPUT0"]


PARAMETERS: Final[tuple[Mutation, ...]] = (
    reserved, reserved, own, own, many, no_object, of_a_tensor, shared_memory, outputs,
    output_parameters, classes,
)  # fmt: skip
