"""The models behind Seawall, and the contract of each."""

from typing import Annotated, Any

import msgspec
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, new_api
from control.controller.admin.faults import refusals
from control.controller.contract_book import ContractState
from control.controller.loop import ControllerState
from control.errors import ModelNotFound

ModelName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[\w.-]+$")]


class ContractSummary(BaseModel):
    """Which contract holds for a version."""

    revision: str = Field(description="Of the contract file in force; empty: only the config's.")
    mode: str = Field(description="`enforce` or `observe`; `derived` without a contract file.")
    faults: list[str] = Field(description="Why the file that is there now is not in force.")


class ModelVersion(BaseModel):
    """One version of a model."""

    version: int
    ready: bool = Field(description="Whether it answers: loaded, and its processes live.")
    reason: str = Field(description="Why it is not ready; empty when it is.")
    contract: ContractSummary


class Model(BaseModel):
    """One model."""

    name: str
    versions: list[ModelVersion]


class ModelList(BaseModel):
    """All models."""

    models: list[Model]


class ContractFault(BaseModel):
    """One fault of a contract file."""

    file: str = Field(description="The file, in the model's folder.")
    line: int = Field(description="Its line; 0 where the whole file is meant.")
    key: str = Field(description="The key, as `inputs.TEXT.max_chars`.")
    message: str = Field(description="What is wrong, and what would be right.")


class VersionContract(BaseModel):
    """The contract of one version."""

    version: int
    revision: str = Field(description="Changes with anything in the contract; empty without file.")
    mode: str = Field(description="`enforce` or `observe`; `derived` without a contract file.")
    document: dict[str, Any] | None = Field(
        description="The contract file in force, JSON Schemas in place; null without one."
    )
    tokenizers: dict[str, str] = Field(description="SHA-256 of each input's tokenizer file.")
    config: dict[str, Any] = Field(description="Triton's model config, which always holds.")
    faults: list[ContractFault] = Field(
        description="Why the file that is there now is not in force."
    )


class ModelContract(BaseModel):
    """The contract of one model, version by version."""

    model: str
    versions: list[VersionContract]


class ModelPath(BaseModel):
    """A model, in a path."""

    model: ModelName


def models_api(state: ControllerState) -> APIBlueprint:
    """Make the part; it only reads ``state``."""
    api = new_api("models", "Models, their versions and contracts.")

    @api.get(
        "/models",
        operation_id="list_models",
        summary="List the models",
        responses={200: ModelList},
    )
    def _list() -> Response:
        return answer(_list_models(state))

    @api.get(
        "/models/<model>/contract",
        operation_id="show_contract",
        summary="Show a model's contract",
        responses={200: ModelContract, **refusals(404)},
    )
    def _contract(path: ModelPath) -> Response:
        return answer(_show_contract(state, path.model))

    return api


def _list_models(state: ControllerState) -> ModelList:
    contracts = state.contracts
    models: dict[str, list[ModelVersion]] = {}
    for one in state.versions:
        contract = contracts.get((one.model, one.version), ContractState())
        shown = ModelVersion(
            version=one.version,
            ready=one.ready,
            reason=one.reason,
            contract=ContractSummary(
                revision=contract.revision,
                mode=contract.mode or "derived",
                faults=list(map(str, contract.faults)),
            ),
        )
        models.setdefault(one.model, []).append(shown)
    return ModelList(models=[Model(name=name, versions=all_) for name, all_ in models.items()])


def _show_contract(state: ControllerState, model: str) -> ModelContract:
    versions = [one for one in state.versions if one.model == model]
    if not versions:
        message = f"there is no model '{model}'"
        raise ModelNotFound(message)
    contracts = state.contracts
    return ModelContract(
        model=model,
        versions=[
            _version(
                one.version, one.config_json, contracts.get((model, one.version), ContractState())
            )
            for one in versions
        ],
    )


def _version(version: int, config_json: bytes, contract: ContractState) -> VersionContract:
    resolved = msgspec.json.decode(contract.document) if contract.document else {}
    return VersionContract(
        version=version,
        revision=contract.revision,
        mode=contract.mode or "derived",
        document=resolved.get("document"),
        tokenizers=resolved.get("tokenizers", {}),
        config=msgspec.json.decode(config_json),
        faults=[
            ContractFault(file=one.file, line=one.line, key=one.key, message=one.message)
            for one in contract.faults
        ],
    )
