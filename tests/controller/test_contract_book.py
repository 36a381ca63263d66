"""The controller's book of contracts: a broken file never replaces a good one."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from control.contracts.artifacts import ArtifactStore
from control.contracts.folder import ResolvedContract
from control.controller.contract_book import ContractBook, ContractState
from tests.contracts.contract_files import CONFIG, config_json, word_pieces
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


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A model without a contract file."""
    return Desk(tmp_path)


def document_of(state: ContractState) -> Any:
    """What a state's contract says; None where only Triton's config holds."""
    if not state.document:
        return None
    return msgspec.json.decode(state.document, type=ResolvedContract).document


async def test_without_a_file_triton_s_config_holds(desk):
    """Nothing is kept, and nothing is wrong."""
    assert await desk.look() == ContractState()
    assert desk.kept.saves == 0


async def test_a_contract_is_taken_as_soon_as_it_is_there(desk):
    """Its revision and its mode are shown, and it is kept."""
    await desk.look()
    desk.write(f"mode: observe\n{GOOD}")
    state = await desk.look()
    assert document_of(state) == {"mode": "observe", "inputs": {"X": {"min": 1}}}
    assert state.mode == "observe"
    assert len(state.revision) == 16
    assert desk.kept.contracts == {("m", 1): state.document}
    assert desk.book.states == {("m", 1): state}


async def test_a_file_that_stays_as_it_is_is_read_once(desk):
    """Looking again costs a few system calls, and writes nothing."""
    desk.write(GOOD)
    states = [await desk.look() for _ in range(5)]
    assert all(one is states[0] for one in states)
    assert desk.kept.saves == 1


async def test_a_broken_file_never_replaces_a_good_one(desk):
    """What held goes on holding; the faults are shown beside it."""
    desk.write(GOOD)
    good = await desk.look()
    desk.write(BROKEN)
    state = await desk.look()
    assert (state.document, state.revision, state.mode) == (
        good.document,
        good.revision,
        good.mode,
    )
    assert [str(one) for one in state.faults] == [
        "contract.yaml:1: inputs.X.min: must be a number (got 'a')"
    ]
    assert desk.kept.contracts[("m", 1)] == good.document


async def test_a_mended_file_is_taken(desk):
    """The faults go with it, also if it says what held before."""
    desk.write(GOOD)
    good = await desk.look()
    for text, minimum in ((GOOD, 1), (OTHER, 2)):
        desk.write(BROKEN)
        assert (await desk.look()).faults
        desk.write(text)
        state = await desk.look()
        assert state.faults == ()
        assert document_of(state) == {"inputs": {"X": {"min": minimum}}}
    assert state.revision != good.revision


async def test_a_first_file_that_is_broken_leaves_triton_s_config(desk):
    """There is nothing better; the version is served all the same."""
    desk.write(BROKEN)
    state = await desk.look()
    assert (state.document, state.revision, len(state.faults)) == (b"", "", 1)


async def test_what_another_file_mends_is_mended(desk):
    """A tokenizer that comes later heals the contract, which did not change itself."""
    desk.write(COUNTED)
    state = await desk.look()
    assert [one.message for one in state.faults] == ["'weights/tokenizer.json' is missing"]
    desk.write_tokenizer(b"{}")
    assert "is not a tokenizer" in (await desk.look()).faults[0].message
    desk.write_tokenizer(word_pieces())
    state = await desk.look()
    assert state.faults == ()
    assert document_of(state)["inputs"]["TEXT"]["tokens"]["max"] == 4


async def test_a_removed_file_leaves_triton_s_config(desk):
    """Its author took the contract back; it does not return with a restart."""
    desk.write(GOOD)
    await desk.look()
    (desk.folder / "contract.yaml").unlink()
    assert await desk.look() == ContractState()
    assert desk.kept.contracts == {}
    desk.open()
    assert await desk.look() == ContractState()


async def test_a_versions_own_file_replaces_the_models(desk):
    """And when it goes, the model's holds again; other versions see nothing of it."""
    desk.write(GOOD)
    (desk.folder / "2").mkdir()
    await desk.look(2)
    desk.write(OTHER, "2")
    assert document_of(await desk.look(2)) == {"inputs": {"X": {"min": 2}}}
    assert document_of(await desk.look(1)) == {"inputs": {"X": {"min": 1}}}
    shutil.rmtree(desk.folder / "2")
    assert document_of(await desk.look(2)) == {"inputs": {"X": {"min": 1}}}


async def test_a_folder_that_is_away_takes_nothing_along(desk):
    """A share that is not mounted is no decision of the author's, also over a restart."""
    desk.write(GOOD)
    good = await desk.look()
    away = desk.folder.rename(desk.folder.parent / "away")
    assert await desk.look() == good
    desk.open()
    assert await desk.look() == good
    away.rename(desk.folder)
    desk.write(OTHER)
    assert document_of(await desk.look()) == {"inputs": {"X": {"min": 2}}}


