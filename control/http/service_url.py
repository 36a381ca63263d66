"""Addresses of other services, as settings name them: http or https, and nothing else."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_FORM: Final = "it is no URL of the form http://HOST[:PORT]/PATH or https://..."


@dataclass(frozen=True, slots=True)
class ServiceUrl:
    """Where to send a request. ``name`` is host and port, and all that may be shown of it.

    ``target`` is path and query, ``authorization`` what the URL's user and password become (empty
    without them): each of them may hold a secret.
    """

    is_tls: bool
    host: str
    port: int
    name: str
    target: str = field(repr=False)
    authorization: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a URL apart; raises ValueError, which does not repeat it."""
        parts = _split(text)
        host, port = parts.hostname or "", parts.port
        shown = f"[{host}]" if ":" in host else host
        query = f"?{parts.query}" if parts.query else ""
        return cls(
            is_tls=parts.scheme == "https",
            host=host,
            port=_PORTS[parts.scheme] if port is None else port,
            name=shown if port is None else f"{shown}:{port}",
            target=f"{parts.path or '/'}{query}",
            authorization=_authorization(parts),
        )


def _split(text: str) -> SplitResult:
    """Split a URL that can stand in a request as it is."""
    is_printable = text.isascii() and text.isprintable() and " " not in text
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna")  # as whoever resolves it will
        is_known = parts.scheme in _PORTS and host and parts.port != 0
    except ValueError:  # its own message may repeat what stands where the port should
        is_known = False
    if not is_printable or not is_known:
        raise ValueError(_FORM) from None
    return parts


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode('ascii')}"
