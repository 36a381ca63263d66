"""Triton's entry point to the backend: reads requests, has them run in isolation, writes answers.

Decides nothing itself; see `isolation.py` for what happens when a model fails.
"""

import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, assert_never

# Triton puts only this folder on the stub's path. `backends` is importable from two levels up, also
# when Triton's backend directory holds but a link to this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils

from backends.guarded import memory
from backends.guarded.api import Context, CountsTokens, ObeysParameters, Tensors
from backends.guarded.faults import FaultKind, public_text
from backends.guarded.instruments import Instruments
from backends.guarded.isolation import Answer, Isolation, Outcome, Refusal
from backends.guarded.loading import choose_device, load_model
from backends.guarded.parameters import alike, read_parameters
from backends.guarded.settings import Settings, parameters_of, parse_settings
from backends.guarded.signature import parse_signature

# Names, because the stub completes pb_utils only after this module is imported.
_ERROR_CODES = {
    FaultKind.INPUT: "INVALID_ARG",
    FaultKind.MEMORY: "UNAVAILABLE",
    FaultKind.MODEL: "INTERNAL",
}


class TritonTensor(Protocol):
    """The part of Triton's input tensor that is used here."""

    def name(self) -> str: ...  # noqa: D102 - Triton's

    def as_numpy(self) -> npt.NDArray[np.generic]: ...  # noqa: D102 - Triton's


class TritonRequest(Protocol):
    """The part of Triton's request that is used here."""

    def inputs(self) -> Sequence[TritonTensor]: ...  # noqa: D102 - Triton's

    def requested_output_names(self) -> Sequence[str]: ...  # noqa: D102 - Triton's

    def parameters(self) -> str: ...  # noqa: D102 - Triton's


class TritonPythonModel:
    """One instance of one model version, in its own stub process."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the version's compute, then close the limits around it."""
        config = json.loads(args["model_config"])
        settings = parse_settings(parameters_of(config))
        asked = _context(args, settings, parameters_of(config))
        self._model, context = load_model(asked)
        self._obedient = self._model if isinstance(self._model, ObeysParameters) else None
        if context.device != asked.device:
            pb_utils.Logger.log_warn(f"{context.model}: no usable {asked.device}, runs on the CPU")
        self._isolation = Isolation(
            compute=self._model.compute,
            signature=parse_signature(config),
            reclaim=lambda: memory.reclaim(context.device),
            report=_log_exception,
        )
        self._instruments = Instruments(
            pb_utils,
            model=context.model,
            version=context.version,
            instance=args["model_instance_name"],
            device=context.device,
        )
        _apply_limits(settings, context.device)
        self._instruments.observe_memory()

    def execute(self, requests: Sequence[TritonRequest]) -> list[object]:
        """Answer every request of Triton's batch; only those at fault get an error."""
        outcomes: dict[int, Outcome] = {}
        inputs: dict[int, Tensors] = {}
        for position, request in enumerate(requests):
            match _read(request):
                case Refusal() as refusal:
                    outcomes[position] = refusal
                case tensors:
                    inputs[position] = tensors
        outcomes.update(self._run(requests, inputs))
        self._observe(inputs, outcomes)
        return [_respond(request, outcomes[p]) for p, request in enumerate(requests)]

    def _run(
        self, requests: Sequence[TritonRequest], inputs: Mapping[int, Tensors]
    ) -> dict[int, Outcome]:
        if self._obedient is None:
            return dict(zip(inputs, self._isolation.run(list(inputs.values())), strict=True))
        outcomes: dict[int, Outcome] = {}
        readable = list(inputs)
        asked = [read_parameters(requests[position].parameters()) for position in readable]
        for group in alike(asked):
            compute = partial(self._obedient.compute_with, parameters=asked[group[0]])
            isolation = replace(self._isolation, compute=compute)
            positions = [readable[place] for place in group]
            results = isolation.run([inputs[position] for position in positions])
            outcomes.update(zip(positions, results, strict=True))
        return outcomes

    def _observe(self, inputs: Mapping[int, Tensors], outcomes: Mapping[int, Outcome]) -> None:
        for position, outcome in outcomes.items():
            if isinstance(outcome, Refusal):
                self._instruments.count_failure(outcome.kind)
            elif isinstance(self._model, CountsTokens):
                self._count_tokens(self._model, inputs[position])
        self._instruments.observe_memory()

    def _count_tokens(self, model: CountsTokens, inputs: Tensors) -> None:
        try:
            self._instruments.count_tokens(model.count_tokens(inputs))
        except Exception as error:  # noqa: BLE001 - counting must never cost an answer
            _log_exception(error)


def _context(args: Mapping[str, str], settings: Settings, parameters: dict[str, str]) -> Context:
    return Context(
        model=args["model_name"],
        version=args["model_version"],
        version_dir=Path(args["model_repository"]) / args["model_version"],
        device=choose_device(args["model_instance_kind"], args["model_instance_device_id"]),
        threads=settings.threads,
        parameters=parameters,
    )


def _apply_limits(settings: Settings, device: str) -> None:
    if device == "cpu" and settings.memory_limit_mb is not None:
        memory.limit_data_segment(settings.memory_limit_mb)
    if device != "cpu" and settings.gpu_memory_fraction is not None:
        memory.limit_gpu_memory(settings.gpu_memory_fraction, device)


def _read(request: TritonRequest) -> Tensors | Refusal:
    try:
        return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
    except Exception as error:  # noqa: BLE001 - one unreadable request must not fail its batch
        _log_exception(error)
        return Refusal(FaultKind.INPUT, f"an input cannot be read: {public_text(str(error))}")


def _respond(request: TritonRequest, outcome: Outcome) -> object:
    match outcome:
        case Answer(outputs):
            wanted = set(request.requested_output_names())
            tensors = [pb_utils.Tensor(name, t) for name, t in outputs.items() if name in wanted]
            return pb_utils.InferenceResponse(output_tensors=tensors)
        case Refusal(kind, message):
            error = pb_utils.TritonError(message, getattr(pb_utils.TritonError, _ERROR_CODES[kind]))
            return pb_utils.InferenceResponse(output_tensors=[], error=error)
        case _:
            assert_never(outcome)


def _log_exception(error: Exception) -> None:
    pb_utils.Logger.log_error("".join(traceback.format_exception(error)))
