"""File type of raw bytes, version 1: Magika 0.5 (113 labels)."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np

from backends.guarded import Context, Tensors
from backends.guarded.encoders.magika import Magika, MagikaSpec
from backends.guarded.text import label_column, score_column


class Model:
    """Reads the beginning, the middle and the end of a content, 512 bytes each."""

    def __init__(self, context: Context) -> None:
        weights = context.version_dir / "weights"
        self._magika = Magika(weights / "model.onnx", read_spec(weights), context.threads)

    def compute(self, inputs: Tensors) -> Tensors:
        """CONTENT to LABEL and SCORE."""
        answers = self._magika.identify(inputs["CONTENT"].reshape(-1).tolist())
        labels, scores = zip(*answers, strict=True)
        return {"LABEL": label_column(labels), "SCORE": score_column(scores)}


def read_spec(weights: Path) -> MagikaSpec:
    """Put the 0.5 line's five configuration files together."""
    config = _read_json(weights / "magika_config.json")
    trained = _read_json(weights / "model_config.json")
    overwrite: dict[str, str] = _read_json(weights / "model_output_overwrite_map.json")
    thresholds: dict[str, float] = _read_json(weights / "thresholds.json")["thresholds"]
    kinds = _read_json(weights / "content_types_config.json")
    sizes = trained["cfg"]["input_sizes"]
    return MagikaSpec(
        beg=sizes["beg"],
        mid=sizes["mid"],
        end=sizes["end"],
        block=config["block_size"],
        shortest=config["min_file_size_for_dl"] + 1,
        least=config["min_file_size_for_dl"],
        padding=config["padding_token"],
        dtype=np.float32,
        labels=trained["train_dataset_info"]["target_labels_info"]["target_labels_space"],
        # This line looks the threshold up after overwriting the label.
        thresholds=thresholds | {raw: thresholds[label] for raw, label in overwrite.items()},
        default_threshold=config["medium_confidence_threshold"],
        overwrite=overwrite,
        text_labels=frozenset(name for name, kind in kinds.items() if "text" in kind["tags"]),
    )


def _read_json(path: Path) -> dict[str, Any]:
    # Any: the files' shape is fixed by their checksums, not by types.
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
