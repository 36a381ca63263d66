"""Decides what may stand in for an answer that failed, how it is asked for, and how long it has."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from operator import attrgetter
from typing import Final

from control.core.contract import check_request
from control.core.protection import Fallback, Protection, StaticOutput
from control.core.snapshot import ModelView, VersionView
from control.core.tensors import AnswerTensor, InferRequest, RequestedOutput

#: Of the time that is left, this part is kept for the steps to come, and never more than a second:
#: who stands in is quick, or it would be no help.
_RESERVE_RATIO: Final = 0.2
_MOST_RESERVE_S: Final = 1.0


class Blame(Enum):
    """What a failure says of the request: a suspect may have killed the model's process."""

    INNOCENT = "innocent"
    SUSPECT = "suspect"


def time_for_primary(deadline_s: float, now_s: float, protection: Protection) -> float:
    """Give the deadline of the version itself: all the time there is, less what fallbacks need."""
    return time_for_try(deadline_s, now_s, protection.fallbacks)


def time_for_try(deadline_s: float, now_s: float, rest: Sequence[Fallback]) -> float:
    """Give the deadline of one try, of which ``rest`` is left where it fails.

    Only steps that call Triton need time: a cached or static answer is there at the deadline.
    """
    if not any(step.calls_triton for step in rest):
        return deadline_s
    left_s = max(0.0, deadline_s - now_s)
    return deadline_s - min(_RESERVE_RATIO * left_s, _MOST_RESERVE_S)


def choose_stand_in(
    models: Mapping[str, ModelView], step: Fallback, failed: VersionView, blame: Blame
) -> VersionView | None:
    """Choose the newest ready version that may take the step; never the one that has failed.

    One that is only tried out takes no step that does not name it. A suspect goes to no other
    version of its model, where the same code may die of it again.
    """
    name = step.model or failed.model
    model = models.get(name)
    if model is None or (blame is Blame.SUSPECT and name == failed.model):
        return None
    able = [
        view
        for number, view in model.versions.items()
        if view.ready
        and (number == step.version if step.version is not None else model.may_choose(number))
        and (name, number) != (failed.model, failed.version)
    ]
    return max(able, key=attrgetter("version"), default=None)


def asked_of(
    step: Fallback, request: InferRequest, target: VersionView, ours: VersionView
) -> InferRequest | None:
    """Give our request as the stand-in gets it; None where it cannot take it.

    Where inputs are mapped, those that are not stay behind.
    """
    inputs = request.inputs
    if step.inputs:
        by_name = {tensor.name: tensor for tensor in inputs}
        inputs = [
            replace(by_name[from_ours], name=theirs)
            for theirs, from_ours in step.inputs.items()
            if from_ours in by_name
        ]
    else:
        inputs = [replace(tensor) for tensor in inputs]  # a contract may cut its texts
    outputs = _outputs_of(step, request, target, ours)
    if outputs is None:
        return None
    asked = replace(request, inputs=inputs, outputs=outputs)
    return None if check_request(target.contract, asked) else asked


def put_back(
    step: Fallback, request: InferRequest, tensors: Sequence[AnswerTensor]
) -> list[AnswerTensor]:
    """Give the stand-in's outputs by our names, and of those only what was asked for."""
    if step.outputs:
        by_name = {tensor.name: tensor for tensor in tensors}
        tensors = [
            replace(by_name[theirs], name=ours)
            for ours, theirs in step.outputs.items()
            if theirs in by_name
        ]
    wanted = {output.name for output in request.outputs}
    return [tensor for tensor in tensors if not wanted or tensor.name in wanted]


def static_tensors(
    outputs: Sequence[StaticOutput], request: InferRequest, ours: VersionView
) -> list[AnswerTensor] | None:
    """Give the static answer, a row for each of the request's; None where it has none to give.

    The classes of an output are no part of it.
    """
    wanted = {output.name for output in request.outputs}
    if any(output.classification for output in request.outputs):
        return None
    batched = bool(ours.contract.max_batch_size)
    rows = request.inputs[0].shape[0] if batched else 1
    batch = [rows] if batched else []
    return [
        AnswerTensor(one.name, one.datatype, [*batch, *one.shape], one.data * rows)
        for one in outputs
        if not wanted or one.name in wanted
    ]


def _outputs_of(
    step: Fallback, request: InferRequest, target: VersionView, ours: VersionView
) -> list[RequestedOutput] | None:
    """Give what to ask for. Classes that Triton alone has labels for need labels there too."""
    wanted = request.outputs or [RequestedOutput(name) for name in ours.contract.outputs]
    named: dict[str, RequestedOutput] = {}
    for output in wanted:
        theirs = step.outputs.get(output.name) if step.outputs else output.name
        spec = target.contract.outputs.get(theirs or "")
        if spec is None or (output.classification and not spec.labelled):
            return None
        known = named.get(spec.name)
        if known is not None and known.classification != output.classification:
            return None  # one output, wanted both as values and as classes
        named[spec.name] = RequestedOutput(
            spec.name, binary=True, classification=output.classification
        )
    return list(named.values())
