"""Reads from Triton's model config what a limit begins with."""

import orjson

from control.core.adaptive_limit import ServerShape
from control.core.snapshot import VersionView


def shape_of(view: VersionView) -> ServerShape:
    """Give the batch size, the instances (of one device), and how long the batcher waits."""
    config = orjson.loads(view.config_json)
    groups = config.get("instance_group") or []
    batching = config.get("dynamic_batching") or {}
    return ServerShape(
        view.contract.max_batch_size,
        max(1, sum(int(group.get("count") or 1) for group in groups)),
        int(batching.get("max_queue_delay_microseconds") or 0) / 1e6,
    )
