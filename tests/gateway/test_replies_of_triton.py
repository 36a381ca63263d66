"""What Triton's refusals mean, and what of them nobody may see."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import (
    BadUpstreamAnswer,
    ControlError,
    DeadlineExceeded,
    MalformedRequest,
    ModelFailed,
    ModelNotFound,
    NotSupported,
)
from control.gateway.replies_of_triton import (
    ModelUnavailable,
    StubDied,
    TritonFull,
    classify_refusal,
)
from control.triton.error_texts import scrub


def error(text: str) -> bytes:
    """Triton's error document."""
    return json.dumps({"error": text}).encode()


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (500, "Stub process 'm_0_0' is not healthy.", StubDied),
        (500, "Failed … Stub process 'm_0_1' is not healthy.", StubDied),
        (404, "Request for unknown model: 'm' version 2 is not found", ModelUnavailable),
        (503, "Request for unknown model: 'm' version 1 is not at ready state", ModelUnavailable),
        (404, "Request for unknown model: 'm' has no available versions", ModelUnavailable),
        (400, "unexpected shape for input 'A'", MalformedRequest),
        (400, "model 'x' is not found", MalformedRequest),
        (404, "no such thing", ModelNotFound),
        (501, "not built in", NotSupported),
        (503, "Exceeds maximum queue size", TritonFull),
        (503, "Request timeout expired", DeadlineExceeded),
        (500, "Failed to process the request(s)", ModelFailed),
        (599, "strange", ModelFailed),
        (302, "elsewhere", BadUpstreamAnswer),
        (418, "teapot", BadUpstreamAnswer),
    ],
)
def test_each_refusal_has_its_meaning(status: int, text: str, kind: type[ControlError]) -> None:
    """Status and text together tell what happened."""
    assert type(classify_refusal(status, error(text))) is kind


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"error": 1}', b"\xff", b"{}"])
def test_a_refusal_without_a_readable_text_is_still_one(body: bytes) -> None:
    """A broken error document gives a message with the status."""
    refusal = classify_refusal(500, body)
    assert isinstance(refusal, ModelFailed)
    assert "500" in refusal.message


def test_what_may_be_tried_again_says_when() -> None:
    """A passing failure comes with Retry-After."""
    for status, text in [
        (500, "Stub process 'm' is not healthy"),
        (503, "is not at ready state"),
        (503, "full"),
    ]:
        assert classify_refusal(status, error(text)).retry_after_s is not None


FRAMES = "ValueError: boom\n\nAt:\n  /srv/models/m/1/model.py(9): execute\n  /x/y.py(1): f\n"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (FRAMES, "ValueError: boom"),
        ("open '/srv/models/m/1/weights.bin' failed", "open '<path>' failed"),
        ("/etc/passwd and /opt/a.b/c-d", "<path> and <path>"),
        ("region 'seawall_0123_x' is full", "region <shared memory> is full"),
        ("the triton_python_backend_shm_region_1 broke", "the <shared memory> broke"),
        ("3/4 of input/output, a/b", "3/4 of input/output, a/b"),
        ("see https://example.org/docs/x", "see https://example.org/docs/x"),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_no_path_frame_or_region_gets_through(text: str, clean: str) -> None:
    """What would tell a stranger about the machine is taken out; the rest stays."""
    assert scrub(text) == clean
    assert classify_refusal(500, error(text)).message == clean


@given(st.text(), st.text(alphabet="abc", min_size=1), st.text())
def test_frames_are_cut_wherever_they_stand(before: str, name: str, after: str) -> None:
    """Nothing after the frames' heading survives."""
    assert f"{name}.py" not in scrub(f"{before}\n\nAt:\n  /m/{name}.py(1): {after}").replace(
        before, ""
    )


@given(st.integers(100, 599), st.binary(max_size=300))
def test_every_refusal_is_classified(status: int, body: bytes) -> None:
    """No status and no body of Triton's makes the gateway itself fail."""
    assert len(classify_refusal(status, body).message) <= 1000
