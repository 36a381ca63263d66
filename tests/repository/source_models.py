"""Models in a source repository, as authors write them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

CONFIG = """\
backend: "python"
max_batch_size: 8
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ -1 ] } ]
"""
CODE = """\
import numbers_of_it

class TritonPythonModel:
    def execute(self, requests):
        return [numbers_of_it.answer(one) for one in requests]
"""
VERSION: Mapping[str, str] = {
    "model.py": CODE,
    "numbers_of_it.py": "def answer(request):\n    return request\n",
    "weights/first.bin": "1" * 1000,
}
#: A version whose model needs no Python of its own: quick to stage.
PLAIN_CONFIG = CONFIG.replace("python", "onnxruntime")
PLAIN_VERSION: Mapping[str, str] = {"model.onnx": "1" * 1000, "more/data": "2"}


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files by their names."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def write_plain_model(repository: Path, model: str, *versions: int, policy: str = "") -> Path:
    """Write a model without Python."""
    folder = write_files(repository / model, {"config.pbtxt": PLAIN_CONFIG + policy})
    for version in versions:
        write_files(folder / str(version), PLAIN_VERSION)
    return folder


def write_model(repository: Path, model: str, *versions: int, config: str = CONFIG) -> Path:
    """Write a model with these versions."""
    folder = write_files(repository / model, {"config.pbtxt": config})
    for version in versions:
        write_files(folder / str(version), VERSION)
    return folder


def sums_of(files: Mapping[str, str]) -> str:
    """What ``sha256sum`` prints for files."""
    return "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  ./{name}\n" for name, text in files.items()
    )


def content_of(folder: Path) -> dict[str, bytes]:
    """Every file that lies in a folder, by name, bytecode left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
