"""Finds a version's `compute.py`, imports it and constructs its `Model` on the right device."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import cast

from backends.guarded.api import ComputeModel, Context

COMPUTE_FILE = "compute.py"


class LoadError(Exception):
    """A version folder does not hold a model that can be loaded."""


def choose_device(instance_kind: str, device_id: str) -> str:
    """The device of a Triton instance: its GPU if Triton placed it on one, else the CPU."""
    return f"cuda:{int(device_id)}" if instance_kind == "GPU" else "cpu"


def load_model(context: Context) -> tuple[ComputeModel, Context]:
    """Import `compute.py` and construct `Model`; the context returned has the device in use."""
    # Read by OpenMP at its first use, so before the frameworks come in.
    os.environ.setdefault("OMP_NUM_THREADS", str(context.threads))
    module = _import_compute(context)
    factory = getattr(module, "Model", None)
    if not callable(factory):
        raise LoadError(
            f"model {context.model} version {context.version}: "
            f"{COMPUTE_FILE} defines no class Model"
        )
    context = _settle_torch(context)
    return cast("Callable[[Context], ComputeModel]", factory)(context), context


def _import_compute(context: Context) -> ModuleType:
    path = context.version_dir / COMPUTE_FILE
    name = f"seawall_{context.model}_v{context.version}_compute".replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise LoadError(f"model {context.model} version {context.version} has no {COMPUTE_FILE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _allow_siblings(context.version_dir)
    with _no_bytecode():
        spec.loader.exec_module(module)
    return module


@contextmanager
def _no_bytecode() -> Iterator[None]:
    # A __pycache__ written into the version folder would look like a change of the version to
    # Triton, which would then load it again, unasked, at the model's next load.
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _allow_siblings(version_dir: Path) -> None:
    # One stub process runs one version, so the path cannot mix two versions' modules.
    folder = str(version_dir)
    if folder not in sys.path:
        sys.path.append(folder)


def _settle_torch(context: Context) -> Context:
    # PyTorch is optional: only a model that imports it brings it.
    torch = sys.modules.get("torch")
    if torch is None:
        return context
    torch.set_num_threads(context.threads)
    if context.device == "cpu":
        return context
    if not torch.cuda.is_available():
        return replace(context, device="cpu")
    torch.cuda.set_device(context.device)
    return context
