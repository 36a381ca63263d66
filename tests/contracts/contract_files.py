"""Models, contract files, tokenizers and requests to try contracts on."""

import json
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from control.contracts.compiled import CompiledContract
from control.contracts.faults import ContractBroken, Fault
from control.contracts.folder import read_contract
from control.core.contract import Contract, derive_contract
from control.core.elements import pack_bytes
from control.core.tensors import InferRequest, Parameter, Tensor

#: A model with an input of every kind.
CONFIG: dict[str, Any] = {
    "name": "m",
    "max_batch_size": 4,
    "input": [
        {"name": "TEXT", "data_type": "TYPE_STRING", "dims": [1], "optional": True},
        {"name": "MORE", "data_type": "TYPE_STRING", "dims": [-1], "optional": True},
        {"name": "X", "data_type": "TYPE_FP32", "dims": [-1], "optional": True},
        {"name": "N", "data_type": "TYPE_INT32", "dims": [1], "optional": True},
        {"name": "IMAGE", "data_type": "TYPE_UINT8", "dims": [3, -1, -1], "optional": True},
    ],
    "output": [
        {"name": "Y", "data_type": "TYPE_FP32", "dims": [-1]},
        {"name": "LABEL", "data_type": "TYPE_STRING", "dims": [1]},
    ],
}

WORDS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "hello", "world", "un", "##believ", "##able", "a"]


def contract_of(config: Mapping[str, Any] = CONFIG) -> Contract:
    """What Triton's config says."""
    return derive_contract(config)


def compiled(
    folder: Path, text: str | bytes, config: Mapping[str, Any] = CONFIG
) -> CompiledContract:
    """Read a contract file as the controller does."""
    (folder / "contract.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    source = read_contract(folder, 1, contract_of(config))
    assert source is not None
    return source.compiled


def faults_of(
    folder: Path, text: str | bytes, config: Mapping[str, Any] = CONFIG
) -> tuple[Fault, ...]:
    """The faults of a contract file that cannot be used."""
    try:
        compiled(folder, text, config)
    except ContractBroken as error:
        return error.faults
    message = "the contract was taken"
    raise AssertionError(message)


@cache
def word_pieces() -> bytes:
    """A small tokenizer as BERT's: pieces of words, [CLS] before and [SEP] after each text."""
    tokenizer = Tokenizer(
        models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return bytes(tokenizer.to_str(), "utf-8")


@cache
def byte_pairs() -> bytes:
    """A small tokenizer as GPT's: pairs of bytes, so that a character may be several tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "w"), ("a", "a")]
    words = [*alphabet, *(one + other for one, other in merges)]
    vocabulary = {word: place for place, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return bytes(tokenizer.to_str(), "utf-8")


@cache
def likely_pieces() -> bytes:
    """A small tokenizer as T5's: the likeliest pieces, a space before each text made visible."""
    pieces = ["<unk>", "▁", "▁hello", "he", "llo", "▁w", "o", "r", "l", "d", "a", "▁a", "aa"]
    vocabulary = [(piece, -float(len(pieces) - n)) for n, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<unk> $A", special_tokens=[("<unk>", 0)]
    )
    return bytes(tokenizer.to_str(), "utf-8")


def with_baked_limits(tokenizer: bytes) -> bytes:
    """The same tokenizer, saved with truncation and padding as training scripts leave them."""
    one = Tokenizer.from_str(tokenizer.decode())
    one.enable_truncation(4)
    one.enable_padding(length=16)
    return bytes(one.to_str(), "utf-8")


def texts(name: str, elements: Sequence[str | bytes], shape: Sequence[int] = ()) -> Tensor:
    """A BYTES tensor; a column of single texts unless a shape is given."""
    data = pack_bytes([one.encode() if isinstance(one, str) else one for one in elements])
    return Tensor(name, "BYTES", list(shape or (len(elements), 1)), data)


def floats(name: str, values: Sequence[float], shape: Sequence[int] = ()) -> Tensor:
    """An FP32 tensor; one row unless a shape is given."""
    data = struct.pack(f"<{len(values)}f", *values)
    return Tensor(name, "FP32", list(shape or (1, len(values))), data)


def integers(name: str, values: Sequence[int], shape: Sequence[int] = ()) -> Tensor:
    """An INT32 tensor; a column unless a shape is given."""
    data = struct.pack(f"<{len(values)}i", *values)
    return Tensor(name, "INT32", list(shape or (len(values), 1)), data)


def request_of(*inputs: Tensor, **parameters: Parameter) -> InferRequest:
    """A request with these inputs and parameters."""
    return InferRequest(list(inputs), parameters=parameters)


def config_json(config: Mapping[str, Any] = CONFIG) -> bytes:
    """A model's config as Triton gives it."""
    return json.dumps(config).encode()
