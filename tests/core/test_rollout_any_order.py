"""Whatever happens in whatever order: no rollout gets where it may not."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from control.core.canary_policy import CanaryPolicy
from control.core.rollout import Step
from control.core.rollout_facts import DropState, Result, SourceFolder, Work
from control.core.rollout_orders import pause, promote_now, resume, roll_back, set_weight
from control.core.rollout_phases import ENDED, Phase
from control.core.rollout_route import (
    is_pin_moved,
    route_of,
    under_way,
    version_apart,
    versions_in_main,
)
from tests.core.rollout_story import APART, POLICY, SHADOWED, Story

VERSIONS = st.integers(1, 4)
SHORT = replace(POLICY, step_weights=(7.0,))
#: A version in one of these is on its way.
UNDER_WAY = set(Phase) - ENDED - {Phase.DETECTED, Phase.LIVE}


class AnyOrder(RuleBasedStateMachine):
    """Authors, operators, gateways and the machine itself, all at once."""

    @initialize(policy=st.sampled_from([POLICY, SHADOWED, APART]))
    def begin(self, policy: CanaryPolicy) -> None:
        self.story = Story()
        self.story.knows(policy=policy)
        self.samples_at_step = 0

    @rule(version=VERSIONS, digest=st.sampled_from(["a", "b", ""]))
    def drop(self, version: int, digest: str) -> None:
        self.story.folder(version, SourceFolder(DropState.COMPLETE, digest))

    @rule(version=VERSIONS)
    def write(self, version: int) -> None:
        self.story.folder(version, SourceFolder(DropState.WRITING))

    @rule(version=VERSIONS)
    def remove(self, version: int) -> None:
        self.story.folder(version, None)

    @rule(work=st.sampled_from(list(Work)), is_good=st.booleans())
    def end_work(self, work: Work, is_good: bool) -> None:
        self.story.did(work, Result(is_good, "a" if is_good else "bad"))

    @rule(
        ready=st.frozensets(VERSIONS),
        apart=st.frozensets(VERSIONS),
        alone=st.sampled_from(["", "what is live does not load"]),
    )
    def load(self, ready: frozenset[int], apart: frozenset[int], alone: str) -> None:
        self.story.knows(ready=ready, ready_apart=apart, alone=alone)

    @rule(calls=st.integers(0, 60), agreed=st.integers(0, 40))
    def count(self, calls: int, agreed: int) -> None:
        self.story.counted(calls, stable_calls=1000, agreed=agreed)

    @rule(policy=st.sampled_from([POLICY, SHADOWED, APART, SHORT, None]))
    def write_contract(self, policy: CanaryPolicy | None) -> None:
        self.story.knows(policy=policy)

    @rule()
    def stop(self) -> None:
        if self.story.record.rollout is not None:
            self.story.knows(stopped="bad")

    @rule(seconds=st.sampled_from([0.1, 5.0, 20.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.story.wait(seconds)

    @rule()
    def go(self) -> None:
        before = self.story.record
        self.story.go()
        promoted = [one for one in self.story.steps if one.action == "promoting"]
        for one in promoted:
            assert one.record.rollout is not None
        self._unchanged_versions_stay(before)

    @rule(order=st.sampled_from(["pause", "resume", "promote", "rollback", "weight"]))
    def order(self, order: str) -> None:
        record, now_s = self.story.record, self.story.now_s
        ordered = {
            "pause": lambda: pause(record, ""),
            "resume": lambda: resume(record, "", now_s),
            "promote": lambda: promote_now(record, "", now_s),
            "rollback": lambda: roll_back(record, "", now_s),
            "weight": lambda: set_weight(record, 42.0, ""),
        }[order]()
        if isinstance(ordered, Step):
            self.story.record = ordered.record
            if ordered.record.rollout is None:
                self.story.knows(done={}, stopped="")

    @precondition(lambda self: hasattr(self, "story"))
    @invariant()
    def one_version_is_under_way_at_most(self) -> None:
        record = self.story.record
        going = [one for one in record.versions.values() if one.phase in UNDER_WAY]
        assert len(going) <= 1
        if going:
            assert record.rollout is not None
            assert record.rollout.version == going[0].version

    @precondition(lambda self: hasattr(self, "story"))
    @invariant()
    def requests_always_have_somewhere_to_go(self) -> None:
        record = self.story.record
        route = route_of(record)
        assert route.stable is not None
        assert record.versions[route.stable].phase is Phase.LIVE
        assert route.stable in versions_in_main(record)
        if record.previous is not None:
            assert is_pin_moved(record)
        if route.canary is not None:
            loaded = {*versions_in_main(record), version_apart(record)}
            assert route.canary.version in loaded
            assert (route.canary.version in route.live) == is_pin_moved(record)

    @precondition(lambda self: hasattr(self, "story"))
    @invariant()
    def weights_are_of_the_policy_or_of_an_operator(self) -> None:
        current = under_way(self.story.record)
        if current is None or current[1].phase is not Phase.CANARY:
            return
        rollout, weights = current[0], current[0].policy.weights
        assert rollout.step < len(weights)
        if not rollout.is_manual:
            assert rollout.weight in {0.0, weights[rollout.step]}

    def _unchanged_versions_stay(self, before) -> None:
        """What was live goes on being live, unless another has taken its place."""
        after = self.story.record
        for number, one in before.versions.items():
            if one.phase is Phase.LIVE:
                known = after.versions[number]
                assert known.phase in {Phase.LIVE, Phase.RETIRED}
                if known.phase is Phase.RETIRED:
                    assert after.stable is not None
                    assert after.versions[after.stable].phase is Phase.LIVE


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase


def test_a_bad_word_of_a_gateway_always_wins() -> None:
    """In every phase with traffic, stopped means out, whatever else is good."""
    for bring in (Story.to_canary, Story.to_baking):
        story = Story()
        bring(story)
        story.wait(10_000.0)
        story.counted(10_000, stable_calls=10_000)
        story.did(Work.ASK_STEP)
        story.knows(stopped="bad", ready=frozenset({1, 2}))
        story.go()
        assert story.phase(2) is Phase.ROLLED_BACK
        assert replace(story.record, versions={}).stable == 1
