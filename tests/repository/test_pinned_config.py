"""Configs that load exactly the versions that they are told to."""

import pytest

from control.check.model_config import parse_config
from control.repository.pinned_config import (
    chosen_versions,
    config_digest,
    pin,
    pinned_versions,
    repin,
)
from control.repository.refusals import SourceRefused
from tests.repository.source_models import CONFIG

RICH = (
    CONFIG
    + """
# a comment, and what must come through
version_policy: { latest { num_versions: 2 } }
parameters { key: "a \\"b\\" \\n" value { string_value: "version_policy { specific }" } }
dynamic_batching { max_queue_delay_microseconds: 100 preferred_batch_size: [ 4, 8 ] }
optimization { priority: PRIORITY_MAX }
model_warmup [ { name: "w" batch_size: 1 inputs { key: "INPUT0" value {
  data_type: TYPE_FP32 dims: [ 3 ] input_data_file: "zeros" } } } ]
instance_group [ { count: 2 kind: KIND_CPU rate_limiter { resources [ { name: "R" count: 1 } ] } } ]
"""
)


def test_all_but_the_version_policy_is_kept() -> None:
    """A pinned config says what its source says, and which versions to load."""
    wanted = parse_config(RICH.encode(), "m")
    got = parse_config(pin(RICH, "m", [3, 1]).encode(), "m")
    assert list(got.version_policy.specific.versions) == [1, 3]
    wanted.ClearField("version_policy")
    got.ClearField("version_policy")
    assert got == wanted


def test_other_versions_are_put_in_without_reading_the_rest() -> None:
    """What has been pinned can be pinned anew, to none as well."""
    first = pin(RICH, "m", [1])
    assert pinned_versions(first) == (1,)
    assert repin(first, [2, 10]) == pin(RICH, "m", [10, 2])
    assert pinned_versions(repin(first, [])) == ()
    assert pinned_versions(RICH) == ()


def test_a_digest_is_of_all_but_the_versions() -> None:
    """Form, comments, versions and a name that goes without saying do not count."""
    assert config_digest(RICH, "m") == config_digest(pin(RICH, "m", [7]), "m")
    assert config_digest('name: "m"\n' + CONFIG, "m") == config_digest("#\n" + CONFIG, "m")
    assert config_digest(CONFIG, "m") != config_digest(RICH, "m")


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        ("", (12,)),
        ("version_policy { latest { num_versions: 2 } }", (3, 12)),
        ("version_policy { latest { num_versions: 9 } }", (1, 3, 12)),
        ("version_policy { latest { } }", ()),
        ("version_policy { all { } }", (1, 3, 12)),
        ("version_policy { specific { versions: [ 3, 5 ] } }", (3,)),
        ("version_policy { specific { versions: 1 versions: 12 } }", (1, 12)),
    ],
)
def test_versions_are_chosen_as_triton_does(policy: str, chosen: tuple[int, ...]) -> None:
    """By number, not by name: 12 is newer than 3."""
    assert chosen_versions(CONFIG + policy, "m", [12, 1, 3]) == chosen


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("backend: python", r"config\.pbtxt.*1"),
        ('name: "other"', "name is 'other', the folder is 'm'"),
        ("no_such_key: 1", "no_such_key"),
    ],
)
def test_what_is_no_config_is_refused(text: str, fault: str) -> None:
    """With the line and what is wrong there."""
    for act in (lambda: pin(text, "m", [1]), lambda: config_digest(text, "m")):
        with pytest.raises(SourceRefused, match=fault):
            act()
