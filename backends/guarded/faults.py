"""What an exception from a model means, and what its caller may read about it. Pure.

The full traceback is for the log; a client gets the class and one line, without paths.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType

from backends.guarded.api import InputError

MESSAGE_LIMIT = 300
_PATH = re.compile(r"""(?<![\w:/])(?:~|\.{1,2})?(?:/[^\s/'":,;()<>]+){2,}/?""")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")

# PyTorch's CPU allocator and ONNX Runtime report a failed allocation as a general error, with
# nothing but this text to tell it by.
_ALLOCATION_TEXTS = (
    "can't allocate memory",
    "failed to allocate memory",
    "bad_alloc",
    "bad allocation",
)


class FaultKind(Enum):
    """Whose fault a failed request is."""

    INPUT = "input"
    MEMORY = "memory"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed compute call. `rows`: rows of that batch known to be to blame, with the reason."""

    kind: FaultKind
    message: str
    rows: Mapping[int, str] = field(default_factory=dict)


def classify(error: Exception) -> Fault:
    """Turn an exception of `compute` into a fault."""
    if isinstance(error, InputError):
        return Fault(FaultKind.INPUT, public_text(error.reason), error.rows)
    if is_out_of_memory(error):
        return Fault(
            FaultKind.MEMORY,
            "the request does not fit into the model's memory; "
            "try again later or send less at once",
        )
    return Fault(FaultKind.MODEL, f"{type(error).__name__}: {public_text(str(error))}".rstrip(": "))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, on the CPU or a GPU; never imports a framework to find out."""
    if isinstance(error, MemoryError) or _is_cuda_out_of_memory(error, sys.modules.get("torch")):
        return True
    text = str(error).lower()
    return _is_of_a_runtime(error) and any(known in text for known in _ALLOCATION_TEXTS)


def _is_of_a_runtime(error: Exception) -> bool:
    # ONNX Runtime's exceptions share no base but Exception.
    return isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime.")


def _is_cuda_out_of_memory(error: Exception, torch: ModuleType | None) -> bool:
    # A model that never imported torch cannot raise its error.
    return torch is not None and isinstance(error, torch.cuda.OutOfMemoryError)


def public_text(text: str) -> str:
    """One bounded line without file paths or addresses."""
    line = " ".join(text.split())
    line = _ADDRESS.sub("<address>", _PATH.sub("<path>", line))
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 1] + "…"
