"""Holds a model's golden requests against its contract: they must all be allowed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from control.contracts.compiled import CompiledContract
from control.contracts.faults import Fault
from control.core.contract import Contract, check_request
from control.core.datatypes import BYTES
from control.core.elements import pack_bytes
from control.core.tensors import InferRequest, Tensor
from control.errors import MalformedRequest
from control.gateway.codec.elements import pack_values

GOLDEN: Final = "golden.json"


def golden_faults(
    folder: Path, version: int, contract: Contract, rules: CompiledContract | None
) -> Iterator[Fault]:
    """Give a fault for each golden request that the contract would refuse."""
    try:
        requests = json.loads((folder / GOLDEN).read_bytes())["requests"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Fault(GOLDEN, 0, "", f"is not a list of golden requests: {error}")
        return
    for index, golden in enumerate(requests):
        key = f"requests[{index}]"
        if golden.get("version") not in (None, str(version)) or "expect_error" in golden:
            continue
        try:
            request = decode_golden(golden, contract)
        except (MalformedRequest, KeyError, TypeError, ValueError) as error:
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
