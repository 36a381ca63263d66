"""Which order a version follows."""

from hypothesis import given
from hypothesis import strategies as st

from control.core.orders import Order, Target, combined, order_for
from control.core.protection import NO_OVERRIDE, BreakerMode, Override

numbers = st.none() | st.integers(1, 9)
epochs = st.integers(0, 5)
overrides = st.builds(
    Override,
    concurrency=numbers,
    max_concurrency=numbers,
    max_queue_size=numbers,
    deadline_ms=numbers,
    breaker=st.sampled_from(BreakerMode),
    breaker_epoch=epochs,
    cache_epoch=epochs,
)


def test_without_orders_nothing_is_ordered() -> None:
    """Orders on other models and other versions are none of a version's business."""
    other = Override(concurrency=1, cache_epoch=3)
    orders = [Order("other", None, other), Order("m", 2, other), Order("other", 1, other)]
    assert order_for(orders, "m", 1) == NO_OVERRIDE


def test_a_version_follows_the_order_on_its_model() -> None:
    """What is ordered of all versions holds for each."""
    whole = Override(
        concurrency=4, deadline_ms=50, breaker=BreakerMode.FORCED_OPEN, breaker_epoch=1
    )
    assert order_for([Order("m", None, whole)], "m", 7) == whole


def test_what_a_version_has_of_its_own_wins() -> None:
    """Field by field: the rest is still its model's."""
    whole = Override(max_queue_size=9, deadline_ms=50, breaker=BreakerMode.DISABLED)
    own = Override(deadline_ms=80, breaker=BreakerMode.FORCED_OPEN)
    orders = [Order("m", 1, own), Order("m", None, whole)]
    assert order_for(orders, "m", 1) == Override(
        max_queue_size=9, deadline_ms=80, breaker=BreakerMode.FORCED_OPEN
    )
    assert order_for(orders, "m", 2) == whole


def test_a_greatest_limit_of_its_own_is_not_undone_by_a_fixed_one_on_the_model() -> None:
    """Both say how many may be in flight: whoever says either has said it."""
    both = combined(Override(concurrency=4), Override(max_concurrency=20))
    assert (both.concurrency, both.max_concurrency) == (None, 20)


@given(overrides, overrides)
def test_an_epoch_grows_whichever_order_it_grows_in(whole: Override, own: Override) -> None:
    """A reset or a purge of the model or of the version is never lost in the other's number."""
    before = combined(whole, own)
    for one in (
        combined(_later(whole), own),
        combined(whole, _later(own)),
    ):
        assert one.breaker_epoch > before.breaker_epoch
        assert one.cache_epoch > before.cache_epoch


@given(overrides)
def test_an_order_of_nothing_changes_nothing(order: Override) -> None:
    """On either side."""
    assert combined(order, NO_OVERRIDE) == combined(NO_OVERRIDE, order) == order


@given(st.lists(st.builds(Order, st.sampled_from("mn"), st.none() | st.integers(1, 3), overrides),
                unique_by=lambda one: (one.model, one.version)))  # fmt: skip
def test_the_sequence_of_orders_does_not_matter(orders: list[Order]) -> None:
    """Whatever order the database gives them in, a version follows the same."""
    for version in (1, 2, 3):
        assert order_for(orders, "m", version) == order_for(orders[::-1], "m", version)


def test_a_target_is_named_as_a_path_and_in_words() -> None:
    """For the audit trail and for messages."""
    whole, one = Target("m"), Target("m", 2)
    assert (whole.path, whole.in_words) == ("models/m", "model 'm'")
    assert (one.path, one.in_words) == ("models/m/versions/2", "model 'm' version 2")


def _later(order: Override) -> Override:
    return Override(breaker_epoch=order.breaker_epoch + 1, cache_epoch=order.cache_epoch + 1)
