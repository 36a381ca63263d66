"""The controller's book of contracts: a broken file never replaces a good one."""

import json
import shutil

import pytest

from control.controller.contract_book import MOST_GONE, ContractState
from tests.contracts.contract_files import CONFIG, config_json, word_pieces
from tests.controller.contract_desk import BROKEN, COUNTED, GOOD, OTHER, document_of


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


async def test_versions_that_triton_no_longer_has_are_forgotten(desk):
    """They are not shown; a version that comes back starts from what was kept."""
    desk.write(GOOD)
    good = await desk.look()
    await desk.look(2)
    desk.book.forget_others({("m", 2)})
    assert list(desk.book.states) == [("m", 2)]
    desk.write(BROKEN)
    assert (await desk.look()).document == good.document


async def test_of_versions_that_are_gone_only_the_last_contracts_are_kept(desk):
    """There is always another version; what Triton has stays kept, however old it is."""
    desk.write(GOOD)
    await desk.look(1)
    for version in range(2, MOST_GONE + 5):
        desk.book.forget_others({("m", 1), ("m", version)})
        await desk.look(version)
    last = version
    kept = {1, *range(last - MOST_GONE, last + 1)}
    assert {number for _, number in desk.kept.contracts} == kept
    desk.open()
    desk.write(BROKEN)
    assert document_of(await desk.look(1)) == {"inputs": {"X": {"min": 1}}}
    assert document_of(await desk.look(2)) is None


async def test_a_tokenizer_that_no_contract_needs_any_more_goes(desk):
    """At a start; what is needed stays, and so it goes on from the last good contract."""
    desk.write_tokenizer(word_pieces())
    desk.write(COUNTED)
    good = await desk.look()
    (desk.artifacts.directory / "0123").write_text("of a contract that was")
    (desk.artifacts.directory / "0123.77").write_text("half of it")
    desk.kept.contracts["m", 9] = b"garbage"
    desk.open()
    desk.book.tidy_artifacts()
    assert len(list(desk.artifacts.directory.iterdir())) == 1
    desk.write(BROKEN)
    assert (await desk.look()).document == good.document
