"""What is sent: the workloads, the number of requests in flight, and the models behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.targets.triton import ModelSource
from benchmarks.wire import Tensor, bytes_element

_HERE = Path(__file__).parent
_PROJECT = _HERE.parent
_FP32_BYTES = 4

IDENTITY = ModelSource("identity", _HERE / "models")
EMBED = ModelSource("embed", _PROJECT / "model_repository", _PROJECT / "backends" / "guarded")


@dataclass(frozen=True, slots=True)
class Workload:
    """Distinct requests to one model, sent in turn; they differ so that no answer can be shared."""

    name: str
    model: ModelSource
    datatype: str
    tensors: Callable[[str], list[Tensor]]


@dataclass(frozen=True, slots=True)
class Case:
    """A workload with a number of requests kept in flight."""

    workload: Workload
    in_flight: int

    @property
    def name(self) -> str:
        """The word for it in `--cases`, tables and results."""
        return f"{self.workload.name}-{self.in_flight}"


def _random_tensors(input_name: str, *, size_bytes: int, count: int) -> list[Tensor]:
    draw = np.random.default_rng(seed=size_bytes)
    elements = size_bytes // _FP32_BYTES
    rows = (draw.random(elements, dtype=np.float32).tobytes() for _ in range(count))
    return [Tensor(input_name, "FP32", (1, elements), raw) for raw in rows]


def _sentences(input_name: str) -> list[Tensor]:
    lines = (_HERE / "sentences.txt").read_text().splitlines()
    return [Tensor(input_name, "BYTES", (1, 1), bytes_element(line)) for line in lines]


def _floats(name: str, *, size_bytes: int, count: int) -> Workload:
    def tensors(input_name: str) -> list[Tensor]:
        return _random_tensors(input_name, size_bytes=size_bytes, count=count)

    return Workload(name, IDENTITY, "FP32", tensors)


_SMALL = _floats("small", size_bytes=64, count=256)
_ONE_MB = _floats("1mb", size_bytes=1 << 20, count=8)
_TEN_MB = _floats("10mb", size_bytes=10 << 20, count=2)
_EMBED = Workload("embed", EMBED, "BYTES", _sentences)

ALL_CASES = (
    Case(_SMALL, 1),
    Case(_SMALL, 8),
    Case(_SMALL, 64),
    Case(_ONE_MB, 1),
    Case(_ONE_MB, 4),
    Case(_TEN_MB, 1),
    Case(_EMBED, 1),
    Case(_EMBED, 8),
)


def select_cases(words: Sequence[str]) -> list[Case]:
    """Choose cases by full name (`small-8`) or by workload (`small`); refuse other words."""
    known = {word for case in ALL_CASES for word in (case.name, case.workload.name)}
    if unknown := sorted(set(words) - known):
        raise ValueError(f"unknown cases {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return [case for case in ALL_CASES if {case.name, case.workload.name} & set(words)]


def missing_parts(model: ModelSource) -> list[Path]:
    """Name the directories that a model needs and this checkout lacks."""
    parts = [model.repository / model.name] + ([model.backend] if model.backend else [])
    return [part for part in parts if not part.is_dir()]
