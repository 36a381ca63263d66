"""The config that a load is asked for with."""

import json

import pytest
from google.protobuf import json_format
from tritonclient.grpc import model_config_pb2

from control.check.model_config import read_config
from control.triton.config_override import override
from tests.support.stack import EXAMPLES, TEST_MODELS

FOLDERS = sorted(
    file.parent for folder in (EXAMPLES, TEST_MODELS) for file in folder.glob("*/config.pbtxt")
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_only_the_versions_differ(folder) -> None:
    """Everything else of the config is taken over, so that live versions are not started anew."""
    config = read_config(folder)
    text = override(config, [3, 1])
    asked = json_format.Parse(text, model_config_pb2.ModelConfig())
    assert list(asked.version_policy.specific.versions) == [1, 3]
    before = json_format.ParseDict(config, model_config_pb2.ModelConfig())
    for one in (asked, before):
        one.ClearField("version_policy")
    assert asked == before


def test_the_config_itself_stays_as_it_is() -> None:
    """An override is a copy."""
    config = {"name": "m", "version_policy": {"latest": {"num_versions": 1}}}
    assert json.loads(override(config, [2**62]))["version_policy"] == {
        "specific": {"versions": [str(2**62)]}
    }
    assert config["version_policy"] == {"latest": {"num_versions": 1}}


def test_no_versions_are_no_config() -> None:
    """A model without versions is unloaded, which is another call."""
    with pytest.raises(ValueError, match="unload the model"):
        override({"name": "m"}, [])
