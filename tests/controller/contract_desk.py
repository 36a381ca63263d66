"""A repository with one model, and the book that reads its contracts."""

from pathlib import Path
from typing import Any

import msgspec

from control.contracts.artifacts import ArtifactStore
from control.contracts.folder import ResolvedContract
from control.controller.contract_book import ContractBook, ContractState
from tests.contracts.contract_files import config_json
from tests.fakes.last_good import FakeLastGood

COUNTED = "inputs: {TEXT: {tokens: {tokenizer: weights/tokenizer.json, max: 4}}}"
GOOD = "inputs: {X: {min: 1}}"
OTHER = "inputs: {X: {min: 2}}"
BROKEN = "inputs: {X: {min: a}}"


class Desk:
    """A repository with one model, and a book that reads it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "models" / "m"
        (self.folder / "1").mkdir(parents=True)
        self.artifacts = ArtifactStore(root / "artifacts")
        self.kept = FakeLastGood()
        self.config = config_json()
        self.writes = 0
        self.open()

    def open(self) -> None:
        """Start the controller, again."""
        self.book = ContractBook(self.folder.parent, self.artifacts, self.kept, retry_s=0.0)

    def write(self, text: str, version: str = "") -> None:
        """Replace a contract file, as an editor does."""
        self.writes += 1
        draft = self.folder / f"draft{self.writes}"
        draft.write_text(text)
        draft.replace(self.folder / version / "contract.yaml")

    def write_tokenizer(self, data: bytes) -> None:
        """Write the model's tokenizer."""
        (self.folder / "weights").mkdir(exist_ok=True)
        (self.folder / "weights" / "tokenizer.json").write_bytes(data)

    async def look(self, version: int = 1) -> ContractState:
        """Let the book look at the files twice: it believes what stays as it is."""
        await self.book.update("m", version, self.config)
        return await self.book.update("m", version, self.config)


def document_of(state: ContractState) -> Any:
    """What a state's contract says; None where only Triton's config holds."""
    if not state.document:
        return None
    return msgspec.json.decode(state.document, type=ResolvedContract).document
