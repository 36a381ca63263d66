"""Triton's error texts, made fit to be read: what is said of a model, without frames and paths."""

import re
from collections.abc import Mapping
from typing import Final

#: Python exceptions come with the frames they passed; paths in them are nobody's business.
_FRAMES: Final = re.compile(r"\s*\n\s*At:\s*\n.*", re.DOTALL)
_PATH: Final = re.compile(r"(?<![\w.:/])/(?:[\w.@+-]+/)+[\w.@+-]*")
_SHM_REGION: Final = re.compile(r"\b[\w-]*shm[\w-]*region[\w-]*|'seawall[\w-]*'")
_MAX_MESSAGE: Final = 1000

_OF_VERSION: Final = re.compile(
    r"version (?P<version>\d+) is at \w+ state: (?P<text>.*?);?\s*(?=\n\s*version \d+ is at|\Z)",
    re.DOTALL,
)
#: What Triton puts before a model's own words.
_KIND: Final = re.compile(r"^(?:Internal|Invalid argument|Unavailable|Not found|Unsupported): ")
_UNHEALTHY: Final = re.compile(r"^Stub process '[^']*' is not healthy\.?$")
DIED: Final = "its process died in initialize"
_UNSAID: Final = "tritonserver does not say why"


def scrub(text: str) -> str:
    """Remove frames, file paths and shared-memory names from a message."""
    text = _FRAMES.sub("", text)
    text = _SHM_REGION.sub("<shared memory>", text)
    text = _PATH.sub("<path>", text)
    return text[:_MAX_MESSAGE]


def load_failures(text: str, model: str) -> Mapping[int, str]:
    """Give the reason of each version that a failed load names."""
    return {
        int(one["version"]): load_reason(one["text"], model) for one in _OF_VERSION.finditer(text)
    }


def load_reason(text: str, model: str) -> str:
    """Give in one line what Triton says of a version that is not loaded.

    Files of the model are named from its folder on.
    """
    text = _KIND.sub("", text.strip())
    own_files = re.compile(rf"(?<![\w.:/])/(?:[^\s'\":]+/)?{re.escape(model)}/(?=\d+\b)")
    text = own_files.sub("", _FRAMES.sub("", text))
    said = " ".join(scrub(text).rstrip("; \n").split())
    return DIED if _UNHEALTHY.match(said) else said or _UNSAID
