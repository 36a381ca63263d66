"""Takes up, when Seawall starts, what was changed beside a served model's versions."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from control.check.model_config import config_document
from control.contracts.faults import ContractBroken
from control.core.contract import derive_contract
from control.core.contract_diff import diff_contracts
from control.repository.model_files import read_source_config
from control.repository.names import CONFIG
from control.repository.pinned_config import config_digest
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A config.pbtxt that is another than the served one; ``refusal`` says why it is not taken."""

    model: str
    refusal: str = ""


def take_up_configs(served: ServedRepository, source: Path) -> Iterator[ConfigChange]:
    """Serve each changed config that promises callers no less, with the model's other files.

    What lies beside the versions is the whole model's and has no version of its own: a restart is
    when operators expect it to hold. Raises OSError.
    """
    for model in served.models():
        if not served.live_versions(model) or not (source / model / CONFIG).is_file():
            continue
        try:
            text = read_source_config(source / model)
            if config_digest(text, model) == served.config_digest(model):
                continue
            refusal = _refusal(served, model, text)
            if not refusal:
                served.sync_model_files(model, source / model)
                served.write_config(model, served.live_versions(model), text)
        except (SourceRefused, SourceChanged, ContractBroken) as error:
            refusal = str(error)
        yield ConfigChange(model, refusal)


def _refusal(served: ServedRepository, model: str, text: str) -> str:
    present = (served.folder / model / CONFIG).read_text()
    live, new = (derive_contract(config_document(one.encode(), model)) for one in (present, text))
    return "; ".join(diff_contracts(live, new).breaking)
