from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.adaptive_limit import AdaptiveLimit, ServerShape, TritonLoad, Window
from control.core.batch_times import BatchTime
from control.core.measured_limit import MeasuredLimit
from control.core.protection import ConcurrencyPolicy
from tests.core.simulated_triton import Model, Turn, adaptive, best_fixed_rate, by_round_trips

NO_BATCHING = Model(lambda _: 0.01)
FOUR_INSTANCES = Model(lambda _: 0.01, instances=4)
LIKE_A_GPU = Model(lambda _: 0.01, most_rows=32)
TWO_LIKE_A_GPU = Model(lambda _: 0.01, most_rows=32, instances=2)
LIKE_A_CPU = Model(lambda rows: 0.004 * rows, most_rows=32)
TWO_LIKE_A_CPU = Model(lambda rows: 0.004 * rows, most_rows=16, instances=2)
IN_BETWEEN = Model(lambda rows: 0.004 + 0.001 * rows, most_rows=32)

BUSY = Window(ends=1000, drops=0, rtt_s=0.01, most_in_flight=1000.0)


def shape_of(model: Model) -> ServerShape:
    """What Triton's config would say of a simulated model."""
    return ServerShape(model.most_rows if model.most_rows > 1 else 0, model.instances)


def limit_for(model: Model, initial: int | None = None) -> AdaptiveLimit:
    """An adaptive limit that knows the model's config."""
    return AdaptiveLimit(ConcurrencyPolicy(initial=initial), shape_of(model))


def mean_rate(turns: list[Turn]) -> float:
    """Right answers a second."""
    return fmean(turn.rate for turn in turns)


@pytest.mark.parametrize("initial", [None, 2, 200])
@pytest.mark.parametrize(
    ("model", "most_limit", "most_queue_s"),
    [
        (NO_BATCHING, 5, 0.035),
        (FOUR_INSTANCES, 14, 0.025),
        (LIKE_A_GPU, 80, 0.02),
        (TWO_LIKE_A_GPU, 160, 0.02),
        (LIKE_A_CPU, 12, 0.05),
        (TWO_LIKE_A_CPU, 14, 0.03),
        (IN_BETWEEN, 80, 0.05),
    ],
    ids=["alone", "four", "gpu", "two_gpu", "cpu", "two_cpu", "between"],
)
def test_the_limit_gives_full_speed_without_a_long_queue(
    model: Model, most_limit: int, most_queue_s: float, initial: int | None
) -> None:
    """Under lasting overload, from any start: 90 % of the best rate, a short queue."""
    simulation = adaptive(model, limit_for(model, initial))
    simulation.run(60.0)
    turns = simulation.run(20.0)
    assert mean_rate(turns) >= 0.9 * best_fixed_rate(model)
    assert fmean(turn.queue_s for turn in turns) <= most_queue_s
    assert max(turn.limit for turn in turns) <= most_limit


@pytest.mark.parametrize("slower", [1.8, 5.0])
@pytest.mark.parametrize(
    "model", [NO_BATCHING, LIKE_A_GPU, LIKE_A_CPU], ids=["alone", "gpu", "cpu"]
)
def test_a_slow_spell_leaves_no_trace(model: Model, slower: float) -> None:
    """During a slow spell the model goes as fast as it can; soon after it, as fast as before."""
    spell = Model(
        model.batch_s,
        model.most_rows,
        model.instances,
        slower=lambda now_s: slower if 20.0 <= now_s < 40.0 else 1.0,
    )
    simulation = adaptive(spell, limit_for(model))
    best = best_fixed_rate(model)
    simulation.run(20.0)
    assert mean_rate(simulation.run(20.0)[8:]) >= 0.85 * best / slower
    simulation.run(5.0)
    assert mean_rate(simulation.run(10.0)) >= 0.9 * best


@pytest.mark.parametrize(
    "model", [NO_BATCHING, LIKE_A_GPU, LIKE_A_CPU], ids=["alone", "gpu", "cpu"]
)
def test_without_statistics_round_trips_do(model: Model) -> None:
    """Plain Gradient2 keeps the rate, and stays within its own bounds for ever."""
    simulation = by_round_trips(model, limit_for(model))
    turns = simulation.run(120.0)
    assert mean_rate(turns[-40:]) >= 0.9 * best_fixed_rate(model)
    assert max(turn.limit for turn in turns) <= 200


