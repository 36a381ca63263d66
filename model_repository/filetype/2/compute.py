"""File type of raw bytes, version 2: Magika 1.0 (214 labels)."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np

from backends.guarded import Context, Tensors
from backends.guarded.encoders.magika import Magika, MagikaSpec
from backends.guarded.text import label_column, score_column


class Model:
    """Reads the beginning and the end of a content, 1024 bytes each."""

    def __init__(self, context: Context) -> None:
        weights = context.version_dir / "weights"
        self._magika = Magika(weights / "model.onnx", read_spec(weights), context.threads)

    def compute(self, inputs: Tensors) -> Tensors:
        """CONTENT to LABEL and SCORE."""
        answers = self._magika.identify(inputs["CONTENT"].reshape(-1).tolist())
        labels, scores = zip(*answers, strict=True)
        return {"LABEL": label_column(labels), "SCORE": score_column(scores)}


def read_spec(weights: Path) -> MagikaSpec:
    """Read the 1.0 line's single configuration file and its knowledge base."""
    config = _read_json(weights / "config.min.json")
    kinds = _read_json(weights / "content_types_kb.min.json")
    return MagikaSpec(
        beg=config["beg_size"],
        mid=config["mid_size"],
        end=config["end_size"],
        block=config["block_size"],
        shortest=config["min_file_size_for_dl"],
        least=config["min_file_size_for_dl"],
        padding=config["padding_token"],
        dtype=np.int32,
        labels=config["target_labels_space"],
        thresholds=config["thresholds"],
        default_threshold=config["medium_confidence_threshold"],
        overwrite=config["overwrite_map"],
        text_labels=frozenset(name for name, kind in kinds.items() if kind["is_text"]),
    )


def _read_json(path: Path) -> dict[str, Any]:
    # Any: the files' shape is fixed by their checksums, not by types.
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
