"""Addresses of Triton's endpoints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.triton.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address", "host_header", "grpc_target"),
    [
        ("unix:/run/t.sock", Address(unix_path="/run/t.sock"), "triton", "unix:/run/t.sock"),
        (
            "localhost:8000",
            Address(host="localhost", port=8000),
            "localhost:8000",
            "localhost:8000",
        ),
        ("http://h:1", Address(host="h", port=1), "h:1", "h:1"),
        ("http://h:1/", Address(host="h", port=1), "h:1", "h:1"),
        ("grpc://h:1", Address(host="h", port=1), "h:1", "h:1"),
        ("[::1]:80", Address(host="::1", port=80), "[::1]:80", "[::1]:80"),
    ],
)
def test_the_forms_that_are_taken(
    text: str, address: Address, host_header: str, grpc_target: str
) -> None:
    """A socket path or host and port, each in the syntax that HTTP and gRPC need."""
    assert parse_address(text) == address
    assert address.host_header == host_header
    assert address.grpc_target == grpc_target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        ":80",
        "host:x",
        "host:99999",
        "unix:relative",
        "unix:",
        "https://h:1",
        "ftp://h:1",
    ],
)
def test_everything_else_is_refused_with_the_allowed_forms(text: str) -> None:
    """The error says what would have been right."""
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(text)


@given(st.text(max_size=30))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever was written, it is an address or a ValueError."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address.unix_path or address.host
