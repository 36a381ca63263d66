"""The test that may be read at any moment."""

from collections.abc import Sequence
from itertools import product
from math import exp, isfinite, log, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.core.fair_bets import BETS, against_limit, against_stable
from control.core.sequential_test import (
    ShareTest,
    add,
    evidence_of_counts,
    strength,
    stronger,
)

LIMIT = 0.01
#: Canary or stable, bad or not.
CALLS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)
COUNTS = st.tuples(st.integers(0, 200), st.integers(0, 200)).map(
    lambda both: (max(both), min(both))
)


def played(
    calls: Sequence[tuple[bool, bool]], limit: float = LIMIT, by_chance: float = 0.5
) -> ShareTest:
    """Play calls to a new test."""
    test = ShareTest(limit, by_chance)
    for is_canary, bad in calls:
        if is_canary:
            test.canary_ended(bad=bad)
        else:
            test.stable_ended(bad=bad)
    return test


def most_ever(share: float, weight: float, *, is_confirmed: bool, seed: int) -> float:
    """Give the most evidence that there ever is in 400 calls of two versions just alike."""
    draws = np.random.default_rng(seed).random((400, 3))
    test, most = ShareTest(LIMIT, 0.5 if is_confirmed else 1.0), 0.0
    for track, chance, again in draws.tolist():
        bad = chance < share
        if track >= weight:
            test.stable_ended(bad=bad)
        elif not (bad and is_confirmed and again < share):
            test.canary_ended(bad=bad)
            most = max(most, strength(test.evidence)) if bad else most
    return most


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("weight", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_good_version_hardly_ever_looks_bad(
    share: float, weight: float, *, is_confirmed: bool
) -> None:
    """The chance that the evidence ever reaches 1/a is at most a, whatever share both have."""
    seeds = range(100)
    most = [most_ever(share, weight, is_confirmed=is_confirmed, seed=seed) for seed in seeds]
    assert sum(one >= log(20) for one in most) <= len(seeds) / 20


@given(
    st.floats(0.0, 1.0),
    st.integers(-30, 20),
    st.sampled_from([1, 2, 19, 200]),
    st.sampled_from([1e-6, 0.01, 0.1]),
)
def test_the_bets_beside_stable_are_fair(
    share: float, believed: int, mates: int, limit: float
) -> None:
    """Whatever share both have, and is believed of stable, no bet gains on average."""
    factors = against_stable(limit, believed, mates)
    for bad, good, mate_bad in zip(factors.bad, factors.good, factors.mate_bad, strict=True):
        canary = share * bad + (1.0 - share) * good
        assert canary * (share * mate_bad + 1.0 - share) ** mates <= 1.0 + 1e-9


@pytest.mark.parametrize("share", [0.005, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("waiting", [1, 2, 5])
@pytest.mark.parametrize("before", [0, 20])
def test_no_bet_is_chosen_by_the_calls_that_decide_it(
    share: float, waiting: int, before: int
) -> None:
    """Over all that can come of the calls that wait, nobody wins on average."""
    past = [(False, False)] * before + [(True, False)] * before
    owned = [exp(one) for one in played(past).evidence[BETS:]]
    means = [0.0] * BETS
    for ends in product([False, True], repeat=waiting + 1):
        chance = prod(share if bad else 1.0 - share for bad in ends)
        stable, canary = ends[:-1], ends[-1]
        test = played([*past, *((False, bad) for bad in stable), (True, canary)])
        after = (exp(one) for one in test.evidence[BETS:])
        means = [mean + chance * one for mean, one in zip(means, after, strict=True)]
    assert all(mean <= one + 1e-9 for mean, one in zip(means, owned, strict=True))


@given(st.floats(0.0, 1.0), st.sampled_from([0.01, 0.1]), st.floats(0.01, 0.99))
def test_the_bets_against_a_limit_are_fair(share: float, least: float, limit: float) -> None:
    """Up to the limit no bet gains on average, and beyond it none that says so is lost."""
    factors = against_limit(least, limit)
    gains = [
        share * bad + (1.0 - share) * good
        for bad, good in zip(factors.bad, factors.good, strict=True)
    ]
    if share <= limit:
        assert max(gains) <= 1.0 + 1e-9
    else:
        assert min(gains) >= 1.0 - 1e-9


@given(CALLS, st.sampled_from([0.0, 0.01, 0.3, 1.0]))
def test_evidence_is_a_number(calls: list[tuple[bool, bool]], limit: float) -> None:
    """Whatever happens, evidence can be sent and added."""
    assert all(isfinite(one) for one in played(calls, limit).evidence)


@given(CALLS)
def test_a_bad_call_is_worse_than_a_good_one(calls: list[tuple[bool, bool]]) -> None:
    """Were the last call bad in place of good, there would be no less evidence."""
    good, bad = (played([*calls, (True, end)]).evidence for end in (False, True))
    assert all(a <= b + 1e-9 for a, b in zip(good, bad, strict=True))


@given(CALLS)
def test_one_more_bad_call_adds_evidence(calls: list[tuple[bool, bool]]) -> None:
    """Beside a stable that is good, a bad call never takes evidence away."""
    healthy = [(is_canary, bad and is_canary) for is_canary, bad in calls]
    test = played(healthy)
    before = strength(test.evidence)
    test.canary_ended(bad=True)
    assert strength(test.evidence) >= before - 1e-9


@given(CALLS)
def test_good_calls_are_no_evidence(calls: list[tuple[bool, bool]]) -> None:
    """Without a bad call of the canary there is no evidence, whatever stable does."""
    good = [(is_canary, bad and not is_canary) for is_canary, bad in calls]
    assert strength(played(good).evidence) <= 0.0


@given(COUNTS)
def test_counts_without_a_bad_call_are_no_evidence(counts: tuple[int, int]) -> None:
    """Counts alone prove nothing against a canary without a bad call either."""
    calls, bad = counts
    assert strength(evidence_of_counts(LIMIT, calls, 0, 0.5)) <= 1e-9
    assert all(isfinite(one) for one in evidence_of_counts(LIMIT, calls, bad, 1.0))


def test_the_first_bad_call_is_worth_what_it_says() -> None:
    """Against the limit alone, half of the money is multiplied by the ratio of the shares."""
    test = ShareTest(0.05)
    test.canary_ended(bad=True)
    kept = 0.5 - 0.5 * 0.5 / 50
    always = test.evidence[5]  # bets on 95 %
    assert always == pytest.approx(log((1.0 - kept) * 0.95 / 0.05 + kept))


def test_counts_are_worth_what_they_say() -> None:
    """Three bad calls of four, against a limit of 10 %, for the bet on 60 %."""
    evidence = evidence_of_counts(0.1, 4, 3, by_chance=0.25)
    assert evidence[4] == pytest.approx(3 * log(0.6 / 0.1) + log(0.4 / 0.9))
    assert evidence[6 + 4] == pytest.approx(3 * log(0.6 / 0.25) + log(0.4 / 0.75))
    # Bets on no more than what may be by chance are none.
    assert evidence[6] == 0.0


def test_a_common_cause_is_no_evidence() -> None:
    """When both tracks go bad at once, nothing is proved, though the limit is far exceeded."""
    test = played([(False, False), (False, False), (True, False)] * 100)
    assert test.is_stable_heard
    for _ in range(100):
        test.stable_ended(bad=True)
        test.canary_ended(bad=True)
    assert strength(test.evidence[:6] * 2) > log(1e6)
    assert strength(test.evidence) < log(20)


def test_it_does_not_grow_numb() -> None:
    """A version that goes bad after ten thousand good calls is found out as fast as any."""
    test = played([(False, False), (True, False)] * 10_000)
    needed = 0
    while strength(test.evidence) < log(1000):
        test.stable_ended(bad=False)
        test.canary_ended(bad=True)
        needed += 1
    assert needed <= 15


@pytest.mark.parametrize(
    ("stable_bad", "most"),
    [(0, 20), (40, 40)],
)
def test_without_stable_its_last_calls_count(stable_bad: int, most: int) -> None:
    """When stable gets no more calls, the canary is held against what it was like."""
    stable = [(False, number < stable_bad) for number in range(2000)]
    test = played([*stable, *[(True, False)] * 20])
    assert not test.is_stable_heard
    needed = 0
    while strength(test.evidence) < log(1000):
        test.canary_ended(bad=True)
        needed += 1
    assert 3 <= needed <= most


def test_without_any_stable_call_chance_sets_the_bar() -> None:
    """A version that always fails is found out even if stable was never called."""
    always = played([(True, True)] * 16)
    assert strength(always.evidence) >= log(1000)
    assert strength(played([(True, True)] * 20, by_chance=1.0).evidence) <= 0.0


def test_a_crowd_of_bad_calls_has_to_last() -> None:
    """Evidence counts once it has been there for so many calls."""
    test = ShareTest(0.1, lasting=10)
    for _ in range(50):
        test.stable_ended(bad=False)
    for _ in range(6):
        test.canary_ended(bad=True)
    assert strength(test.evidence) <= 0.0
    for _ in range(10):
        test.stable_ended(bad=False)
        test.canary_ended(bad=False)
    assert strength(test.evidence) < log(1000)


def test_waiting_calls_are_bounded() -> None:
    """Only the last calls of stable are waited for, and they are forgotten once compared."""
    flaky = played([(False, True)] * 1000 + [(False, False)] * 300)
    healthy = played([(False, False)] * 1300)
    for test in (flaky, healthy):
        test.canary_ended(bad=True)
    # Both had 256 good calls last: only what is known of stable's share is different.
    assert strength(flaky.evidence) < strength(healthy.evidence)
    assert (flaky.stable_calls, flaky.stable_bad) == (1300, 1000)


EVIDENCE = CALLS.map(lambda calls: played(calls).evidence)
POOLED = st.one_of(st.just(()), EVIDENCE)


@given(POOLED, POOLED, POOLED)
def test_pooling_knows_no_order(
    one: tuple[float, ...], other: tuple[float, ...], third: tuple[float, ...]
) -> None:
    """It does not matter which gateway is heard first."""
    assert add(add(one, other), third) == pytest.approx(add(one, add(other, third)))
    assert add(one, other) == pytest.approx(add(other, one))
    assert stronger(stronger(one, other), third) == stronger(one, stronger(other, third))


def test_two_gateways_prove_more_than_one() -> None:
    """What neither has proved by itself, both may have proved together."""
    calls = [(False, False)] * 20 + [(True, True)] * 2
    one = played(calls).evidence
    assert strength(one) < log(1000) < strength(add(one, one))
    assert strength(stronger(one, one)) == strength(one)
