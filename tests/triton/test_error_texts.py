"""What is left of Triton's error texts."""

import pytest

from control.triton.error_texts import load_failures, load_reason


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Internal: SyntaxError: invalid syntax (model.py, line 1)", None),
        (
            "Internal: RuntimeError: no weights\n\nAt:\n  /s/served/m/2/model.py(4): initialize\n",
            None,
        ),
        ("Internal: Stub process 'm_0_0' is not healthy.", "its process died in initialize"),
        ("Invalid argument: failed to run warmup sample 'w': no\n", None),
        (
            "Internal: OSError: '/home/me/var/served/m/2/weights.bin' is no file",
            "OSError: '2/weights.bin' is no file",
        ),
        ("Internal: OSError: '/etc/private/key' is no file", "OSError: '<path>' is no file"),
        ("unloaded", "unloaded"),
        ("", "tritonserver does not say why"),
    ],
)
def test_a_reason_is_what_the_model_said(text: str, told: str | None) -> None:
    """Kinds, frames and places on this machine are left out; the model's own files are named."""
    expected = text.partition(": ")[2].split("\n")[0] if told is None else told
    assert load_reason(text, "m") == expected


def test_each_version_of_a_failed_load_has_its_own_reason() -> None:
    """Triton tells of all of them in one text, with line breaks of the models' own in it."""
    text = (
        "load failed for model 'm': version 2 is at UNAVAILABLE state: Internal: ValueError: a; b\n"
        "c\n\nAt:\n  /m/2/model.py(4): initialize\n;\n"
        "version 10 is at UNAVAILABLE state: Internal: SyntaxError: no (model.py, line 1);\n"
    )
    assert load_failures(text, "m") == {
        2: "ValueError: a; b c",
        10: "SyntaxError: no (model.py, line 1)",
    }
    assert load_failures("failed to load 'm', failed to poll from model repository", "m") == {}
