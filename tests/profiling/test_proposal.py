"""The limits that follow from measurements, and how they come into a file."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from control.profiling.measurement import Measurement, Profile
from control.profiling.proposal import propose_limits, rounded_up, useful_batch
from control.profiling.scratch import CannotProfile
from control.profiling.writing import merged, write_limits

MIB = 2**20
#: A batch costs 10 ms and 1 ms a row up to 4 rows, 4 ms a row beyond; each row needs 3 MiB.
POINTS = tuple(
    Measurement(
        rows,
        rows * 100,
        rows * 20,
        rows * 3 * MIB,
        p50_s=0.01 + extra,
        p99_s=0.02 + extra,
        requests=9,
    )
    for rows, extra in ((1, 0.001), (2, 0.002), (4, 0.004), (8, 0.018), (16, 0.05))
)
PROFILE = Profile("m", 1, 2, 100 * MIB, "cpu", POINTS)


def test_a_larger_batch_is_useful_while_throughput_grows() -> None:
    """By a tenth at least."""
    assert useful_batch(POINTS) == 4
    assert useful_batch(POINTS[:1]) == 1


def test_limits_follow_from_the_measurements() -> None:
    """Time for the slowest, places for the useful batches, memory that covers all."""
    proposal = propose_limits(PROFILE)
    assert proposal.values["deadline_ms"] == 280
    assert proposal.values["concurrency"] == {"max": 16}
    memory = proposal.values["memory"]
    for one in POINTS:
        predicted = sum(
            (
                memory.get("bytes_per_request", 0),
                memory.get("bytes_per_row", 0) * one.rows,
                memory.get("bytes_per_input_byte", 0) * one.input_bytes,
                memory.get("bytes_per_token", 0) * one.tokens,
            )
        )
        assert one.memory_bytes <= predicted <= one.memory_bytes * 1.1
    assert "device" not in memory


def test_a_model_that_needs_next_to_nothing_gets_no_memory_limit() -> None:
    """A prediction costs a little on each request, and this one would decide nothing."""
    small = tuple(replace(one, memory_bytes=1000) for one in POINTS)
    assert "memory" not in propose_limits(replace(PROFILE, measurements=small)).values


def test_a_gpus_memory_is_named_so() -> None:
    """Else it would be counted against the host's."""
    assert propose_limits(replace(PROFILE, device="gpu")).values["memory"]["device"] == "gpu"


def test_the_proposal_says_what_was_measured() -> None:
    """It is YAML, with a reason above each key."""
    proposal = propose_limits(PROFILE)
    text = proposal.as_yaml()
    assert yaml.safe_load(text) == {"limits": proposal.values}
    assert text.count("  # Profiled: ") == 3
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0, 0), (1e-9, 0), (0.123, 0.13), (7.0, 7), (99.01, 100), (1234, 1300), (1300, 1300)],
)
def test_numbers_are_rounded_up_to_two_digits(value: float, rounded: float) -> None:
    """What is predicted stays above what was measured."""
    assert rounded_up(value) == rounded


AUTHORS = """\
# The author's words.
limits:
  batch: 4   # enough
  deadline_ms: 900
  memory:
    bytes_per_row: 5
    bytes_per_input_byte: 7
    headroom_percent: 20
inputs: {}
"""


def test_a_file_keeps_what_its_author_has_said() -> None:
    """Only what was measured before is measured anew, and everything else stays as it was."""
    proposal = propose_limits(PROFILE)
    text = merged(AUTHORS, "contract.yaml", proposal)
    limits = yaml.safe_load(text)["limits"]
    assert (limits["batch"], limits["deadline_ms"]) == (4, 900)
    assert limits["concurrency"] == {"max": 16}
    assert limits["memory"] == {**proposal.values["memory"], "headroom_percent": 20}
    assert "# The author's words.\n" in text
    assert "  batch: 4   # enough\n" in text


def test_written_twice_is_written_once() -> None:
    """Reasons are renewed with the numbers, and no change changes nothing."""
    proposal = propose_limits(PROFILE)
    once = merged(AUTHORS, "contract.yaml", proposal)
    assert once.count("# Profiled: ") == 2
    assert merged(once, "contract.yaml", proposal) == once
    larger = tuple(replace(one, memory_bytes=one.memory_bytes * 2) for one in POINTS)
    again = merged(once, "contract.yaml", propose_limits(replace(PROFILE, measurements=larger)))
    assert again.count("# Profiled: ") == 2
    assert again != once


def test_a_model_without_a_contract_gets_one(tmp_path: Path) -> None:
    """With the limits and nothing else."""
    proposal = propose_limits(PROFILE)
    file = write_limits(tmp_path, 1, proposal)
    assert file == tmp_path / "contract.yaml"
    assert yaml.safe_load(file.read_text()) == {"limits": proposal.values}


def test_a_broken_contract_is_left_alone(tmp_path: Path) -> None:
    """Nobody's work is overwritten."""
    (tmp_path / "contract.yaml").write_text("limits: [1\n")
    with pytest.raises(CannotProfile, match="broken"):
        write_limits(tmp_path, 1, propose_limits(PROFILE))
    assert (tmp_path / "contract.yaml").read_text() == "limits: [1\n"
