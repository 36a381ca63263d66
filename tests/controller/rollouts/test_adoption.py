"""Models that are served and have no record are taken over as they are."""

from control.controller.rollouts.adoption import adopt_served
from control.controller.rollouts.book import RolloutBook
from control.core.rollout_phases import Phase


def test_what_is_served_is_live_and_what_is_not_waits_for_an_order(store, places):
    """The digests are those of the content, so that a change of the source shows."""
    book = RolloutBook(store.rollouts)
    adopt_served(book, places, 5.0)
    record = store.rollouts.load_all().get("twice")
    assert record.stable == 1
    assert {number: one.phase for number, one in record.versions.items()} == {
        1: Phase.LIVE,
        2: Phase.RETIRED,
    }
    assert record.versions[1].digest == places.served.version_digest("twice", 1)
    assert record.versions[1].model_digest == places.served.model_digest("twice")


def test_a_model_with_a_record_is_left_alone(store, places):
    """Adopting is for the first start."""
    book = RolloutBook(store.rollouts)
    adopt_served(book, places, 5.0)
    adopt_served(book, places, 9.0)
    assert store.rollouts.load_all().get("twice").revision == 1


def test_without_a_served_repository_there_is_nothing_to_adopt(store, places):
    """Another host's controller, before its own first start."""
    places.served.folder.rename(places.served.folder.with_name("gone"))
    adopt_served(RolloutBook(store.rollouts), places, 5.0)
    assert store.rollouts.load_all() == {}
