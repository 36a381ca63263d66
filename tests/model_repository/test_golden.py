import pytest

from backends.guarded import InputError
from backends.guarded.signature import parse_signature
from tests.model_repository.golden_requests import Golden, Models, column, fits, goldens, versions

pytestmark = pytest.mark.weights

CASES = list(goldens())
SENTIMENT = ["I love it.", "It broke at once.", "word " * 300, "ok", "No, never again! :("]


@pytest.mark.parametrize("golden", CASES, ids=lambda g: f"{g.model}-{g.version}-{g.name}")
def test_version_gives_its_golden_answers(golden: Golden, models: Models) -> None:
    """Every version answers its golden requests within their tolerances."""
    model = models.get(golden.model, golden.version)
    if golden.expect_error:
        with pytest.raises(InputError):
            model.compute(golden.tensors())
        return
    outputs = model.compute(golden.tensors())
    assert outputs.keys() == golden.expect.keys()
    for name, expectation in golden.expect.items():
        assert fits(outputs[name], expectation), (name, outputs[name].tolist())


@pytest.mark.parametrize(("model", "version"), versions())
def test_answer_does_not_depend_on_batch_mates(model: str, version: str, models: Models) -> None:
    """A row gets the same answer alone and beside rows of other lengths."""
    compute = models.get(model, version).compute
    name = "CONTENT" if model == "filetype" else "TEXT"
    rows = [g.tensors()[name][0, 0] for g in CASES if g.model == model and not g.expect_error]
    batch = compute({name: column(SENTIMENT + [row.decode("latin-1") for row in rows])})
    inputs = column(SENTIMENT + [row.decode("latin-1") for row in rows])
    for row in range(len(inputs)):
        alone = compute({name: inputs[row : row + 1]})
        for output, tensor in alone.items():
            if tensor.dtype.name == "object":
                assert tensor[0, 0] == batch[output][row, 0]
            else:
                assert abs(tensor[0] - batch[output][row]).max() < 1e-5


@pytest.mark.parametrize(("model", "version"), versions())
def test_answer_keeps_the_config(model: str, version: str, models: Models) -> None:
    """Names, dtypes and shapes of the outputs are those of config.pbtxt."""
    strings = {"name": "LABEL", "data_type": "TYPE_STRING", "dims": ["1"]}
    scores = {"name": "SCORE", "data_type": "TYPE_FP32", "dims": ["1"]}
    vector = {"name": "EMBEDDING", "data_type": "TYPE_FP32", "dims": ["384"]}
    outputs = [vector] if model == "embed" else [strings, scores]
    signature = parse_signature({"output": outputs, "max_batch_size": 16})
    name = "CONTENT" if model == "filetype" else "TEXT"
    answer = models.get(model, version).compute({name: column(SENTIMENT)})
    signature.check(answer, len(SENTIMENT))


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
