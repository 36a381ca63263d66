"""A client of the admin API, for commands: what goes wrong ends the command with a sentence."""

import http.client
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from control.cli.terminal import fail, print_json, print_table
from control.config import Settings
from control.runtime import RuntimePaths
from control.triton.address import parse_address

PREFIX: Final = "/admin/v1"
_TIMEOUT_S: Final = 10.0
_REFUSED: Final = range(400, 500)
_NO_CONTENT: Final = 204
_UNAUTHENTICATED: Final = 401

Json = Any


class Unanswered(Exception):
    """There is no answer, or it is a refusal: the message says why."""


class AdminClient:
    """Speaks to the admin API of the Seawall that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Show the token of the settings, or else the operator token of the state directory."""
        self._settings = settings
        self._token = settings.admin.token or _operator_token(settings)

    def get(self, path: str) -> Json:
        """Read a document."""
        return self._ask("GET", path)

    def poll(self, path: str) -> Json:
        """Read a document, for a view that goes on without it; raises Unanswered."""
        return self._exchange("GET", path)

    def post(self, path: str, body: Json) -> Json:
        """Make something."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: Json) -> Json:
        """Put something in the place of what was there."""
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._ask("DELETE", path)

    def show(
        self,
        path: str,
        columns: Sequence[str],
        rows_of: Callable[[Json], Iterable[Sequence[object]]],
        *,
        as_json: bool,
    ) -> None:
        """Read a document and print it as it is, or the table that ``rows_of`` makes of it."""
        document = self.get(path)
        if as_json:
            print_json(document)
            return
        try:
            rows = list(rows_of(document))
        except (KeyError, TypeError, AttributeError):
            fail(self.not_ours())
        print_table(columns, rows)

    def not_ours(self) -> str:
        """Say that another program answers there."""
        return f"what answers at {self._settings.admin.http} is not Seawall's controller"

    def _ask(self, method: str, path: str, body: Json = None) -> Json:
        try:
            return self._exchange(method, path, body)
        except Unanswered as error:
            fail(str(error))

    def _exchange(self, method: str, path: str, body: Json = None) -> Json:
        where = parse_address(self._settings.admin.http)
        url = f"http://{where.host_header}{PREFIX}{path}"
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body)
        # Not urllib: it would take a proxy from the environment for our own address.
        connection = http.client.HTTPConnection(where.host, where.port, timeout=_TIMEOUT_S)
        try:
            connection.request(method, PREFIX + path, data, headers)
            with connection.getresponse() as answer:
                status, text = answer.status, answer.read()
                document = None if status == _NO_CONTENT else json.loads(text)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unanswered(f"no answer from {url}: {error}") from error
        finally:
            connection.close()
        if status == _UNAUTHENTICATED and not self._token:
            raise Unanswered(
                f"{url} needs a token, and there is none in '{_token_file(self._settings)}': "
                "is this the state directory of a running Seawall? Else set admin.token "
                "(SEAWALL_ADMIN_TOKEN)"
            )
        if status in _REFUSED and isinstance(document, dict) and "error" in document:
            raise Unanswered(str(document["error"]))
        if status >= _REFUSED.start:
            raise Unanswered(f"no answer from {url}: status {status}")
        return document


def _token_file(settings: Settings) -> str:
    return str(RuntimePaths(settings.state.dir.resolve()).operator_token)


def _operator_token(settings: Settings) -> str:
    try:
        return RuntimePaths(settings.state.dir.resolve()).operator_token.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
