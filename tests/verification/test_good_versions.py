"""What a version is not rejected for, and what the report says of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from control.core.canary_policy import Tolerance
from control.repository.pinned_config import pin
from control.verification.job import Report, read_report
from tests.verification.drops import CONFIG, CONTRACT, GOLDEN, Drop, code, running, write_all

pytestmark = pytest.mark.triton

ALL = ["files", "contract", "load", "loaded_contract", "golden", "batch_mates", "concurrency"]


def found(report: Report, check: str) -> tuple[str, str]:
    """Result and detail of a check."""
    (one,) = (one for one in report.checks if one.name == check)
    return one.result, one.detail


def good(folder: Path, **drop: Any) -> Report:
    """The report of a version that must be good."""
    report = Drop(folder, **drop).verify()
    assert (report.verdict, report.reason) == ("good", ""), report
    return report


def test_a_good_version_passes_every_check(tmp_path: Path) -> None:
    """Each check is listed, with what it has found; times and memory beside the live version's."""
    report = good(tmp_path)
    assert [one.name for one in report.checks] == [*ALL, "profile", "shared_files"]
    assert {one.result for one in report.checks} == {"passed"}
    assert found(report, "golden")[1] == "3 golden requests are answered as expected"
    assert found(report, "concurrency")[1] == ("208 requests of 16 senders are answered as alone")
    measured = report.measurements
    assert measured.took_s is not None
    assert measured.load_s is not None
    assert measured.took_s > measured.load_s > 0
    for new, live in (
        (measured.median_ms, measured.live_median_ms),
        (measured.memory_bytes, measured.live_memory_bytes),
    ):
        assert new is not None
        assert live is not None
        assert live / 4 < new < live * 4
    assert len(report.config_digest) == 64


def test_the_originals_are_not_touched(tmp_path: Path) -> None:
    """Not even by a model that writes into its folder, as Python does with bytecode."""
    wicked = code(initialize="open(__file__, 'a').write('# later')")
    drop = Drop(tmp_path, files={"model.py": wicked})
    drop.verify()
    assert (drop.staged / "model.py").read_text() == wicked
    assert [one.name for one in drop.staged.iterdir()] == ["model.py"]
    assert [one.name for one in (drop.served / "1").iterdir()] == ["model.py"]


def test_what_the_live_version_writes_here_is_not_what_it_serves_with(tmp_path: Path) -> None:
    """However large its files are: it may have them in its memory."""
    rebuilds = code(initialize="open(os.path.dirname(__file__) + '/cache', 'w').write('rebuilt')")
    cache = "live" * 600_000
    drop = Drop(tmp_path, live_files={"model.py": rebuilds, "cache": cache})
    assert drop.verify().verdict == "good"
    assert (drop.served / "1" / "cache").read_text() == cache


def test_a_compatible_change_is_noted(tmp_path: Path) -> None:
    """More than before may be taken and given; the report says what."""
    config = CONFIG.replace("max_batch_size: 16", "max_batch_size: 32")
    report = good(tmp_path, config=config)
    assert found(report, "contract") == ("passed", "the largest batch was 16, and is 32")


def test_the_first_version_has_nothing_to_be_measured_against(tmp_path: Path) -> None:
    """It is verified by itself."""
    report = good(tmp_path, live_files=None)
    assert found(report, "contract") == ("skipped", "there is no live version to compare with")
    assert "not measured against a live version: no version is live yet" in found(report, "load")[1]
    assert report.measurements.median_ms is not None
    assert report.measurements.live_median_ms is None


def test_a_live_version_that_does_not_load_here_costs_only_the_comparison(tmp_path: Path) -> None:
    """A new version is not worse for it."""
    report = good(tmp_path, live_files={"model.py": code(initialize="raise ValueError('old')")})
    assert found(report, "load")[1].endswith(
        "not measured against a live version: version 1 does not load: ValueError: old"
    )


def test_without_golden_requests_some_are_made_from_the_contract(tmp_path: Path) -> None:
    """They cannot show right answers, but that answers stay the same."""
    report = good(tmp_path, golden=None)
    assert found(report, "golden") == (
        "skipped",
        "there is no golden request; 6 were made from the contract",
    )
    assert found(report, "concurrency")[0] == "passed"


def test_what_only_the_model_understands_is_not_made_up(tmp_path: Path) -> None:
    """Where the contract gives texts a form, nothing is compared rather than nonsense."""
    report = good(
        tmp_path,
        golden=None,
        config=CONFIG.replace('"X" data_type: TYPE_FP32', '"X" data_type: TYPE_STRING'),
        contract="inputs: {X: {pattern: '[0-9]+'}}",
        live_files=None,
    )
    why = "no request can be made up: the contract gives 'X' a form of its own"
    assert found(report, "golden") == ("skipped", why)
    for check in ("batch_mates", "concurrency", "profile"):
        assert found(report, check)[0] == "skipped"


