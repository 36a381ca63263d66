"""How long a slow sender is waited for."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.reading import ReadPatience

PATIENCE = st.builds(
    ReadPatience,
    stall_timeout_s=st.floats(1.0, 100.0),
    crowded_stall_timeout_s=st.floats(0.01, 1.0),
    calm=st.integers(0, 300),
    crowded=st.integers(0, 300),
    min_bytes_per_s=st.floats(1.0, 1e6),
)


@given(PATIENCE, st.integers(0, 5000), st.integers(0, 5000))
def test_a_larger_crowd_never_gets_more_time(patience: ReadPatience, one: int, two: int) -> None:
    """Patience falls with the number of unfinished requests, and stays within its two ends."""
    fewer, more = sorted((one, two))
    assert patience.stall_timeout_for(more) <= patience.stall_timeout_for(fewer) + 1e-9
    low, high = patience.crowded_stall_timeout_s, patience.stall_timeout_s
    assert low - 1e-9 <= patience.stall_timeout_for(one) <= high


def test_the_crowd_starts_beyond_calm_and_is_full_at_crowded() -> None:
    """Up to 64 nobody hurries; halfway to 256 the patience is half gone; then it is all gone."""
    patience = ReadPatience(stall_timeout_s=10.0, crowded_stall_timeout_s=0.4)
    assert patience.stall_timeout_for(64) == 10.0
    assert abs(patience.stall_timeout_for(160) - 5.2) < 1e-9
    assert abs(patience.stall_timeout_for(256) - 0.4) < 1e-9
    assert abs(patience.stall_timeout_for(100_000) - 0.4) < 1e-9


@given(PATIENCE, st.floats(0, 1e4), st.floats(0, 1e4), st.integers(0, 10**9), st.integers(1, 10**6))
def test_more_bytes_never_make_a_sender_too_slow(
    patience: ReadPatience, stalled_s: float, elapsed_s: float, received: int, more: int
) -> None:
    """Whoever is fast enough with some bytes is fast enough with more of them."""

    def is_too_slow(received_bytes: int) -> bool:
        return patience.is_too_slow(
            stalled_s=stalled_s,
            elapsed_s=elapsed_s,
            received_bytes=received_bytes,
            stall_timeout_s=10.0,
        )

    assert is_too_slow(received) or not is_too_slow(received + more)


def test_a_stall_and_a_trickle_are_both_too_slow() -> None:
    """Silence beyond the patience counts, and so does a pace below the least."""
    patience = ReadPatience(stall_timeout_s=10.0, min_bytes_per_s=1024.0)
    assert patience.is_too_slow(
        stalled_s=1.1, elapsed_s=1.1, received_bytes=10**6, stall_timeout_s=1.0
    )
    assert patience.is_too_slow(
        stalled_s=0.1, elapsed_s=12.0, received_bytes=1024, stall_timeout_s=10.0
    )
    assert not patience.is_too_slow(
        stalled_s=0.1, elapsed_s=12.0, received_bytes=3 * 1024, stall_timeout_s=10.0
    )
