"""Magika's content-type networks on ONNX Runtime: bytes to a label and its score.

Re-implements the published feature extraction of the 0.5 and 1.0 lines and their default
"high confidence" mode; the two lines differ only in the `MagikaSpec` that a version reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

EMPTY, GENERIC_TEXT, UNKNOWN = "empty", "txt", "unknown"


@dataclass(frozen=True, slots=True)
class MagikaSpec:
    """What one published network was trained with. Sizes are in bytes; `mid` 0 means no middle.

    shortest, least: contents shorter than `shortest`, or that keep fewer than `least` bytes after
    stripping, are judged by UTF-8 alone.
    text_labels: labels that fall back to generic text when the score is below the threshold.
    """

    beg: int
    mid: int
    end: int
    block: int
    shortest: int
    least: int
    padding: int
    dtype: type[np.float32] | type[np.int32]
    labels: Sequence[str]
    thresholds: Mapping[str, float]
    default_threshold: float
    overwrite: Mapping[str, str]
    text_labels: frozenset[str]


class Magika:
    """One network with its labels; holds no state between calls."""

    def __init__(self, network: Path, spec: MagikaSpec, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._spec = spec
        self._session = onnxruntime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )

    def identify(self, contents: Sequence[bytes]) -> list[tuple[str, float]]:
        """Label and score of each content; contents too short for the network score 1."""
        return [shortcut(content, self._spec) or self._judge(content) for content in contents]

    def _judge(self, content: bytes) -> tuple[str, float]:
        # One row per run: in a batch the 1.0 network's scores move with the batch mates (by up to
        # 0.004, measured), and on a CPU these networks gain no time from batching.
        row = features(content, self._spec)[np.newaxis]
        (scores,) = self._session.run(["target_label"], {"bytes": row})
        return choose_label(scores[0], self._spec)


def shortcut(content: bytes, spec: MagikaSpec) -> tuple[str, float] | None:
    """The answer for a content with too little to read, or None if the network must judge it."""
    if not content:
        return EMPTY, 1.0
    if len(content) >= spec.shortest and len(_beginning(content, spec)) >= spec.least:
        return None
    try:
        content[: spec.block].decode("utf-8")
    except UnicodeDecodeError:
        return UNKNOWN, 1.0
    return GENERIC_TEXT, 1.0


def features(content: bytes, spec: MagikaSpec) -> npt.NDArray[Any]:
    """Beginning, middle and end of the content as numbers, each padded to its size."""
    beginning, ending = _beginning(content, spec), _ending(content, spec)
    return np.concatenate(
        [
            _pad(beginning[: spec.beg], spec, size=spec.beg, left=0.0),
            _pad(_middle(content, beginning, ending, spec), spec, size=spec.mid, left=0.5),
            _pad(ending[-spec.end :], spec, size=spec.end, left=1.0),
        ]
    ).astype(spec.dtype)


def choose_label(scores: npt.NDArray[np.float32], spec: MagikaSpec) -> tuple[str, float]:
    """The best label if it reaches its threshold, else generic text or unknown."""
    best = int(np.argmax(scores))
    raw, score = spec.labels[best], float(scores[best])
    label = spec.overwrite.get(raw, raw)
    if score >= spec.thresholds.get(raw, spec.default_threshold):
        return label, score
    return (GENERIC_TEXT if label in spec.text_labels else UNKNOWN), score


def _is_whole(content: bytes, spec: MagikaSpec) -> bool:
    # The 0.5 line takes contents below this size in one piece; the 1.0 line has no middle, and
    # stripping both sides of a small content or one side of each block reads the same bytes.
    return len(content) < 2 * spec.block + spec.mid


def _beginning(content: bytes, spec: MagikaSpec) -> bytes:
    if spec.mid and _is_whole(content, spec):
        return content.strip()
    return content[: spec.block].lstrip()


def _ending(content: bytes, spec: MagikaSpec) -> bytes:
    if spec.mid and _is_whole(content, spec):
        return content.strip()
    return content[-spec.block :].rstrip()


def _middle(content: bytes, beginning: bytes, ending: bytes, spec: MagikaSpec) -> bytes:
    if _is_whole(content, spec):
        start = max(0, (len(beginning) - spec.mid) // 2)
        return beginning[start : start + spec.mid]
    stripped_left = spec.block - len(beginning)
    stripped_right = spec.block - len(ending)
    start = stripped_left + (len(content) - stripped_left - stripped_right - spec.mid) // 2
    return content[start : start + spec.mid]


def _pad(piece: bytes, spec: MagikaSpec, *, size: int, left: float) -> npt.NDArray[np.int32]:
    """Pad to `size`; `left` is the share of the padding (rounded down) before the piece."""
    before = int((size - len(piece)) * left)
    row = np.full(size, spec.padding, dtype=np.int32)
    row[before : before + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
    return row
