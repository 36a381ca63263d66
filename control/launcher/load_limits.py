"""How long a tritonserver may take to bring up the versions that it starts with."""

from control.controller.rollouts.policies import Policies
from control.repository.served import ServedRepository


def longest_load_s(served: ServedRepository, policies: Policies) -> float:
    """Give the most that the contract of any live version allows; reads files."""
    return max(
        (
            policies.of(model, version).verification.load_timeout_s
            for model in served.inspect().loadable
            for version in served.live_versions(model)
        ),
        default=0.0,
    )
