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


def config_with(*groups: str) -> bytes:
    """Triton's config of a model with these groups of instances."""
    return json.dumps({"instance_group": [{"name": one, "count": 2} for one in groups]}).encode()


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
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
        (500, "Stub process 'm_0' is not healthy."),
        (503, "is not at ready state"),
        (503, "full"),
    ]:
        config = config_with("m")
        assert classify_refusal(status, error(text), config).retry_after_s is not None


TOLD_BY = "Failed to process the request(s) for model 'm_0', message: TritonModelException: "


@pytest.mark.parametrize(
    ("groups", "text", "kind"),
    [
        # As tritonserver 2.51 names instances: of one group, of several, and of groups with names.
        (["m"], "Stub process 'm_0' is not healthy.", StubDied),
        (["m_0", "m_1"], "Stub process 'm_1_12' is not healthy.", StubDied),
        (["fast", "be_st_7"], "Stub process 'be_st_7_0' is not healthy.", StubDied),
        # What it says of a model that has called a dead one: it passes that on, with words of its
        # own, as an exception, or as an ensemble.
        (["m"], "Stub process 'tok_0' is not healthy.", ModelFailed),
        (["m"], "tok: Stub process 'm_0' is not healthy.", ModelFailed),
        (["m"], TOLD_BY + "Stub process 'tok_0' is not healthy.\n\nAt:\n  /m.py(9)", ModelFailed),
        (["m"], TOLD_BY + "Stub process 'm_0' is not healthy.", ModelFailed),
        ([], "in ensemble 'm', Stub process 'tok_0' is not healthy.", ModelFailed),
        # Other models whose names begin alike, and words that a client may have put there.
        (["m"], "Stub process 'm_2_0' is not healthy.", ModelFailed),
        (["m_2"], "Stub process 'm_0' is not healthy.", ModelFailed),
        (["m"], "ValueError: no label 'Stub process 'm_0' is not healthy.'", ModelFailed),
        (["m"], "Stub process 'm_0' is not healthy. Or is it?", ModelFailed),
    ],
)
def test_a_death_is_that_of_the_models_own_process(
    groups: list[str], text: str, kind: type[ControlError]
) -> None:
    """Of another model's, a model can only tell."""
    assert type(classify_refusal(500, error(text), config_with(*groups))) is kind


@pytest.mark.parametrize("status", [400, 503])
def test_what_is_no_failure_of_triton_is_no_death(status: int) -> None:
    """A model chooses the words of its refusals, and may repeat a client's."""
    text = "Stub process 'm_0' is not healthy."
    assert not isinstance(classify_refusal(status, error(text), config_with("m")), StubDied)


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
