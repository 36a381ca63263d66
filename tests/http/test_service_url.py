"""Addresses of other services."""

import pytest

from control.http.service_url import ServiceUrl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a", (False, "a", 80, "a", "/", "")),
        ("https://a.example", (True, "a.example", 443, "a.example", "/", "")),
        ("HTTP://A:8080/x/y?z=1&w#part", (False, "a", 8080, "a:8080", "/x/y?z=1&w", "")),
        ("http://10.0.0.1?z", (False, "10.0.0.1", 80, "10.0.0.1", "/?z", "")),
        ("https://[::1]:8443/", (True, "::1", 8443, "[::1]:8443", "/", "")),
        ("http://me:p%40ss@a/", (False, "a", 80, "a", "/", "Basic bWU6cEBzcw==")),
        ("http://me@a/", (False, "a", 80, "a", "/", "Basic bWU6")),
    ],
)
def test_a_url_is_taken_apart(text, expected):
    """Into what a request needs; user and password go into a header of their own."""
    url = ServiceUrl.parse(text)
    assert (url.is_tls, url.host, url.port, url.name, url.target, url.authorization) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "//a", "ftp://a/geheim", "file:///geheim", "http://", "http:///geheim",
        "http://a:0/", "http://a:70000/", "http://a:geheim/", "http://a b/", "http://a/ geheim",
        "http://a/geheim\r\nX: y", "http://a/\x00", "http://ä/", "http://[::1/geheim",
        f"http://{'a' * 64}/", "http://a..b/",
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_no_url(text):
    """The refusal says the form, and repeats nothing of what was given: it may be secret."""
    with pytest.raises(ValueError, match="no URL of the form") as refused:
        ServiceUrl.parse(text)
    assert "geheim" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_url_shows_its_host_alone():
    """Path, query and password may be secret."""
    assert "geheim" not in repr(ServiceUrl.parse("https://me:geheim@a/geheim?key=geheim"))
