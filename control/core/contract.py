"""What a model takes and gives, derived from Triton's model config, and the checks against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from control.core.datatypes import BYTES, DATATYPES, datatype_of_config
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput
from control.core.violations import Violation

ANY_SIZE = -1

#: What Triton sorts into classes; it dies of a division by zero where the datatype has no size.
_CLASSIFIABLE = frozenset(DATATYPES) - {"BOOL", "FP16", "BF16", BYTES}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output; ``dims`` are without the batch dimension, -1 is any size.

    ``labelled`` outputs have a file of class names in Triton.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    optional: bool = False
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """All inputs and outputs of one model version; ``max_batch_size`` 0 means no batch.

    A ``stateful`` model keeps something of a request for the next of the same sequence.
    """

    model: str
    max_batch_size: int
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    required: frozenset[str]
    decoupled: bool = False
    stateful: bool = False


def derive_contract(config: Mapping[str, object]) -> Contract:
    """Derive the contract from Triton's model config in its JSON form (``/v2/models/M/config``)."""
    inputs = {spec.name: spec for spec in map(_spec, _entries(config, "input"))}
    outputs = {spec.name: spec for spec in map(_spec, _entries(config, "output"))}
    policy = config.get("model_transaction_policy")
    return Contract(
        model=str(config["name"]),
        max_batch_size=_integer(config.get("max_batch_size", 0)),
        inputs=inputs,
        outputs=outputs,
        required=frozenset(name for name, spec in inputs.items() if not spec.optional),
        decoupled=bool(policy.get("decoupled")) if isinstance(policy, Mapping) else False,
        stateful=config.get("sequence_batching") is not None,
    )


def check_request(contract: Contract, request: InferRequest) -> list[Violation]:
    """List every breach of the contract: names, datatypes, shapes, batch and requested outputs."""
    violations: list[Violation] = []
    seen: set[str] = set()
    batch = ANY_SIZE
    for tensor in request.inputs:
        name = tensor.name
        spec = contract.inputs.get(name)
        if spec is None:
            violations.append(
                Violation(f"inputs.{name}", "unknown_input", sorted(contract.inputs), name)
            )
            continue
        if name in seen:
            violations.append(Violation(f"inputs.{name}", "duplicate_input", 1, 2))
            continue
        seen.add(name)
        if tensor.datatype != spec.datatype:
            violations.append(
                Violation(f"inputs.{name}.datatype", "datatype", spec.datatype, tensor.datatype)
            )
        breach = _shape_breach(contract, spec, tensor.shape, f"inputs.{name}.shape")
        if breach is not None:
            violations.append(breach)
        elif contract.max_batch_size and batch not in (ANY_SIZE, tensor.shape[0]):
            violations.append(
                Violation(f"inputs.{name}.shape", "same_batch", batch, tensor.shape[0])
            )
        elif contract.max_batch_size:
            batch = tensor.shape[0]
    if not contract.required <= seen:
        violations.extend(
            Violation(f"inputs.{name}", "required_input", name, "nothing")
            for name in sorted(contract.required - seen)
        )
    if request.outputs:
        violations.extend(_requested_output_breaches(contract, request.outputs))
    return violations


def check_answer(
    contract: Contract, answer: Sequence[AnswerTensor], request: InferRequest
) -> list[Violation]:
    """List what is wrong with Triton's answer: missing, unknown, mistyped or misshapen outputs.

    ``request`` is the one that was answered, and keeps its contract.
    """
    violations: list[Violation] = []
    classified = {output.name for output in request.outputs if output.classification}
    batched = bool(contract.max_batch_size and request.inputs)
    batch = request.inputs[0].shape[0] if batched else ANY_SIZE
    seen: set[str] = set()
    for tensor in answer:
        spec = contract.outputs.get(tensor.name)
        path = f"outputs.{tensor.name}"
        if tensor.name in seen:
            violations.append(Violation(path, "duplicate_output", 1, 2))
        seen.add(tensor.name)
        if spec is None:
            violations.append(
                Violation(path, "unknown_output", sorted(contract.outputs), tensor.name)
            )
        elif tensor.name in classified:
            continue  # Triton replaced the values by BYTES labels of another shape
        elif tensor.datatype != spec.datatype:
            violations.append(
                Violation(f"{path}.datatype", "datatype", spec.datatype, tensor.datatype)
            )
        else:
            breach = _shape_breach(contract, spec, tensor.shape, f"{path}.shape")
            if breach is not None:
                violations.append(breach)
            elif batch != ANY_SIZE and tensor.shape[0] != batch:
                violations.append(Violation(f"{path}.shape", "same_batch", batch, tensor.shape[0]))
    wanted = {output.name for output in request.outputs} or set(contract.outputs)
    violations.extend(
        Violation(f"outputs.{name}", "missing_output", name, "nothing")
        for name in sorted(wanted - seen)
    )
    return violations


def _shape_breach(
    contract: Contract, spec: TensorSpec, shape: list[int], path: str
) -> Violation | None:
    dims: Sequence[int] = shape
    if contract.max_batch_size:
        if not shape or not 1 <= shape[0] <= contract.max_batch_size:
            got = shape[0] if shape else "no batch dimension"
            return Violation(path, "batch_size", f"1..{contract.max_batch_size}", got)
        dims = shape[1:]
    if len(dims) == len(spec.dims):
        for got_dim, dim in zip(dims, spec.dims, strict=True):
            if dim not in (got_dim, ANY_SIZE):
                break
        else:
            return None
    batch = [ANY_SIZE] if contract.max_batch_size else []
    return Violation(path, "shape", [*batch, *spec.dims], shape)


def _requested_output_breaches(
    contract: Contract, outputs: Sequence[RequestedOutput]
) -> list[Violation]:
    violations = []
    seen: set[str] = set()
    for output in outputs:
        path = f"outputs.{output.name}"
        if output.name not in contract.outputs:
            known = sorted(contract.outputs)
            violations.append(Violation(path, "unknown_output", known, output.name))
        elif output.name in seen:
            violations.append(Violation(path, "duplicate_output", 1, 2))
        elif output.classification:
            violations.extend(_classification_breaches(contract.outputs[output.name], path))
        seen.add(output.name)
    return violations


def _classification_breaches(spec: TensorSpec, path: str) -> list[Violation]:
    path = f"{path}.classification"
    if spec.datatype not in _CLASSIFIABLE:
        return [Violation(path, "datatype", sorted(_CLASSIFIABLE), spec.datatype)]
    if spec.labelled and ANY_SIZE in spec.dims:  # Triton, with its labels, dies of an empty one
        return [Violation(path, "fixed_size", "no dimension of any size", list(spec.dims))]
    return []


def _entries(config: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    entries = config.get(key)
    return entries if isinstance(entries, list) else []


def _spec(entry: Mapping[str, object]) -> TensorSpec:
    # A config may reshape between the protocol's dims and the model's: the protocol's count here.
    dims = entry.get("dims")
    return TensorSpec(
        name=str(entry["name"]),
        datatype=datatype_of_config(str(entry["data_type"])),
        dims=tuple(_integer(dim) for dim in dims) if isinstance(dims, list) else (),
        optional=bool(entry.get("optional", False)),
        labelled=bool(entry.get("label_filename", "")),
    )


def _integer(value: object) -> int:
    # protobuf's JSON form writes 64-bit integers as strings
    return int(value) if isinstance(value, (int, str)) else 0
