"""The options that say how much may be used, for tokens and tenants alike."""

from typing import Annotated, Any, Final

import typer

NAMES: Final = ("requests_per_second", "tokens_per_minute", "bytes_per_minute", "concurrent")

RequestsPerSecond = Annotated[
    int | None, typer.Option("--requests-per-second", help="Requests per second.")
]
TokensPerMinute = Annotated[
    int | None, typer.Option("--tokens-per-minute", help="The model's own tokens per minute.")
]
BytesPerMinute = Annotated[
    int | None, typer.Option("--bytes-per-minute", help="Bytes of request bodies per minute.")
]
Concurrent = Annotated[int | None, typer.Option("--concurrent", help="Requests in flight at once.")]


def quota_body(*limits: int | None) -> dict[str, int | None]:
    """Make the document of a quota from the limits, in the order of ``NAMES``."""
    return dict(zip(NAMES, limits, strict=True))


def describe_quota(quota: Any) -> str:  # noqa: ANN401 - a JSON document
    """Put a quota's limits into words."""
    given = quota or {}
    limits = [
        f"{given[name]} {name.replace('_', ' ')}" for name in NAMES if given.get(name) is not None
    ]
    return ", ".join(limits) or "no limit"