def test_answers_drawn_by_chance_are_not_compared(tmp_path: Path) -> None:
    """Nothing can be said of their sameness, and the report says so."""
    any_answer = {"Y": {"min": 0, "max": 99}}
    report = good(
        tmp_path,
        files={"model.py": code(answer="return values + np.float32(np.random.rand())")},
        golden=[{**one, "expect": any_answer} for one in GOLDEN],
    )
    for check in ("batch_mates", "concurrency"):
        result, why = found(report, check)
        assert result == "skipped"
        assert "has no repeatable answer: outputs.Y[0] is " in why


def test_the_contract_says_how_far_answers_may_differ(tmp_path: Path) -> None:
    """What its comparisons allow is no dependence on batch-mates."""
    files = {"model.py": code(answer="return values * 2 + np.float32(0.5 * (len(values) > 2))")}
    assert good(tmp_path, files=files, comparisons={"Y": Tolerance(absolute=1.0, relative=0.0)})


def test_requests_that_never_meet_are_made_to_wait(tmp_path: Path) -> None:
    """For that the version is loaded anew, and again as it was before it is measured."""
    config = CONFIG.replace("microseconds: 500", "microseconds: 0")
    wide = [[[float(one)] * width] for width, one in enumerate(range(16), 1)]
    requests = [
        {"name": f"{len(one[0])} wide", "version": None, "inputs": {"X": one},
         "expect": {"Y": {"equal": [2 * one[0][0]] * len(one[0])}}}
        for one in wide
    ]  # fmt: skip
    initialize = "open('{}', 'a').write('loaded ')".format(tmp_path / "loads")
    files = {"model.py": code(initialize=initialize)}
    report = good(tmp_path, config=config, golden=requests, files=files)
    assert found(report, "batch_mates")[1].endswith(" 0 that shared a batch")
    assert (tmp_path / "loads").read_text() == "loaded " * 3
    assert report.measurements.median_ms is not None
    assert report.measurements.median_ms < 30.0


def test_an_ensemble_is_looked_at_without_being_run(tmp_path: Path) -> None:
    """Its models are verified by themselves."""
    step = (
        'step [ { model_name: "other" model_version: 1 input_map { key: "A" value: "X" }'
        ' output_map { key: "B" value: "Y" } } ]'
    )
    config = CONFIG.replace('backend: "python"', 'platform: "ensemble"')
    config = config.split("dynamic_batching", maxsplit=1)[0] + f"ensemble_scheduling {{ {step} }}"
    report = good(tmp_path, config=config, files={})
    why = "an ensemble runs other models, which are verified by themselves"
    assert found(report, "load") == ("skipped", why)


def test_a_golden_request_may_have_to_be_refused(tmp_path: Path) -> None:
    """A refusal is an answer, where it is the right one."""
    refusal = "pb_utils.TritonError('negative', pb_utils.TritonError.INVALID_ARG)"
    execute = f"""
        for one in requests:
            if pb_utils.get_input_tensor_by_name(one, "X").as_numpy().min() < 0:
                return [pb_utils.InferenceResponse(error={refusal}) for _ in requests]
        given ="""
    refused = {"name": "below zero", "version": "2", "inputs": {"X": [[-1]]}}
    refused["expect_error"] = "INVALID_ARG"
    files = {"model.py": code().replace("        given =", execute.strip("\n"), 1)}
    assert good(tmp_path, files=files, golden=[*GOLDEN, refused])
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "good"


def test_a_golden_request_that_should_be_refused_but_is_not(tmp_path: Path) -> None:
    """An answer to what must be refused is a fault."""
    refused = {"name": "no", "version": None, "inputs": {"X": [[1]]}, "expect_error": "INVALID_ARG"}
    report = Drop(tmp_path, golden=[refused], contract=CONTRACT).verify()
    assert report.reason == "golden request 'no' must be refused with INVALID_ARG, got an answer"


def test_a_live_version_that_works_with_the_new_config_is_noted(tmp_path: Path) -> None:
    """Once the new version is loaded, both run with it."""
    report = good(
        tmp_path, config=CONFIG + 'parameters { key: "unused" value { string_value: "3" } }'
    )
    assert found(report, "shared_files")[1].startswith("version 1 loads with them, and answers")


_CALLS_ANOTHER = """
asked = pb_utils.InferenceRequest(
    model_name="doubler", requested_output_names=["Y"], inputs=[pb_utils.Tensor("X", values)]
)
answer = asked.exec()
if answer.has_error():
    raise RuntimeError(answer.error().message())
return pb_utils.get_output_tensor_by_name(answer, "Y").as_numpy()
"""


def test_a_version_that_calls_another_model_finds_it(tmp_path: Path) -> None:
    """As it is served; its own answers are judged, whoever computes them."""
    drop = Drop(tmp_path, files={"model.py": code(answer=_CALLS_ANOTHER)})
    job = drop.job()
    other = drop.served.parent / "doubler"
    write_all(other, {"1/model.py": code(), "config.pbtxt": pin(CONFIG, "doubler", [1])})
    with running(job) as process:
        process.wait(drop.timeout_s)
    report = read_report(drop.report)
    assert (report.verdict, report.reason) == ("good", ""), report
