"""A model's config.pbtxt as it stands in the served repository: with the versions to load.

The line that names them is the last one, and always written alike, so that it is found again
without reading all else.
"""

import re
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any, Final

from control.contracts.faults import ContractBroken
from control.repository.refusals import SourceRefused

MAX_CONFIG_BYTES: Final = 4 * 1024 * 1024
_PIN: Final = re.compile(
    r"^version_policy \{ specific \{ versions: \[(?P<versions>[0-9, ]*)\] \} \}\n?\Z", re.MULTILINE
)


def pin(text: str, model: str, versions: Iterable[int]) -> str:
    """Give a config that is like ``text`` but loads exactly these versions.

    Raises SourceRefused where it is no config of this model.
    """
    # Imported only where configs are read, as below: the launcher stays small.
    from google.protobuf import text_format  # noqa: PLC0415

    config = _parse(text, model)
    config.ClearField("version_policy")
    return repin(str(text_format.MessageToString(config)), versions)


def repin(pinned: str, versions: Iterable[int]) -> str:
    """Replace the versions of a config that ``pin`` has made."""
    numbers = ", ".join(map(str, sorted(versions)))
    rest = _PIN.sub("", pinned)
    return f"{rest}version_policy {{ specific {{ versions: [{numbers}] }} }}\n"


def pinned_versions(pinned: str) -> tuple[int, ...]:
    """Give the versions that a config loads that ``pin`` has made."""
    found = _PIN.search(pinned)
    return tuple(int(one) for one in found["versions"].split(",") if one.strip()) if found else ()


def config_digest(text: str, model: str) -> str:
    """Give a SHA-256 of all that a config says but for its version policy; raises SourceRefused."""
    config = _parse(text, model)
    config.ClearField("version_policy")
    return sha256(config.SerializeToString(deterministic=True)).hexdigest()


def chosen_versions(text: str, model: str, present: Collection[int]) -> tuple[int, ...]:
    """Give those of the versions that Triton would load by the config's own policy, in order.

    Raises SourceRefused where it is no config of this model.
    """
    policy = _parse(text, model).version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return tuple(sorted(present))
        case "specific":
            return tuple(sorted(set(present) & set(policy.specific.versions)))
        case "latest":
            newest = policy.latest.num_versions
        case _:
            newest = 1
    return tuple(sorted(sorted(present, reverse=True)[:newest]))


def _parse(text: str, model: str) -> Any:  # noqa: ANN401 - protobuf's classes have no types
    from control.check.model_config import parse_config  # noqa: PLC0415

    try:
        return parse_config(text.encode(), model)
    except ContractBroken as error:
        raise SourceRefused("; ".join(map(str, error.faults))) from error
