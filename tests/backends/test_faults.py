import sys
from types import SimpleNamespace

import pytest

from backends.guarded import InputError
from backends.guarded.faults import MESSAGE_LIMIT, FaultKind, classify, public_text


def test_an_input_error_is_the_callers_fault() -> None:
    """What a model raises as InputError keeps its sentence and its rows."""
    fault = classify(InputError("TEXT is empty", rows={2: "is empty"}))
    assert (fault.kind, fault.message, fault.rows) == (
        FaultKind.INPUT,
        "TEXT is empty",
        {2: "is empty"},
    )


def test_any_other_exception_is_the_models_fault() -> None:
    """The class and the text are told."""
    fault = classify(KeyError("layer.3"))
    assert (fault.kind, fault.message) == (FaultKind.MODEL, "KeyError: 'layer.3'")


def test_an_exception_without_text_is_told_by_its_class() -> None:
    """No dangling colon."""
    assert classify(ZeroDivisionError()).message == "ZeroDivisionError"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_failed_allocations_are_memory_faults(error: Exception) -> None:
    """Every way in which the runtimes report a failed allocation is known."""
    assert classify(error).kind is FaultKind.MEMORY


def test_onnx_runtimes_failed_allocation_is_a_memory_fault() -> None:
    """Its exceptions derive from nothing but Exception, and are known by their module."""
    fail = type("Fail", (Exception,), {"__module__": "onnxruntime.capi.state"})
    told = "Non-zero status code: Failed to allocate memory for requested buffer of size 9"
    assert classify(fail(told)).kind is FaultKind.MEMORY
    assert classify(fail("Invalid graph")).kind is FaultKind.MODEL


def test_a_models_own_sentence_about_memory_is_no_memory_fault() -> None:
    """The text alone does not decide: a ValueError that quotes it stays the model's fault."""
    assert classify(ValueError("can't allocate memory")).kind is FaultKind.MODEL


def test_cuda_out_of_memory_is_known_without_importing_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The framework's own class is looked up only where the model has imported it."""

    class OutOfMemory(RuntimeError):
        pass

    fake = SimpleNamespace(cuda=SimpleNamespace(OutOfMemoryError=OutOfMemory))
    monkeypatch.setitem(sys.modules, "torch", fake)
    assert classify(OutOfMemory("CUDA")).kind is FaultKind.MEMORY
    monkeypatch.delitem(sys.modules, "torch")
    assert classify(OutOfMemory("CUDA")).kind is FaultKind.MODEL


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no /srv/models/a/1/w.bin here", "no <path> here"),
        ('File "/usr/lib/x.py", line 3', 'File "<path>", line 3'),
        ("~/secret/key.pem", "<path>"),
        ("../../etc/passwd", "<path>"),
        ("<object at 0x7f1234567890>", "<object at <address>>"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("ratio 3/4 and and/or stay", "ratio 3/4 and and/or stay"),
    ],
)
def test_messages_do_not_leak(text: str, told: str) -> None:
    """Paths and addresses are masked, lines are joined, ordinary slashes stay."""
    assert public_text(text) == told


def test_messages_are_bounded() -> None:
    """A model cannot answer with a novel."""
    assert len(public_text("x" * 10_000)) == MESSAGE_LIMIT
