"""Holds a model's golden requests against its contract: they must all be allowed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from control.contracts.compiled import CompiledContract
from control.contracts.faults import ContractBroken, Fault
from control.contracts.files import read_file
from control.core.contract import Contract, check_request
from control.core.datatypes import BYTES
from control.core.elements import pack_bytes
from control.core.tensors import InferRequest, Tensor
from control.errors import MalformedRequest
from control.gateway.codec.elements import pack_values
from control.repository.names import GOLDEN

_MAX_GOLDEN_BYTES: Final = 64 * 1024 * 1024


def read_golden(folder: Path) -> list[dict[str, Any]]:
    """Give a model's golden requests; none where it has no such file. Raises ContractBroken."""
    file = folder / GOLDEN
    try:
        if not file.exists():
            return []
        requests = json.loads(read_file(file, GOLDEN, _MAX_GOLDEN_BYTES))["requests"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _broken("", f"is not a list of golden requests: {error}") from error
    if not isinstance(requests, list):
        raise _broken("requests", f"must be a list, got {type(requests).__name__}")
    for index, one in enumerate(requests):
        _must_be_golden(one, f"requests[{index}]")
    return requests


def _must_be_golden(one: object, key: str) -> None:
    """Hold what the request is not decoded from against its form."""
    if not isinstance(one, dict):
        raise _broken(key, f"must be an object, got {type(one).__name__}")
    expect = one.get("expect", {})
    if not isinstance(expect, dict) or not all(isinstance(each, dict) for each in expect.values()):
        raise _broken(f"{key}.expect", "must be an object with an object for each output")
    for output, each in expect.items():
        fault = _form_fault(each)
        if fault:
            raise _broken(f"{key}.expect.{output}", fault)
    if not isinstance(one.get("expect_error", ""), str):
        raise _broken(f"{key}.expect_error", "must be a text")
    if not isinstance(one.get("parameters", {}), dict):
        raise _broken(f"{key}.parameters", "must be an object")


def _form_fault(expectation: dict[str, Any]) -> str:
    """Give what is wrong with the form of what is expected of an output, empty where nothing is.

    Whether its elements can be compared with the answer's is seen with the answer.
    """
    for word in ("equal", "near"):
        if not isinstance(expectation.get(word, []), list):
            return f"'{word}' must be a flat list of all elements"
    for word in ("min", "max", "tolerance"):
        if not _is_number(expectation.get(word, 0)):
            return f"'{word}' must be a number"
    if not all(_is_number(one) for one in expectation.get("near", [])):
        return "'near' must be a list of numbers"
    return ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _broken(key: str, message: str) -> ContractBroken:
    return ContractBroken([Fault(GOLDEN, 0, key, message)])


def golden_faults(
    folder: Path, version: int, contract: Contract, rules: CompiledContract | None
) -> Iterator[Fault]:
    """Give a fault for each golden request that the contract would refuse."""
    try:
        requests = read_golden(folder)
    except ContractBroken as error:
        yield from error.faults
        return
    for index, golden in enumerate(requests):
        key = f"requests[{index}]"
        if golden.get("version") not in (None, str(version)) or "expect_error" in golden:
            continue
        try:
            request = decode_golden(golden, contract)
        except (MalformedRequest, LookupError, TypeError, ValueError, AttributeError) as error:
            yield Fault(GOLDEN, 0, key, f"is no request: {error}")
            continue
        violations = check_request(contract, request)
        if rules is not None:
            violations += rules.check_request(request, 0).violations
        name = golden.get("name", "")
        for one in violations:
            message = f"'{name}' breaks the contract of version {version}: {one.path}: {one.rule} "
            yield Fault(GOLDEN, 0, key, f"{message}{one.limit}, got {one.got}")


def decode_golden(golden: dict[str, Any], contract: Contract) -> InferRequest:
    """Turn a golden request into the request that a client would send.

    Rows are single elements or flat lists of them; bytes that are no text are ``{"base64": ...}``.
    """
    inputs = [_tensor(contract, name, rows) for name, rows in golden["inputs"].items()]
    return InferRequest(inputs, parameters=golden.get("parameters", {}))


def _tensor(contract: Contract, name: str, rows: list[Any]) -> Tensor:
    spec = contract.inputs.get(name)
    datatype = spec.datatype if spec else BYTES
    width = len(rows[0]) if rows and isinstance(rows[0], list) else 1
    values = [one for row in rows for one in (row if isinstance(row, list) else [row])]
    shape = [len(rows), width] if contract.max_batch_size else [len(values)]
    if datatype == BYTES:
        return Tensor(name, datatype, shape, pack_bytes([_raw(one) for one in values]))
    return Tensor(name, datatype, shape, pack_values(values, datatype, name)[0])


def _raw(value: Any) -> bytes:  # noqa: ANN401 - a JSON value
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else str(value).encode()