def test_few_callers_do_not_raise_the_limit() -> None:
    """A limit that nobody has come near stays what it is."""
    simulation = adaptive(LIKE_A_GPU, limit_for(LIKE_A_GPU))
    simulation.callers = 20
    assert {turn.limit for turn in simulation.run(20.0)} == {64}


@pytest.mark.parametrize(
    ("shape", "initial"),
    [
        (ServerShape(), 8),
        (ServerShape(16, 2), 64),
        (ServerShape(1024, 4), 200),
        (ServerShape(0, 12), 24),
    ],
)
def test_the_first_limit_is_two_whole_batches_an_instance(shape: ServerShape, initial: int) -> None:
    """Between 8 and 200, where the policy names none."""
    assert AdaptiveLimit(ConcurrencyPolicy(), shape).limit == initial


def test_a_fixed_limit_stays() -> None:
    """Nothing moves a limit that an author or operator has fixed."""
    limit = AdaptiveLimit(ConcurrencyPolicy(fixed=7), ServerShape(64))
    for _ in range(50):
        limit.learn(Window(100, 100, 9.0, 7.0), None)
    assert limit.limit == 7


def test_drops_shrink_the_limit_in_proportion() -> None:
    """Of one window a tenth at most is lost, and one drop of a thousand costs next to nothing."""
    idle = {"rtt_s": 0.01, "most_in_flight": 0.0}
    many = AdaptiveLimit(ConcurrencyPolicy(initial=100), ServerShape())
    many.learn(Window(ends=100, drops=100, **idle), None)
    few = AdaptiveLimit(ConcurrencyPolicy(initial=100), ServerShape())
    few.learn(Window(ends=1000, drops=1, **idle), None)
    assert many.limit == 90
    assert few.limit == 99


def test_what_the_batcher_waits_by_order_is_no_excess() -> None:
    """A queue delay that the model's config asks for does not shrink the limit."""
    load = TritonLoad(100, 100, 100 * 0.1, 100 * 0.001, (BatchTime(1, 100, 0.1),))
    patient = AdaptiveLimit(ConcurrencyPolicy(initial=100), ServerShape(8, 1, batch_delay_s=0.1))
    patient.learn(BUSY, load)
    assert patient.limit > 100


def test_large_requests_are_not_divided() -> None:
    """Where some requests have many rows, small batches of others do not starve them."""
    batches = (BatchTime(1, 50, 50 * 0.004), BatchTime(32, 50, 50 * 0.128))
    load = TritonLoad(100, 50 * 33, 100 * 0.07, 100 * 0.066, batches)
    limit = AdaptiveLimit(ConcurrencyPolicy(initial=9), ServerShape(32, 4))
    for _ in range(50):
        limit.learn(BUSY, load)
    assert limit.limit >= 9


windows = st.builds(
    Window,
    ends=st.integers(1, 10_000),
    drops=st.just(0),
    rtt_s=st.floats(0.0, 100.0),
    most_in_flight=st.floats(0.0, 5000.0),
) | st.builds(
    Window,
    ends=st.integers(10, 100),
    drops=st.integers(0, 10),
    rtt_s=st.floats(0.0, 100.0),
    most_in_flight=st.floats(0.0, 5000.0),
)
batch_times = st.builds(
    BatchTime, st.integers(0, 128), st.integers(0, 1000), st.floats(0.0, 1e6, allow_nan=False)
)
loads = st.none() | st.builds(
    TritonLoad,
    st.integers(0, 1000),
    st.integers(0, 10_000),
    st.floats(0.0, 1e6),
    st.floats(0.0, 1e6),
    st.lists(batch_times, max_size=5).map(tuple),
)


@given(
    st.integers(1, 20),
    st.integers(0, 500),
    st.integers(1, 64),
    st.lists(st.tuples(windows, loads), max_size=40),
)
def test_the_limit_keeps_to_its_policy(
    least: int, more: int, instances: int, seen: list[tuple[Window, TritonLoad | None]]
) -> None:
    """Whatever is measured, the limit stays between least and most."""
    policy = ConcurrencyPolicy(least=least, most=least + more)
    limit = AdaptiveLimit(policy, ServerShape(16, instances))
    for window, load in seen:
        limit.learn(window, load)
        assert least <= limit.limit <= least + more


def test_workers_share_a_limit() -> None:
    """Each worker has its part, and never less than one place."""
    policy = ConcurrencyPolicy(fixed=10)
    assert MeasuredLimit(policy, ServerShape(), 4, 0.0).limit == 2
    assert MeasuredLimit(policy, ServerShape(), 16, 0.0).limit == 1
