"""The config that a load is asked for with: the model's own, but for the versions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def override(config: Mapping[str, Any], versions: Sequence[int]) -> str:
    """Give, as JSON, a complete config that loads exactly these versions.

    ``config`` must be what ``config.pbtxt`` says, and not the document that Triton answers with: in
    that one Triton has completed what was left out, so that it takes the config for another one and
    starts the live versions of some models (all of the backend ``guarded``) anew.
    """
    if not versions:
        message = "a config without versions would load none: unload the model instead"
        raise ValueError(message)
    # 64-bit numbers are text in JSON, as protobuf writes and reads them.
    policy = {"specific": {"versions": [str(version) for version in sorted(versions)]}}
    return json.dumps({**config, "version_policy": policy})
