"""Limits of processor time, as control groups have them."""

import math
from pathlib import Path

import pytest

from control.verification.processor_quota import processor_quota


def quota(root: Path, lines: str, files: dict[str, str]) -> float:
    """The quota of a process in the groups of ``lines``."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    own = root / "own"
    own.write_text(lines)
    return processor_quota(root, own)


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/pod/a\n", {"pod/a/cpu.max": "max 100000", "pod/cpu.max": "150000 100000"}, 1.5),
        ("0::/pod/a\n", {"pod/a/cpu.max": "50000 100000", "pod/cpu.max": "150000 100000"}, 0.5),
        ("0::/of/the/host\n", {"cpu.max": "300000 100000"}, 3.0),
        (
            "4:cpu,cpuacct:/box\n3:cpuset:/\n0::/\n",
            {"cpu/box/cpu.cfs_quota_us": "400000\n", "cpu/box/cpu.cfs_period_us": "100000\n"},
            4.0,
        ),
        (
            "4:cpu:/box\n",
            {"cpu/box/cpu.cfs_quota_us": "-1\n", "cpu/box/cpu.cfs_period_us": "100000\n"},
            math.inf,
        ),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {"cpu.max": ""}, math.inf),
        ("0::/\n", {"cpu.max": "200000 0"}, math.inf),
        ("0::/\n", {"cpu.max": "many few"}, math.inf),
        ("3:cpuset:/\n", {"cpu.max": "200000 100000"}, math.inf),
        ("nonsense", {"cpu.max": "200000 100000"}, math.inf),
    ],
)
def test_the_tightest_limit_holds(
    tmp_path: Path, lines: str, files: dict[str, str], expected: float
) -> None:
    """Of the group and those above it; what cannot be read is none."""
    assert quota(tmp_path, lines, files) == expected


def test_what_is_not_there_limits_nothing(tmp_path: Path) -> None:
    """Neither without control groups, nor where a group vanishes."""
    assert processor_quota(tmp_path, tmp_path / "none") == math.inf
    assert quota(tmp_path, "0::/gone\n4:cpu:/gone\n", {}) == math.inf
