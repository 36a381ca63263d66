"""Where a Triton endpoint listens: ``unix:/path`` or ``[http://]host:port``."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """A Unix socket path, or a host and port."""

    unix_path: str = ""
    host: str = ""
    port: int = 0

    @property
    def host_header(self) -> str:
        """The value of the ``Host`` header for requests to this address."""
        return "triton" if self.unix_path else self._host_and_port

    @property
    def grpc_target(self) -> str:
        """The address in gRPC's own syntax."""
        return f"unix:{self.unix_path}" if self.unix_path else self._host_and_port

    @property
    def _host_and_port(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host  # an IPv6 address
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Parse an address; raises ``ValueError`` with the allowed forms."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if path.startswith("/"):
            return Address(unix_path=path)
        message = f"'{text}' is not an address: a Unix socket needs an absolute path, unix:/path"
        raise ValueError(message)
    message = f"'{text}' is not an address: expected unix:/path or host:port"
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(message) from error
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if not host or not port or more or " " in host or parts.scheme not in {"", "http", "grpc"}:
        raise ValueError(message)
    return Address(host=host, port=port)
