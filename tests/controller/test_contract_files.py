"""The files that a contract is made of: kept for gateways, watched, and believed once still."""

import shutil

import msgspec

from control.contracts.folder import ResolvedContract
from control.controller.contract_book import ContractState
from tests.contracts.contract_files import word_pieces
from tests.controller.contract_desk import COUNTED, GOOD, OTHER, document_of


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
