"""Which track a request takes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.canary_policy import Sticky, StickyBy
from control.core.tensors import Buffer
from control.core.track import MOST_HASHED_BYTES, bucket_by, salt_of, sticky_key

KEYS = st.binary(max_size=200)
NAMES = st.text(max_size=100)
ID = b"x-request-id"
#: As it was computed first.
PLACE_OF_A = 28.37760985805049


def bucket(key: Buffer, rollout: str) -> float:
    """Where a key falls in a rollout."""
    return bucket_by(key, salt_of(rollout))


@given(KEYS, NAMES)
def test_a_key_falls_somewhere_below_a_hundred(key: bytes, rollout: str) -> None:
    """A weight of 100 takes everybody, and one of 0 nobody."""
    assert 0.0 <= bucket(key, rollout) < 100.0


@given(KEYS, NAMES)
def test_a_key_falls_on_the_same_place_everywhere(key: bytes, rollout: str) -> None:
    """Whoever asks, and whatever kind of buffer holds it: gateways agree without talking."""
    assert bucket(key, rollout) == bucket(memoryview(bytearray(key)), rollout)


def test_places_are_known_for_ever() -> None:
    """A restart, or a newer Seawall, moves nobody from one track to the other."""
    assert bucket(b"a", "one") == pytest.approx(PLACE_OF_A, abs=1e-9)
    assert bucket(b"a", "two") != bucket(b"a", "one")


@given(KEYS, NAMES, st.floats(0, 100), st.floats(0, 100))
def test_a_greater_weight_keeps_everybody(
    key: bytes, rollout: str, weight: float, more: float
) -> None:
    """Who was on the canary's track stays there while the weight rises."""
    was_in = bucket(key, rollout) < min(weight, more)
    assert not was_in or bucket(key, rollout) < max(weight, more)


@pytest.mark.parametrize("weight", [1.0, 10.0, 50.0])
@given(st.uuids())
def test_shares_are_as_the_weight_says(weight: float, rollout: object) -> None:
    """Of many keys, as many as chance would have it: four standard deviations of 2000 draws."""
    count = 2000
    taken = sum(bucket(b"caller-%d" % n, str(rollout)) < weight for n in range(count))
    share = weight / 100
    # Hypothesis looks at 100 rollouts: six deviations are what none of them reaches.
    assert abs(taken - count * share) < 6 * math.sqrt(count * share * (1 - share)) + 1


def test_rollouts_draw_their_callers_anew() -> None:
    """It is not always the same callers who try what is new."""
    keys = [b"caller-%d" % n for n in range(2000)]
    first, second = ({key for key in keys if bucket(key, name) < 10.0} for name in ("a", "b"))
    assert len(first & second) < 60  # a tenth of a tenth, give or take


@pytest.mark.parametrize(
    ("sticky", "headers", "expected"),
    [
        (Sticky(), {ID: b"7"}, b"7"),
        (Sticky(), {}, None),
        (Sticky(StickyBy.TENANT), {ID: b"7"}, b"acme"),
        (Sticky(StickyBy.REQUEST), {ID: b"7"}, b"body"),
        (Sticky(StickyBy.HEADER, "x-user"), {ID: b"7", b"x-user": b"u"}, b"u"),
        (Sticky(StickyBy.HEADER, "x-user"), {ID: b"7", b"x-user": b""}, b""),
        (Sticky(StickyBy.HEADER, "x-user"), {ID: b"7"}, b"7"),
        (Sticky(StickyBy.HEADER, "x-user"), {}, None),
    ],
)
def test_a_request_sticks_by_what_the_policy_names(
    sticky: Sticky, headers: dict[bytes, bytes], expected: bytes | None
) -> None:
    """Without it the request's id takes its place, and without that chance."""
    assert sticky_key(sticky, headers, "acme", b"body") == expected


def test_a_large_body_is_hashed_in_part() -> None:
    """Its length and both ends count; what it costs is bounded."""
    sticky = Sticky(StickyBy.REQUEST)
    body = bytearray(3 * MOST_HASHED_BYTES)
    key = sticky_key(sticky, {}, "", memoryview(body))
    assert key is not None
    assert len(key) < MOST_HASHED_BYTES + 32
    for place in (0, len(body) - 1):
        other = bytearray(body)
        other[place] = 1
        assert sticky_key(sticky, {}, "", other) != key
    assert sticky_key(sticky, {}, "", body + b"\0") != key
    whole = bytearray(MOST_HASHED_BYTES)
    whole[MOST_HASHED_BYTES // 2] = 1
    assert sticky_key(sticky, {}, "", whole) == whole
