"""A contract is read from its model's folder, whole or not at all."""

import json
import os
from pathlib import Path

import pytest

from control.contracts.faults import ContractBroken
from control.contracts.folder import ContractSource, find_contract, read_contract
from tests.contracts.contract_files import (
    CONFIG,
    byte_pairs,
    contract_of,
    faults_of,
    floats,
    request_of,
    texts,
    word_pieces,
)

COUNTED = "inputs: {TEXT: {tokens: {tokenizer: weights/tokenizer.json, max: 4}}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with a tokenizer, two versions, and something secret beside it."""
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    model = tmp_path / "m"
    for path in (model / "1", model / "2", model / "weights"):
        path.mkdir(parents=True)
    (model / "weights" / "tokenizer.json").write_bytes(word_pieces())
    return model


def write(folder: Path, text: str, version: str = "") -> None:
    """Write the model's contract file, or a version's own."""
    (folder / version / "contract.yaml").write_text(text)


def read(folder: Path, version: int = 1) -> ContractSource:
    """Read the contract of a version."""
    source = read_contract(folder, version, contract_of())
    assert source is not None
    return source


def message(folder: Path, text: str) -> str:
    """The one fault of a contract."""
    (fault,) = faults_of(folder, text)
    return str(fault)


def test_without_a_file_there_is_no_contract(folder):
    """Then only Triton's config holds."""
    assert read_contract(folder, 1, contract_of()) is None
    assert find_contract(folder, 1) is None
    (folder / "contract.yaml").mkdir()
    assert find_contract(folder, 1) is None


def test_a_versions_own_file_wins(folder):
    """Other versions keep the model's, and nothing is mixed from both."""
    write(folder, "inputs: {X: {min: 1, finite: yes}}")
    write(folder, "inputs: {X: {min: 2}}", "2")
    assert read(folder, 1).resolved.document == {"inputs": {"X": {"min": 1, "finite": True}}}
    assert read(folder, 2).resolved.document == {"inputs": {"X": {"min": 2}}}
    assert read(folder, 2).file == folder / "2" / "contract.yaml"


def test_a_fault_names_the_versions_own_file(folder):
    """As it lies in the model's folder."""
    write(folder, "mode: x", "2")
    with pytest.raises(ContractBroken, match=r"^2/contract.yaml:1: mode: must be") as caught:
        read(folder, 2)
    assert caught.value.faults[0].file == "2/contract.yaml"


def test_a_schema_may_be_a_file_of_the_model(folder):
    """It is put in its place; what the gateway gets depends on no file."""
    schema = {"type": "object", "required": ["a"]}
    (folder / "schema.json").write_text(json.dumps(schema))
    write(
        folder,
        "inputs: {TEXT: {json_schema: schema.json}}\n"
        "outputs: {LABEL: {json_schema: schema.json}}\n"
        "generate: {json_schema: ./weights/../schema.json}\n",
    )
    source = read(folder)
    assert source.resolved.document == {
        "inputs": {"TEXT": {"json_schema": schema}},
        "outputs": {"LABEL": {"json_schema": schema}},
        "generate": {"json_schema": schema},
    }
    found = source.compiled.check_request(request_of(texts("TEXT", ["{}"])), 0)
    assert [one.rule for one in found.violations] == ["json_schema"]
    assert [one.path for one in source.compiled.check_generate(b"{}")] == ["body"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "'s.json' is not JSON"),
        (b"\xff", "'s.json' is not JSON"),
        (b"[" * 100_000, "'s.json' is not JSON"),
        (b"[1]", "is not a JSON Schema"),
        (b"5", "is not a JSON Schema"),
        (b'"text"', "is not a JSON Schema"),
        (b"null", "is not a JSON Schema"),
        (b'{"type": "x"}', "is not a JSON Schema"),
        (b'{"$ref": "other.json"}', "is not a JSON Schema"),
        (b'{"maximum": ' + b"9" * 5000 + b"}", "'s.json' is not JSON"),
        (b" " * (1024 * 1024 + 1), "'s.json' has 1048577 bytes, at most 1048576 are allowed"),
    ],
)
def test_a_schema_file_that_is_none_is_refused(folder, content, words):
    """At the key that names it."""
    (folder / "s.json").write_bytes(content)
    found = message(folder, "\ninputs: {TEXT: {json_schema: s.json}}")
    assert found.startswith("contract.yaml:2: inputs.TEXT.json_schema: ")
    assert words in found


@pytest.mark.parametrize("number", [".nan", "[1, -.inf]"])
def test_a_schema_holds_what_json_can_carry(folder, number):
    """It must be the same on its way to the gateways."""
    found = message(folder, f"generate: {{json_schema: {{const: {number}}}}}")
    assert "number that JSON cannot carry" in found


