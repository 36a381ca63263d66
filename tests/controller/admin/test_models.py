"""``/admin/v1/models`` and the contract of each."""

import pytest

from control.contracts.faults import Fault
from control.controller.contract_book import ContractState

DOCUMENT = b'{"document": {"inputs": {"X": {"min": 0}}}, "tokenizers": {"T": "abc"}}'


@pytest.fixture
def contracts(state):
    """Version 1 has a contract, and a newer file that is broken; version 2 has none."""
    fault = Fault("contract.yaml", 3, "inputs.X.min", "is wrong")
    state.contracts = {("m", 1): ContractState(DOCUMENT, "r1", "observe", (fault,))}


@pytest.mark.usefixtures("contracts")
def test_models_are_listed_with_their_contracts(admin):
    """Each version says whether it answers, which contract holds, and why not the newest file."""
    assert admin.ask("GET", "/models").get_json() == {
        "models": [
            {
                "name": "m",
                "versions": [
                    {
                        "version": 1,
                        "ready": True,
                        "reason": "",
                        "contract": {
                            "revision": "r1",
                            "mode": "observe",
                            "faults": ["contract.yaml:3: inputs.X.min: is wrong"],
                        },
                    },
                    {
                        "version": 2,
                        "ready": False,
                        "reason": "its Python process has died",
                        "contract": {"revision": "", "mode": "derived", "faults": []},
                    },
                ],
            }
        ]
    }


@pytest.mark.usefixtures("contracts")
def test_a_contract_is_shown_whole(admin):
    """The document in force, what it was resolved to, the config beneath, and each fault."""
    first, second = admin.ask("GET", "/models/m/contract").get_json()["versions"]
    assert first == {
        "version": 1,
        "revision": "r1",
        "mode": "observe",
        "document": {"inputs": {"X": {"min": 0}}},
        "tokenizers": {"T": "abc"},
        "config": {},
        "faults": [
            {"file": "contract.yaml", "line": 3, "key": "inputs.X.min", "message": "is wrong"}
        ],
    }
    assert (second["mode"], second["document"]) == ("derived", None)


def test_an_unknown_model_is_not_found(admin):
    """A model that Triton does not have is 404, and says which."""
    answer = admin.ask("GET", "/models/nothing/contract")
    assert answer.status_code == 404
    assert answer.get_json()["code"] == "model_not_found"
    assert "'nothing'" in answer.get_json()["error"]
