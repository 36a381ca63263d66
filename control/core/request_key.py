"""What makes two requests the same: a spelling that no two different requests share.

The shell hashes it to a key of 256 bits. Every text is preceded by its length and every list by
its count, so that no part of a spelling can pass for another.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final

from control.core.snapshot import VersionView
from control.core.tensors import Buffer, InferRequest, Parameter, RequestedOutput, Tensor

#: Parameters that never reach the model: they say when and how to answer, not what.
_NOT_THE_MODELS: Final = frozenset({"binary_data_output", "priority", "timeout"})
_SEQUENCE: Final = "sequence_id"
#: Hashing this much takes 0.3 ms: larger requests are hashed on a thread.
_HEAVY_BYTES: Final = 256 * 1024

_name = attrgetter("name")


def spell_version(view: VersionView) -> bytes:
    """Spell all that changes a version's answers; the cache's epoch makes old ones strangers."""
    revision = "" if view.rules is None else view.rules.revision
    texts = (view.model, str(view.version), revision, str(view.order.cache_epoch))
    documents = (view.config_json, view.contract_json)
    head = "".join([*map(_text, texts), *(f"{len(one)}:" for one in documents)])
    return b"".join([head.encode(), *documents])


def spell_request(request: InferRequest, tenant: str | None) -> list[Buffer]:
    """Spell a request to one version, in pieces; ``tenant`` None is the same for all of them.

    The order of inputs, outputs and parameters means nothing, nor does the form of the answer.
    """
    inputs = request.inputs
    if len(inputs) > 1:
        inputs = sorted(inputs, key=_name)
    head = [_tensors(inputs), _parameters(request.parameters), _outputs(request.outputs)]
    head.append("-" if tenant is None else _text(tenant))
    spelled: list[Buffer] = ["".join(head).encode("utf-8", "surrogatepass")]
    spelled += [tensor.data for tensor in inputs]
    return spelled


def is_heavy(request: InferRequest) -> bool:
    """Whether hashing the request would hold up others."""
    return sum([len(tensor.data) for tensor in request.inputs]) > _HEAVY_BYTES


def in_sequence(request: InferRequest) -> bool:
    """Whether the answer depends on requests before this one, so that it is nobody else's."""
    return bool(request.parameters) and _SEQUENCE in request.parameters


def _text(text: str) -> str:
    return f"{len(text)}:{text}"


def _tensors(tensors: Iterable[Tensor]) -> str:
    spelled = [
        f"{len(one.name)}:{one.name}{len(one.datatype)}:{one.datatype}{one.shape}{len(one.data)}:"
        for one in tensors
    ]
    return f"{len(spelled)}:{''.join(spelled)}"


def _outputs(outputs: Iterable[RequestedOutput]) -> str:
    spelled = sorted([f"{_text(one.name)}{one.classification};" for one in outputs])
    return f"{len(spelled)}:{''.join(spelled)}"


def _parameters(parameters: Mapping[str, Parameter]) -> str:
    if not parameters:
        return "0:"
    spelled = [
        _text(name) + _value(parameters[name])
        for name in sorted(parameters)
        if name not in _NOT_THE_MODELS
    ]
    return f"{len(spelled)}:{''.join(spelled)}"


def _value(value: Parameter) -> str:
    match value:
        case bool():
            return f"b{value:d}"
        case int():
            return f"i{value};"
        case float():
            return f"f{value!r};"  # the shortest text that reads as exactly this number
        case _:
            return f"s{_text(value)}"
