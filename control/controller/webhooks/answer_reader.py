"""Reads the answer of another service, as far as it matters, whatever it sends."""

from typing import Final

import httptools

_MAX_HEAD_BYTES: Final = 64 * 1024
_MAX_BODY_BYTES: Final = 1024
_FIRST_FINAL: Final = 200
_SHOWN: Final = 200


class NoAnswer(Exception):
    """There was none; the message says what the service does instead, as ``cannot be reached``."""


class AnswerReader:
    """Fed with what comes, until ``done``: what is beyond the first KiB of the body is not read.

    ``status`` is 0 before there is one.
    """

    def __init__(self) -> None:
        """Expect the first byte of an answer."""
        self.status = 0
        self.done = False
        self._fed_bytes = 0
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take bytes; raises NoAnswer where they are none of an answer."""
        self._fed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.status = int(self._parser.get_status_code())
            self.done = True  # what follows is not HTTP any more
        except httptools.HttpParserError:
            if not self.status:
                raise NoAnswer("does not answer in HTTP") from None
            self.done = True  # the status is the answer, whatever the body is
        if not self.status and self._fed_bytes > _MAX_HEAD_BYTES:
            raise NoAnswer(f"answers with a head of more than {_MAX_HEAD_BYTES} bytes")

    @property
    def words(self) -> str:
        """The first line of the body, shortened, without what a terminal would obey."""
        lines = self._body[:_MAX_BODY_BYTES].decode("utf-8", "replace").strip().splitlines()
        return "".join(one for one in lines[0] if one.isprintable())[:_SHOWN] if lines else ""

    # -- events from the parser

    def on_headers_complete(self) -> None:
        """Take the status, unless it is an interim one."""
        status = int(self._parser.get_status_code())
        self.status = status if status >= _FIRST_FINAL else 0

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._body += part
        self.done = len(self._body) >= _MAX_BODY_BYTES

    def on_message_complete(self) -> None:
        """End, unless a final answer follows."""
        self.done = self.status != 0