@pytest.mark.parametrize(
    "name",
    [
        "../secret.json",
        "weights/../../secret.json",
        "/etc/hostname",
        "../m/../secret.json",
        "link.json",
        "linked/secret.json",
        "circle.json",
        '"a\\0b"',
        "x" * 5000,
    ],
)
def test_nothing_outside_the_folder_is_read(folder, name):
    """Neither by a path nor by a link, and the author learns nothing of what is there."""
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "circle.json").symlink_to(folder / "circle.json")
    for text in (
        f"inputs: {{TEXT: {{json_schema: {name}}}}}",
        f"inputs: {{TEXT: {{tokens: {{tokenizer: {name}}}}}}}",
    ):
        (fault,) = faults_of(folder, text)
        assert (
            "outside the model's folder" in fault.message
            or "at most" in fault.message
            or ("cannot be read" in fault.message)
        )
        assert str(folder.parent) not in fault.message


def test_a_link_within_the_folder_is_followed(folder):
    """Versions may share a file."""
    (folder / "1" / "weights").symlink_to(folder / "weights")
    write(folder, COUNTED.replace("weights", "1/weights"))
    assert read(folder).compiled.inputs["TEXT"].texts is not None


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone.json", "is missing"), ("weights", "is no file"), ("pipe", "is no file")],
)
def test_what_cannot_be_read_is_told(folder, name, words):
    """A pipe is not waited for."""
    os.mkfifo(folder / "pipe")
    found = message(folder, f"inputs: {{TEXT: {{tokens: {{tokenizer: {name}}}}}}}")
    assert found == f"contract.yaml:1: inputs.TEXT.tokens.tokenizer: '{name}' {words}"


def test_a_tokenizer_that_is_none_is_refused(folder):
    """With the library's reason."""
    (folder / "weights" / "tokenizer.json").write_text("{}")
    found = message(folder, COUNTED)
    assert "inputs.TEXT.tokens.tokenizer: 'weights/tokenizer.json' is not a tokenizer: " in found


def test_a_limit_that_an_empty_text_breaks_is_refused(folder):
    """Special tokens count: with two of them a limit of one lets nothing pass."""
    found = message(folder, COUNTED.replace("max: 4", "max: 1"))
    assert found == (
        "contract.yaml:1: inputs.TEXT.tokens.max: an empty text has 2 tokens already, got 1"
    )


def test_each_version_may_have_a_tokenizer_of_its_own(folder):
    """``{version}`` in the name stands for the version."""
    for version, tokenizer in (("1", word_pieces()), ("2", byte_pairs())):
        (folder / version / "t.json").write_bytes(tokenizer)
    write(folder, "inputs: {TEXT: {tokens: {tokenizer: '{version}/t.json'}}}")
    counts = [
        read(folder, version).compiled.check_request(request_of(texts("TEXT", ["hello"])), 0).tokens
        for version in (1, 2)
    ]
    assert counts == [3, 1]
    assert read(folder, 1).resolved.revision != read(folder, 2).resolved.revision


def test_the_revision_changes_with_what_holds_and_with_nothing_else(folder):
    """Comments, order and form of the file are nothing to a gateway; the tokenizer is."""
    write(folder, f"{COUNTED}\nmode: enforce")
    first = read(folder).resolved.revision
    write(
        folder,
        "# a comment\nmode: 'enforce'\ninputs:\n  TEXT:\n    tokens:\n      max: 4 # four\n"
        "      tokenizer: weights/tokenizer.json\n",
    )
    assert read(folder).resolved.revision == first
    write(folder, f"{COUNTED}\nmode: observe")
    assert read(folder).resolved.revision != first
    write(folder, f"{COUNTED}\nmode: enforce")
    (folder / "weights" / "tokenizer.json").write_bytes(word_pieces() + b"\n")
    assert read(folder).resolved.revision != first


def test_versions_share_one_tokenizer_in_memory(folder):
    """The same file is loaded once, however often it is named."""
    write(folder, COUNTED)
    one, two = (read(folder, version).compiled.inputs["TEXT"].texts for version in (1, 2))
    assert one is not None
    assert two is not None
    assert one.tokens is not None
    assert two.tokens is not None
    assert one.tokens.counter is two.tokens.counter
    assert list(read(folder).tokenizers.values()) == [word_pieces()]


def test_all_faults_of_a_file_are_told_at_once(folder):
    """Of the files it names, of the config, and of the engines, in the file's order."""
    found = faults_of(
        folder,
        "inputs:\n  TEXT:\n    pattern: (a\n    json_schema: gone.json\n"
        "  X:\n    dims: [1, 2]\n  MORE:\n    tokens: {tokenizer: gone}\n",
    )
    assert [(one.line, one.key) for one in found] == [
        (3, "inputs.TEXT.pattern"),
        (4, "inputs.TEXT.json_schema"),
        (6, "inputs.X.dims"),
        (8, "inputs.MORE.tokens.tokenizer"),
    ]


def test_a_contract_holds_for_what_it_names(folder):
    """The whole way: from the file to a violation."""
    write(folder, "inputs: {X: {max: 2}}")
    found = read(folder).compiled.check_request(request_of(floats("X", [1, 3])), 0)
    assert [(one.path, one.rule) for one in found.violations] == [("inputs.X[1]", "max")]
    assert CONFIG["name"] == "m"
