"""Contracts proposed from traffic."""

from dataclasses import asdict

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from control.controller.admin.api import answer, new_api
from control.controller.admin.faults import Fault
from control.controller.admin.models_api import ModelPath
from control.controller.contract_proposals import ContractProposals
from control.learning.proposal import MIN_REQUESTS


class ProposalQuery(BaseModel):
    """What to learn from."""

    version: int | None = Field(
        None, ge=1, le=2**31, description="The version; default is the newest that is ready."
    )
    min_requests: int = Field(
        MIN_REQUESTS, ge=1, le=10**9, description="Requests that it takes to propose anything."
    )


class ContractProposal(BaseModel):
    """A proposed contract file, for review: nothing is changed by asking for it."""

    model: str
    version: int
    file: str = Field(description="The file that it is proposed for, in the model's folder.")
    requests: int = Field(description="Requests that passed since the gateways started.")
    sketched: int = Field(description="How many of them were looked into.")
    contract: str = Field(description="The whole proposed file.")
    diff: str = Field(description="Its difference to the present file, in unified form.")
    notes: list[str] = Field(description="What a reviewer should know besides.")


def proposals_api(proposals: ContractProposals) -> APIBlueprint:
    """Make the part."""
    api = new_api("proposals", "Contracts proposed from traffic.")

    @api.get(
        "/models/<model>/contract/proposal",
        operation_id="propose_contract",
        summary="Propose a contract from traffic",
        responses={200: ContractProposal, 404: Fault, 409: Fault},
    )
    def _propose(path: ModelPath, query: ProposalQuery) -> Response:
        found = proposals.propose(path.model, query.version, query.min_requests)
        return answer(ContractProposal(**asdict(found)))

    return api
