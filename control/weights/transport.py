"""HTTP for package indexes, with the proxies, certificates and credentials that pip would use.

Not here: what is downloaded, and what happens after a transfer is cut.
"""

import base64
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.parse import unquote, urlsplit, urlunsplit

from control.weights.errors import WeightsError

TIMEOUT_S = 30.0
USER_AGENT = "seawall-weights"
HTTP_RANGE_REFUSED = 416
HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500


class Interrupted(Exception):
    """The transfer broke off or the server was busy: trying again may help."""


class RangeRefused(Exception):
    """The server has no bytes from there on."""


def open_url(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send a GET; raise `Interrupted` if it may work later, `WeightsError` if it will not."""
    bare, authorization = split_credentials(url)
    request = urllib.request.Request(  # noqa: S310 - split_credentials has checked the scheme
        bare, headers={"User-Agent": USER_AGENT, **headers}
    )
    for name, value in authorization.items():
        # Unredirected: a redirect to another host must not carry the user's password.
        request.add_unredirected_header(name, value)
    try:
        return cast("HTTPResponse", _opener().open(request, timeout=TIMEOUT_S))
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(bare, error) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise WeightsError(f"{bare}: {error.reason}; set PIP_CERT or SSL_CERT_FILE") from error
        raise Interrupted(f"{bare} cannot be reached: {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise Interrupted(f"{bare} broke off: {error!r}") from error


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    message = f"{url} answered {error.code} {error.reason}"
    if error.code == HTTP_RANGE_REFUSED:
        return RangeRefused(message)
    if error.code >= HTTP_SERVER_ERROR or error.code == HTTP_TOO_MANY_REQUESTS:
        return Interrupted(message)
    return WeightsError(message)


def split_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL without user and password, and the header that carries them instead."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise WeightsError(f"a package index must be http or https, got {parts.scheme!r}")
    if parts.username is None:
        return url, {}
    user, password = unquote(parts.username), unquote(parts.password or "")
    token = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, {"Authorization": f"Basic {token}"}


@cache
def _opener() -> urllib.request.OpenerDirector:
    # The default opener reads the proxy variables by itself.
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=certificates)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
