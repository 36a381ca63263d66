from collections.abc import Iterator

import numpy as np
import pytest

from backends.guarded import InputError, Tensors
from backends.guarded.batching import batch_key
from backends.guarded.parameters import alike
from backends.guarded.signature import parse_signature
from tests.model_repository.golden_requests import (
    Golden,
    Models,
    answer,
    column,
    config,
    fits,
    goldens,
    versions,
)

pytestmark = pytest.mark.weights

CASES = list(goldens())
TEXTS = ["I love it.", "It broke at once.", "word " * 300, "ok", "No, never again! :("]
#: Models whose only input is any text.
TEXT_INPUT = {
    "embed": "TEXT",
    "filetype": "CONTENT",
    "sentiment": "TEXT",
    "sentiment_lexicon": "TEXT",
}


@pytest.mark.parametrize("golden", CASES, ids=lambda g: f"{g.model}-{g.version}-{g.name}")
def test_version_gives_its_golden_answers(golden: Golden, models: Models) -> None:
    """Every version answers its golden requests within their tolerances."""
    model = models.get(golden.model, golden.version)
    if golden.expect_error:
        with pytest.raises(InputError):
            answer(model, golden.tensors(), golden.parameters)
        return
    outputs = answer(model, golden.tensors(), golden.parameters)
    assert outputs.keys() == golden.expect.keys()
    for name, expectation in golden.expect.items():
        assert fits(outputs[name], expectation), (name, outputs[name].tolist())


@pytest.mark.parametrize(("model", "version"), versions())
def test_answer_does_not_depend_on_batch_mates(model: str, version: str, models: Models) -> None:
    """A row gets the same answer alone and beside rows of other lengths."""
    loaded = models.get(model, version)
    for batch, parameters in batches(model, version):
        together = answer(loaded, batch, parameters)
        for row in range(len(next(iter(batch.values())))):
            inputs = {name: tensor[row : row + 1] for name, tensor in batch.items()}
            alone = answer(loaded, inputs, parameters)
            for output, tensor in alone.items():
                if tensor.dtype.name == "object":
                    assert tensor[0, 0] == together[output][row, 0]
                else:
                    assert abs(tensor[0] - together[output][row]).max() < 1e-5


def batches(model: str, version: str) -> Iterator[tuple[Tensors, dict[str, object]]]:
    """The golden requests that can share a batch, joined; of text models with more texts."""
    cases = [g for g in CASES if (g.model, g.version, g.expect_error) == (model, version, None)]
    for group in alike([{**g.parameters, "": str(batch_key(g.tensors()))} for g in cases]):
        requests = [cases[place].tensors() for place in group]
        joined = {name: np.concatenate([r[name] for r in requests]) for name in requests[0]}
        if model in TEXT_INPUT:
            name = TEXT_INPUT[model]
            joined[name] = np.concatenate([joined[name], column(TEXTS)])
        yield joined, cases[group[0]].parameters


@pytest.mark.parametrize(("model", "version"), versions())
def test_answer_keeps_the_config(model: str, version: str, models: Models) -> None:
    """Names, dtypes and shapes of the outputs are those of config.pbtxt."""
    signature = parse_signature(config(model))
    loaded = models.get(model, version)
    for batch, parameters in batches(model, version):
        rows = len(next(iter(batch.values())))
        signature.check(answer(loaded, batch, parameters), rows)


@pytest.mark.parametrize("version", ["1", "2"])
def test_every_undecodable_row_is_named(version: str, models: Models) -> None:
    """Text that is not UTF-8 is refused with exactly the rows at fault."""
    inputs = column(["fine", {"base64": "//4="}, "fine too", {"base64": "gA=="}])
    with pytest.raises(InputError) as caught:
        models.get("sentiment", version).compute({"TEXT": inputs})
    assert sorted(caught.value.rows) == [1, 3]


def test_token_count_is_what_the_encoder_reads(models: Models) -> None:
    """Counted tokens include the two special ones and stop at the model's length."""
    model = models.get("embed", "1")
    assert model.count_tokens({"TEXT": column(["hello"])}) == 3  # type: ignore[attr-defined]
    assert model.count_tokens({"TEXT": column(["word " * 999])}) == 256  # type: ignore[attr-defined]
