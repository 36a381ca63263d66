"""The model that is measured: its config, its contract, its golden request."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.check.golden import decode_golden
from control.contracts.compiled import CompiledContract
from control.contracts.faults import ContractBroken
from control.contracts.folder import read_contract
from control.core.contract import Contract, check_request, derive_contract
from control.core.tensors import InferRequest
from control.errors import MalformedRequest
from control.profiling.scaling import scaled_requests
from control.profiling.scratch import CannotProfile
from control.repository.names import GOLDEN


@dataclass(frozen=True, slots=True)
class Subject:
    """One version, with the request that all measured ones are made from."""

    model: str
    version: int
    contract: Contract
    rules: CompiledContract | None
    golden: InferRequest

    def requests(self) -> Iterator[tuple[InferRequest, int] | None]:
        """Give requests of all sizes with their tokens; None for one that the contract refuses."""
        most_rows = self.rules.batch if self.rules else None
        for request in scaled_requests(self.golden, self.contract, most_rows):
            yield allowed(request, self.contract, self.rules)


def allowed(
    request: InferRequest, contract: Contract, rules: CompiledContract | None
) -> tuple[InferRequest, int] | None:
    """Give the request as it would reach the model, and its tokens; None if it would not."""
    if check_request(contract, request):
        return None
    if rules is None:
        return request, 0
    findings = rules.check_request(request, 0)
    return None if findings.violations else (request, findings.tokens)


def find_subject(folder: Path, version: int, config: dict[str, Any]) -> Subject:
    """Read what there is in the model's folder; raises CannotProfile."""
    contract = derive_contract(config)
    try:
        source = read_contract(folder, version, contract)
    except ContractBroken as error:
        message = f"model '{folder.name}' cannot be profiled, its contract is broken: {error}"
        raise CannotProfile(message) from error
    rules = source.compiled if source else None
    for request in _golden_requests(folder, version, contract):
        if allowed(request, contract, rules) is not None:
            return Subject(folder.name, version, contract, rules, request)
    message = (
        f"model '{folder.name}' cannot be profiled: {GOLDEN} has no request that version {version}"
        " answers"
    )
    raise CannotProfile(message)


def _golden_requests(folder: Path, version: int, contract: Contract) -> Iterator[InferRequest]:
    try:
        listed = json.loads((folder / GOLDEN).read_bytes())["requests"]
    except FileNotFoundError as error:
        message = (
            f"model '{folder.name}' cannot be profiled: it has no {GOLDEN} with a request to"
            " measure by"
        )
        raise CannotProfile(message) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"model '{folder.name}' cannot be profiled: {GOLDEN} cannot be read: {error}"
        raise CannotProfile(message) from error
    for golden in listed:
        if golden.get("version") in (None, str(version)) and "expect_error" not in golden:
            try:
                yield decode_golden(golden, contract)
            except (MalformedRequest, KeyError, TypeError, ValueError):
                continue  # `seawall check` says what is wrong with it
