from pathlib import Path

import numpy as np
import pytest

from backends.guarded import Context
from backends.guarded.loading import LoadError, choose_device, load_model

COMPUTE = """
import constants_of_this_version
class Model:
    def __init__(self, context):
        self.context = context
    def compute(self, inputs):
        return {"OUT": inputs["IN"] + constants_of_this_version.ADDEND}
"""


def context(folder: Path, version: str = "1") -> Context:
    return Context("adder", version, folder, "cpu", 1, {"key": "value"})


def test_a_version_folder_is_loaded_with_its_siblings(tmp_path: Path) -> None:
    """`compute.py` may import modules beside it and gets its context."""
    (tmp_path / "compute.py").write_text(COMPUTE)
    (tmp_path / "constants_of_this_version.py").write_text("ADDEND = 5")
    model, _ = load_model(context(tmp_path))
    assert model.compute({"IN": np.array([1])})["OUT"].tolist() == [6]
    assert model.context.parameters == {"key": "value"}  # type: ignore[attr-defined]


def test_loading_leaves_the_version_folder_as_it_was(tmp_path: Path) -> None:
    """No bytecode is written: Triton would take it for a change of the version."""
    (tmp_path / "compute.py").write_text("class Model:\n    def __init__(self, context): ...\n")
    load_model(context(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["compute.py"]


def test_two_versions_do_not_share_code(tmp_path: Path) -> None:
    """Each version's `compute.py` is a module of its own."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "compute.py").write_text(
            f"class Model:\n    version = {version}\n    def __init__(self, context): ...\n"
        )
    first, _ = load_model(context(tmp_path / "1", "1"))
    second, _ = load_model(context(tmp_path / "2", "2"))
    assert (first.version, second.version) == (1, 2)  # type: ignore[attr-defined]


def test_a_folder_without_compute_is_refused(tmp_path: Path) -> None:
    """The load fails at once and says what is missing."""
    with pytest.raises(LoadError, match=r"adder version 1 has no compute.py"):
        load_model(context(tmp_path))


def test_a_compute_without_model_is_refused(tmp_path: Path) -> None:
    """The load fails at once and says which class is missing."""
    (tmp_path / "compute.py").write_text("x = 1\n")
    with pytest.raises(LoadError, match="defines no class Model"):
        load_model(context(tmp_path))


@pytest.mark.parametrize(
    ("kind", "number", "device"),
    [("CPU", "0", "cpu"), ("GPU", "1", "cuda:1"), ("AUTO", "0", "cpu")],
)
def test_device_follows_tritons_placement(kind: str, number: str, device: str) -> None:
    """A GPU instance runs on its own GPU, everything else on the CPU."""
    assert choose_device(kind, number) == device
