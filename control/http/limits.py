"""What the front accepts before anything else looks at a request."""

from dataclasses import dataclass, field

from control.core.reading import ReadPatience


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds on one connection and on all of them."""

    max_head_bytes: int = 64 * 1024
    max_headers: int = 100
    max_body_bytes: int = 64 * 1024 * 1024
    max_held_body_bytes: int = 1024 * 1024 * 1024
    max_body_chunks: int = 16_384  # a CVE class of Triton: it recurses once per chunk
    max_connections: int = 4096
    max_pipelined: int = 16
    idle_timeout_s: float = 75.0
    write_timeout_s: float = 30.0
    linger_s: float = 1.0
    patience: ReadPatience = field(default_factory=ReadPatience)
