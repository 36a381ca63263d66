"""Holds the fallbacks of a contract against the models and versions that they name."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from control.check.model_config import read_config
from control.contracts.faults import Complaint, ContractBroken, unknown_name
from control.core.contract import ANY_SIZE, Contract, TensorSpec, derive_contract
from control.core.protection import Fallback, FallbackKind
from control.repository.names import CONFIG, version_of


def fallback_complaints(
    fallbacks: Sequence[Fallback], folder: Path, contract: Contract
) -> Iterator[Complaint]:
    """Give everything that is wrong with what the fallbacks of a model in ``folder`` name."""
    for place, step in enumerate(fallbacks):
        if step.kind is FallbackKind.VERSION:
            complaints = _version(step, folder)
        elif step.kind is FallbackKind.MODEL:
            complaints = _model(step, folder.parent, contract)
        else:
            continue
        for key, message in complaints:
            yield ("fallbacks", place, *key), message


def versions_of(folder: Path) -> list[str]:
    """List the versions that lie in a model's folder."""
    return [
        one.name for one in folder.iterdir() if version_of(one.name) is not None and one.is_dir()
    ]


def _version(step: Fallback, folder: Path) -> Iterator[Complaint]:
    known = versions_of(folder)
    if str(step.version) not in known:
        yield ("version",), unknown_name("version of this model", dict.fromkeys(known))


def _model(step: Fallback, repository: Path, ours: Contract) -> Iterator[Complaint]:
    folder = repository / step.model
    # A name is no path: another folder is not looked into.
    if folder.parent != repository or not (folder / CONFIG).is_file():
        models = dict.fromkeys(one.parent.name for one in repository.glob(f"*/{CONFIG}"))
        yield ("model", "name"), unknown_name("model in this repository", models)
        return
    if step.version is not None and str(step.version) not in versions_of(folder):
        known = dict.fromkeys(versions_of(folder))
        yield ("model", "version"), unknown_name(f"version of '{step.model}'", known)
    try:
        theirs = derive_contract(read_config(folder))
    except ContractBroken:
        return  # a fault of the other model, told there
    if theirs.stateful:
        message = f"'{step.model}' keeps state between requests: it has not seen the beginning"
        yield ("model", "name"), message
    if bool(theirs.max_batch_size) != bool(ours.max_batch_size):
        yield ("model", "name"), f"of this model and '{step.model}' only one has a batch"
        return
    yield from _inputs(step, theirs, ours)
    yield from _outputs(step, theirs, ours)


def _inputs(step: Fallback, theirs: Contract, ours: Contract) -> Iterator[Complaint]:
    sources: Mapping[str, str] = step.inputs or {
        name: name for name in theirs.inputs if name in ours.inputs
    }
    for name, source in sources.items():
        if name not in theirs.inputs:
            what = unknown_name(f"input of '{step.model}'", theirs.inputs)
            yield ("model", "inputs", name), what
        elif source in ours.inputs:
            yield from _fits(step, theirs.inputs[name], ours.inputs[source], "inputs")
    unfed = sorted(theirs.required - sources.keys())
    if unfed:
        message = f"'{step.model}' needs an input that is not fed: {', '.join(unfed)}"
        yield ("model", "inputs"), message


def _outputs(step: Fallback, theirs: Contract, ours: Contract) -> Iterator[Complaint]:
    sources: Mapping[str, str] = step.outputs or {name: name for name in ours.outputs}
    for name, source in sources.items():
        if source not in theirs.outputs:
            what = unknown_name(f"output '{source}' of '{step.model}'", theirs.outputs)
            yield ("model", "outputs", name), what
        elif name in ours.outputs:
            yield from _fits(step, theirs.outputs[source], ours.outputs[name], "outputs")


def _fits(step: Fallback, theirs: TensorSpec, ours: TensorSpec, side: str) -> Iterator[Complaint]:
    """Complain of tensors that can never be the same; what only may differ is seen in use."""
    key = ("model", side, theirs.name if side == "inputs" else ours.name)
    sizes = zip(theirs.dims, ours.dims, strict=False)
    if theirs.datatype != ours.datatype:
        message = f"{theirs.name} of '{step.model}' is {theirs.datatype}, ours {ours.datatype}"
        yield key, message
    elif len(theirs.dims) != len(ours.dims) or any(
        one != other and ANY_SIZE not in (one, other) for one, other in sizes
    ):
        message = (
            f"{theirs.name} of '{step.model}' has dims {list(theirs.dims)}, ours {list(ours.dims)}"
        )
        yield key, message
