"""Headers that belong to a refusal."""

import pickle

import pytest

from control.core.violations import Violation
from control.errors import ControlError, MethodNotAllowed, QuotaExceeded, Unauthenticated
from control.http.error_reply import error_reply


def headers_of(error: ControlError) -> dict[bytes, bytes]:
    """The headers of the answer."""
    return dict(error_reply(error, "r-1").headers)


def test_a_refusal_carries_its_headers() -> None:
    """Beside the request's id and the time to try again."""
    limits = [("RateLimit-Limit", "5"), ("RateLimit-Remaining", "0")]
    assert headers_of(QuotaExceeded("enough", retry_after_s=3, headers=limits)) == {
        b"x-request-id": b"r-1",
        b"Retry-After": b"3",
        b"RateLimit-Limit": b"5",
        b"RateLimit-Remaining": b"0",
    }


def test_who_is_not_authenticated_is_told_how_to_be() -> None:
    """RFC 9110: a 401 names the scheme, whoever raised it; more exact words replace these."""
    assert headers_of(Unauthenticated("no"))[b"WWW-Authenticate"] == b"Bearer"
    exact = Unauthenticated("no", headers=[("WWW-Authenticate", 'Bearer error="invalid_token"')])
    assert headers_of(exact)[b"WWW-Authenticate"] == b'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    "error",
    [
        MethodNotAllowed("no", headers=[("Allow", "GET")]),
        Unauthenticated("no"),
        ControlError("m", violations=[Violation("p", "r", 1, 2)], retry_after_s=4, status=431),
    ],
)
def test_an_error_survives_the_way_between_processes(error: ControlError) -> None:
    """With its class and all that it says."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    for fact in ("message", "violations", "retry_after_s", "http_status", "headers"):
        assert getattr(copy, fact) == getattr(error, fact)