async def test_a_restart_goes_on_from_the_last_good_contract(desk):
    """Also if the file was broken meanwhile."""
    desk.write(GOOD)
    good = await desk.look()
    desk.write(BROKEN)
    desk.open()
    state = await desk.look()
    assert (state.document, state.revision, len(state.faults)) == (good.document, good.revision, 1)


@pytest.mark.parametrize("kept", [b"garbage", b"{}", b'{"document":{"a":1},"tokenizers":{}}'])
async def test_a_kept_contract_that_is_none_is_ignored(desk, kept):
    """What another version of Seawall has kept is no reason not to start."""
    desk.kept.contracts["m", 1] = kept
    desk.open()
    desk.write(BROKEN)
    state = await desk.look()
    assert state.document == b""
    desk.write(GOOD)
    assert document_of(await desk.look()) == {"inputs": {"X": {"min": 1}}}


async def test_a_config_that_the_contract_no_longer_fits_goes_alone(desk):
    """A model that has changed is not held to what it was; the faults say so."""
    desk.write(GOOD)
    await desk.look()
    inputs = [{"name": "X", "data_type": "TYPE_STRING", "dims": [1]}]
    desk.config = json.dumps({**CONFIG, "input": inputs}).encode()
    state = await desk.look()
    assert state.document == b""
    assert [one.key for one in state.faults] == ["inputs.X.min"]
    desk.config = config_json()
    assert document_of(await desk.look()) == {"inputs": {"X": {"min": 1}}}


async def test_a_config_that_the_contract_still_fits_changes_nothing(desk):
    """The contract holds without a gap."""
    desk.write(GOOD)
    good = await desk.look()
    desk.config = json.dumps({**CONFIG, "max_batch_size": 64}).encode()
    assert await desk.look() == good


async def test_tokenizers_are_kept_for_the_gateways(desk):
    """By content: they outlive the model's folder."""
    desk.write_tokenizer(word_pieces())
    desk.write(COUNTED)
    state = await desk.look()
    shutil.rmtree(desk.folder)
    resolved = msgspec.json.decode(state.document, type=ResolvedContract)
    assert desk.artifacts.counters(resolved)["TEXT"].count(["hello"]) == [3]
    desk.open()
    assert await desk.look() == state


async def test_a_kept_tokenizer_that_was_changed_is_not_used(desk):
    """The contract falls back to Triton's config until the model's folder heals it."""
    desk.write_tokenizer(word_pieces())
    desk.write(COUNTED)
    state = await desk.look()
    (kept,) = desk.artifacts.directory.iterdir()
    kept.write_bytes(word_pieces() + b" ")
    away = desk.folder.rename(desk.folder.parent / "away")
    desk.open()
    assert await desk.look() == ContractState()
    away.rename(desk.folder)
    assert await desk.look() == state
    assert kept.read_bytes() == word_pieces()


async def test_a_tokenizer_that_cannot_be_kept_is_a_fault(desk):
    """A full or missing disk ends neither the controller nor the contract that held."""
    desk.write(GOOD)
    good = await desk.look()
    desk.artifacts.directory.rmdir()
    desk.artifacts.directory.write_text("in the way")
    desk.write_tokenizer(word_pieces())
    desk.write(COUNTED)
    state = await desk.look()
    assert state.document == good.document
    assert state.faults[0].message.startswith("its tokenizers cannot be kept: ")
    desk.artifacts.directory.unlink()
    assert (await desk.look()).faults == ()


async def test_versions_that_triton_no_longer_has_are_forgotten(desk):
    """They are not shown; a version that comes back starts from what was kept."""
    desk.write(GOOD)
    good = await desk.look()
    await desk.look(2)
    desk.book.forget_others({("m", 2)})
    assert list(desk.book.states) == [("m", 2)]
    desk.write(BROKEN)
    assert (await desk.look()).document == good.document


async def test_a_file_that_still_changes_is_not_believed(desk):
    """Half a contract may be a good one: a file counts once it is the same at two looks."""
    desk.write(GOOD)
    await desk.look()
    for text in (OTHER, "", OTHER):
        desk.write(text)
        state = await desk.book.update("m", 1, desk.config)
        assert document_of(state) == {"inputs": {"X": {"min": 1}}}
    state = await desk.book.update("m", 1, desk.config)
    assert document_of(state) == {"inputs": {"X": {"min": 2}}}


async def test_a_file_that_the_contract_names_is_watched_too(desk):
    """A schema or a tokenizer that changes makes another contract, without touching the file."""
    desk.write("inputs: {TEXT: {json_schema: s.json}}")
    (desk.folder / "s.json").write_text('{"type": "object"}')
    first = await desk.look()
    (desk.folder / "s.json").write_text('{"type": "array"}')
    second = await desk.look()
    assert document_of(second)["inputs"]["TEXT"]["json_schema"] == {"type": "array"}
    assert second.revision != first.revision
    (desk.folder / "s.json").unlink()
    third = await desk.look()
    assert third.revision == second.revision
    assert "is missing" in third.faults[0].message
