"""The choice of a version."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.contract import Contract
from control.core.snapshot import (
    Missing,
    ModelView,
    NotReady,
    Snapshot,
    VersionView,
    choose_version,
)

EMPTY = Contract("m", 0, {}, {}, frozenset())


def view(version: int, *, ready: bool, loaded: bool = True) -> VersionView:
    """A version that may be ready."""
    return VersionView("m", version, loaded, ready, "", EMPTY, b"{}", b"{}")


def snapshot_of(*versions: VersionView) -> Snapshot:
    """A snapshot of one model."""
    return Snapshot(1, {"m": ModelView("m", {one.version: one for one in versions})})


@given(st.dictionaries(st.integers(1, 99), st.booleans()))
def test_an_unpinned_request_goes_to_the_newest_ready_version(versions: dict[int, bool]) -> None:
    """The default is the greatest number among the ready ones, or there is none."""
    snapshot = snapshot_of(*(view(number, ready=ready) for number, ready in versions.items()))
    ready = [number for number, is_ready in versions.items() if is_ready]
    match choose_version(snapshot, "m", None):
        case VersionView() as chosen:
            assert chosen.version == max(ready)
        case other:
            assert isinstance(other, NotReady)
            assert not ready


@given(st.dictionaries(st.integers(1, 9), st.booleans()), st.integers(1, 9))
def test_a_pinned_request_goes_there_or_nowhere(versions: dict[int, bool], pinned: int) -> None:
    """A client that named a version never gets another one."""
    snapshot = snapshot_of(*(view(number, ready=ready) for number, ready in versions.items()))
    match choose_version(snapshot, "m", pinned):
        case VersionView() as chosen:
            assert chosen.version == pinned
            assert versions[pinned]
        case NotReady(message):
            assert versions[pinned] is False
            assert str(pinned) in message
        case Missing(message):
            assert pinned not in versions
            assert str(pinned) in message


def test_an_unknown_model_is_missing() -> None:
    """What the snapshot does not have is not found."""
    assert choose_version(Snapshot(), "nobody", None) == Missing(
        "Request for unknown model: 'nobody' is not found"
    )


def test_a_model_is_loaded_by_any_of_its_versions() -> None:
    """One loaded version is enough, ready or not."""
    assert ModelView("m", {1: view(1, ready=False), 2: view(2, ready=False, loaded=False)}).loaded
    assert not ModelView("m", {1: view(1, ready=False, loaded=False)}).loaded
    assert not ModelView("m", {}).loaded
