"""A repository that does not answer keeps no snapshot from going out: what held goes on holding."""

import threading
from pathlib import Path

import pytest

from control.controller import contract_book as module
from control.controller.contract_book import ContractState
from tests.controller.contract_desk import GOOD, OTHER, document_of
from tests.support.polls import eventually


@pytest.fixture
def answers(monkeypatch):
    """Clear it, and files cannot be looked for until it is set again."""
    event = threading.Event()
    event.set()
    find = module.find_contract

    def wait_and_find(folder: Path, version: int) -> Path | None:
        event.wait(20)
        return find(folder, version)

    monkeypatch.setattr(module, "find_contract", wait_and_find)
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    yield event
    event.set()


async def test_what_held_goes_on_holding_while_the_repository_hangs(desk, answers, monkeypatch):
    """It is waited for once, not for each version; a new one has its kept contract meanwhile."""
    desk.write(GOOD)
    good = await desk.look()
    monkeypatch.setattr(module, "_FIRST_PATIENCE_S", 0.01)
    answers.clear()
    desk.write(OTHER)
    for _ in range(3):
        assert await desk.look() is good
    assert await desk.look(2) == ContractState()
    desk.open()
    assert await desk.look() == good
    answers.set()
    _, late = desk.book._late
    await eventually(late.done, "it answers")
    await desk.look()
    assert document_of(await desk.look()) == {"inputs": {"X": {"min": 2}}}


async def test_a_version_whose_looks_are_always_late_lets_others_have_their_turn(
    desk, answers, monkeypatch
):
    """A slow file system is asked for one after the other."""
    desk.write(GOOD)
    await desk.look(2)
    await desk.look(1)
    answers.clear()
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    await desk.book.update("m", 1, desk.config)
    answers.set()
    await eventually(desk.book._late[1].done, "it answers")
    answers.clear()
    await desk.book.update("m", 1, desk.config)
    assert desk.book._late is None
    await desk.book.update("m", 2, desk.config)
    assert desk.book._late[0] == ("m", 2)


async def test_a_first_look_has_more_time(desk, monkeypatch):
    """Nothing holds before: a large tokenizer is better waited for than not asked."""
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    desk.write(GOOD)
    assert document_of(await desk.book.update("m", 1, desk.config))


async def test_a_late_look_that_fails_is_not_silent(desk, answers, monkeypatch):
    """Whoever looks next hears of it: the loop logs it, and goes on."""
    desk.write(GOOD)
    await desk.look()
    desk.write(OTHER)
    await desk.book.update("m", 1, desk.config)
    monkeypatch.setattr(desk.book, "_read", None)  # it cannot be called
    answers.clear()
    await desk.book.update("m", 1, desk.config)
    answers.set()
    await eventually(desk.book._late[1].done, "it answers")
    with pytest.raises(TypeError):
        await desk.book.update("m", 1, desk.config)
