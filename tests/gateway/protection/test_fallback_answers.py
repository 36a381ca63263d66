"""What a stand-in is asked for, and what of its answer is given."""

from dataclasses import replace
from typing import Any

import pytest

from control.core.protection import Fallback, FallbackKind, StaticOutput
from control.core.tensors import InferRequest, RequestedOutput
from control.gateway.codec.triton_form import Answer
from tests.gateway.protection.fallback_scene import (
    CACHE,
    OLDER,
    OTHER,
    STATIC,
    ZERO,
    Scene,
    given_by,
)
from tests.gateway.protection.stand_in_cases import (
    answer_with,
    contract,
    floats,
    request_for,
    values_of,
    version_of,
)
from tests.support.virtual_time import run


def test_names_are_mapped_both_ways() -> None:
    """The other model gets its inputs by its names, and we get our outputs by ours."""

    async def work() -> None:
        step = replace(OTHER, inputs={"TEXT": "X"}, outputs={"Y": "LABEL", "Z": "SCORE"})
        other = version_of("other", contract=contract("TEXT", "LABEL SCORE"))
        ours = contract("X W", "Y Z")
        scene = Scene(step, others=(other,), contract=ours)
        left = request_for(9.0, 9.0, name="W").inputs
        request = request_for(1.0, 2.0, request_id="r", top_k=3)
        fallen = await scene.fall(replace(request, inputs=[*left, *request.inputs]))
        assert given_by(fallen)[0] == {"Y": [2.0, 4.0], "Z": [2.0, 4.0]}
        assert fallen is not None
        assert (fallen.answer.model, fallen.answer.version) == ("m", "2")
        assert (fallen.answer.request_id, fallen.answer.as_triton_wrote_it) == ("r", False)
        (asked,) = scene.asked
        assert [one.name for one in asked.request.inputs] == ["TEXT"]
        assert [one.name for one in asked.request.outputs] == ["LABEL", "SCORE"]
        assert asked.request.parameters == {"top_k": 3}

    run(work())


def test_one_output_of_theirs_can_be_two_of_ours() -> None:
    """It is asked for once."""

    async def work() -> None:
        step = replace(OTHER, outputs={"Y": "Y", "Z": "Y"})
        scene = Scene(step, others=(version_of("other"),), contract=contract("X", "Y Z"))
        fallen = await scene.fall(request_for(1.0))
        assert given_by(fallen)[0] == {"Y": [2.0], "Z": [2.0]}
        assert [one.name for one in scene.asked[0].request.outputs] == ["Y"]

    run(work())


@pytest.mark.parametrize("step", [CACHE, OTHER, STATIC], ids=lambda step: step.kind.value)
def test_only_what_was_asked_for_is_given(step: Fallback) -> None:
    """Outputs that the client did not name stay away."""

    async def work() -> None:
        static = (ZERO, replace(ZERO, name="Z"))
        both = contract("X", "Y Z")
        scene = Scene(
            replace(step, answer=static) if step is STATIC else step,
            others=(version_of("other", contract=both),),
            contract=both,
        )
        request = request_for(1.0, outputs="Z")
        await scene.keep(request)
        assert set(given_by(await scene.fall(request))[0]) == {"Z"}

    run(work())


def test_what_a_stand_in_gives_beyond_that_stays_away() -> None:
    """Also where its names are ours."""

    async def work() -> None:
        async def generous(_: InferRequest, __: float) -> Answer:
            return answer_with(1.0, names="Y Z")

        both = contract("X", "Y Z")
        scene = Scene(OTHER, others=(version_of("other", contract=both),), contract=both)
        scene.behave["other/1"] = generous
        fallen = await scene.fall(request_for(1.0, outputs="Z"))
        assert set(given_by(fallen)[0]) == {"Z"}

    run(work())


@pytest.mark.parametrize(
    ("other", "request_"),
    [
        (contract("TEXT"), request_for(1.0)),
        (contract("X W"), request_for(1.0)),
        (contract(batch=2), request_for(1.0, 2.0, 3.0)),
        (contract(outputs="LABEL"), request_for(1.0)),
    ],
    ids=["its input has another name", "it needs more", "it takes less", "it gives another output"],
)
def test_who_cannot_take_the_request_is_not_asked(other: Any, request_: InferRequest) -> None:
    """The stand-in's own contract is held before the call."""

    async def work() -> None:
        scene = Scene(OTHER, STATIC, others=(version_of("other", contract=other),))
        assert given_by(await scene.fall(request_))[1] == "static"
        assert scene.asked == []

    run(work())


def test_an_answer_that_breaks_our_contract_is_no_answer() -> None:
    """The next step has its turn."""

    async def work() -> None:
        async def wrong(_: InferRequest, __: float) -> Answer:
            return answer_with(1.0, 2.0, 3.0)

        scene = Scene(OTHER, STATIC, others=(version_of("other"),))
        scene.behave["other/1"] = wrong
        assert given_by(await scene.fall(request_for(1.0)))[1] == "static"
        assert scene.count("model", "failed") == 1

    run(work())


def test_a_static_answer_has_a_row_for_each_of_the_request() -> None:
    """Without batches it is given as it is."""

    async def work() -> None:
        row = StaticOutput("Y", "FP32", (2,), floats(1.0, 2.0))
        step = Fallback(FallbackKind.STATIC, answer=(row,))
        for batch, shape in ((8, [3, 2]), (0, [2])):
            scene = Scene(step, contract=contract(batch=batch))
            fallen = await scene.fall(request_for(7.0, 8.0, 9.0))
            assert fallen is not None
            (tensor,) = fallen.answer.tensors
            assert tensor.shape == shape
            assert values_of(fallen.answer) == {"Y": [1.0, 2.0] * (3 if batch else 1)}

    run(work())


@pytest.mark.parametrize("labelled", [False, True])
def test_classes_come_only_from_who_has_labels(labelled: bool) -> None:
    """Labels that Triton has for one version say nothing of another's values."""

    async def work() -> None:
        older = version_of(version=1, contract=contract(labelled=labelled))
        scene = Scene(OLDER, STATIC, others=(older,), contract=contract(labelled=True))
        request = replace(request_for(1.0), outputs=[RequestedOutput("Y", classification=1)])
        fallen = await scene.fall(request)
        assert (fallen is not None) == labelled
        classes = [one.request.outputs[0].classification for one in scene.asked]
        assert classes == ([1] if labelled else [])

    run(work())


def test_one_output_is_not_asked_for_as_values_and_as_classes() -> None:
    """Triton gives an output in one form."""

    async def work() -> None:
        step = replace(OTHER, outputs={"Y": "Y", "Z": "Y"})
        labelled = contract("X", "Y Z", labelled=True)
        other = version_of("other", contract=labelled)
        scene = Scene(step, others=(other,), contract=labelled)
        outputs = [RequestedOutput("Y", classification=1), RequestedOutput("Z")]
        assert await scene.fall(replace(request_for(1.0), outputs=outputs)) is None
        assert scene.asked == []

    run(work())
