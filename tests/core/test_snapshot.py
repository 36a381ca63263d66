"""The choice of a version."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_policy import DEFAULT_CANARY
from control.core.contract import Contract
from control.core.routes import CanaryRoute, Route
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


NUMBERS = st.integers(1, 9)


@given(
    st.dictionaries(NUMBERS, st.booleans()),
    st.one_of(st.none(), NUMBERS),
    st.frozensets(NUMBERS),
    NUMBERS,
)
def test_a_route_says_where_unpinned_requests_go(
    versions: dict[int, bool], stable: int | None, live: frozenset[int], tried: int
) -> None:
    """To stable if it is ready, else to the newest live one that is; never to one tried out."""
    canary = CanaryRoute("r", tried, 100.0, 100.0, DEFAULT_CANARY)
    views = {number: view(number, ready=ready) for number, ready in versions.items()}
    model = ModelView("m", views, Route(stable, live, canary))
    ready = [number for number in live if versions.get(number)]
    expected = stable if versions.get(stable or 0) else max(ready, default=None)
    match choose_version(Snapshot(1, {"m": model}), "m", None):
        case VersionView() as chosen:
            assert chosen.version == expected
        case NotReady(_, known):
            assert expected is None
            assert known is None or known.version == max(live & versions.keys())
    assert all(model.may_choose(number) == (number in live) for number in range(1, 10))


def test_a_version_that_is_tried_out_is_chosen_by_its_number() -> None:
    """Who pins a version gets it, while it is served or tried out."""
    versions = {number: view(number, ready=True) for number in (1, 2)}
    canary = CanaryRoute("r", 2, 5.0, 0.0, DEFAULT_CANARY)
    snapshot = Snapshot(1, {"m": ModelView("m", versions, Route(1, frozenset({1}), canary))})
    assert choose_version(snapshot, "m", 2) is versions[2]
    assert choose_version(snapshot, "m", None) is versions[1]


def test_a_version_that_has_been_taken_out_is_not_there_any_more() -> None:
    """It is still loaded for a moment: a call of it would be lost when it is unloaded."""
    versions = {number: view(number, ready=True) for number in (1, 2)}
    snapshot = Snapshot(1, {"m": ModelView("m", versions, Route(2, frozenset({2})))})
    assert isinstance(choose_version(snapshot, "m", 1), Missing)
    assert choose_version(snapshot, "m", 2) is versions[2]


def test_a_version_that_has_served_goes_on_where_no_live_one_is_ready() -> None:
    """A host may not have loaded yet what has taken its place: that costs nobody an answer."""
    route = Route(3, frozenset({3}), retired=frozenset({1, 2}))

    def model(*ready: int) -> ModelView:
        versions = {number: view(number, ready=number in ready) for number in (1, 2, 3, 4)}
        return ModelView("m", versions, route)

    for ready, expected in (((1, 2, 3), 3), ((1, 2, 4), 2), ((1, 4), 1), ((4,), None)):
        default = model(*ready).default
        assert (default and default.version) == expected, "4 has been taken out"
    assert isinstance(choose_version(Snapshot(1, {"m": model(2)}), "m", 2), Missing)
    assert not model(2).may_choose(2)
    assert ModelView("m", {2: view(2, ready=True)}, route).loaded


def test_a_model_whose_only_version_is_tried_out_is_not_loaded() -> None:
    """Nobody misses what nobody has had: the gateway stays ready without it."""
    model = ModelView("m", {1: view(1, ready=False)}, Route(None, frozenset()))
    assert not model.loaded
    assert model.newest_loaded is None
    assert model.default is None
