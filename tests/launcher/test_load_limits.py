"""How long a start of tritonserver may stand still."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from control.controller.rollouts.policies import Policies
from control.launcher.load_limits import LoadLimit, longest_load_s
from control.launcher.tritonserver import _Start
from tests.support.stack import wait_until


def test_the_slowest_version_that_is_live_has_its_time(tmp_path: Path) -> None:
    """Its contract says how long; who is not live is not loaded at a start."""
    for model, limit_s in (("slow", 900), ("gone", 3600)):
        (tmp_path / model).mkdir()
        contract = f"canary: {{verification: {{load_timeout_s: {limit_s}}}}}\n"
        (tmp_path / model / "contract.yaml").write_text(contract)
    live = {"slow": (1, 2), "plain": (1,)}
    served = SimpleNamespace(
        inspect=lambda: SimpleNamespace(loadable=list(live)), live_versions=live.__getitem__
    )
    assert longest_load_s(served, Policies(tmp_path)) == 900.0
    live.clear()
    assert longest_load_s(served, Policies(tmp_path)) == 0.0


def test_no_start_waits_for_contracts_that_cannot_be_read() -> None:
    """The limit stays as it was, until the authors' file system answers again."""
    answers = threading.Event()
    limits = iter([700.0, 800.0])

    def policy(*_: object) -> object:
        answers.wait(30)
        return SimpleNamespace(verification=SimpleNamespace(load_timeout_s=next(limits)))

    served = SimpleNamespace(
        inspect=lambda: SimpleNamespace(loadable=["m"]), live_versions=lambda _: (1,)
    )
    limit = LoadLimit(served, SimpleNamespace(of=policy), 0.05)  # type: ignore[arg-type]
    assert limit.longest_s() == limit.longest_s() == 120.0
    answers.set()
    wait_until(lambda: limit.longest_s() == 800.0, "it is read again")


def test_served_copies_that_cannot_be_seen_change_no_limit() -> None:
    """Whoever starts the server finds that out."""

    def inspect() -> None:
        raise OSError(5, "Input/output error")

    served = SimpleNamespace(inspect=inspect)
    assert LoadLimit(served, SimpleNamespace()).longest_s() == 120.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("model_lifecycle.cc:839] \"successfully loaded 'm'\"", True),
        ("model_lifecycle.cc:654] \"failed to load 'm' version 2: Internal: no GPU\"", True),
        ('model_lifecycle.cc:472] "loading: m:1"', False),
        ("pb_stub.cc:1] \"successfully loaded 'm'\"", False),
    ],
)
async def test_a_start_moves_when_a_load_has_ended(text: str, moves: bool) -> None:
    """More may have waited for it than may be loaded at once: their time begins anew."""
    start = _Start()
    start.moved_s -= 5.0
    before_s = start.moved_s
    start.note(f"2026-11-26T19:55:08Z I 7575 {text}")
    assert (start.moved_s > before_s) is moves
    assert start.moved_s <= asyncio.get_running_loop().time()
