"""A model repository with contracts, to be fuzzed: most kinds of rules stand in one of them."""

import shutil
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

TEST_MODELS = Path(__file__).resolve().parents[1] / "models"
OWN_MODELS = Path(__file__).resolve().parent / "models"

#: Models of this folder, and the folder of the code that they run.
CODE = {
    "ranged": TEST_MODELS / "identity",
    "grid": TEST_MODELS / "identity",
    "every_type": OWN_MODELS / "every_type",
    "halves": OWN_MODELS / "every_type",
    "text": TEST_MODELS / "text",
    "document": TEST_MODELS / "text",
    "clipped": TEST_MODELS / "text",
}
MODELS = ("identity", *CODE)

#: What the tokenizer adds to every text: one special token before, one after.
SPECIAL_TOKENS = 2
_WITH_TOKENIZER = ("text", "clipped")
_NO_CACHE = shutil.ignore_patterns("__pycache__")


def write_repository(folder: Path) -> Path:
    """Write the repository and give its path. ``identity`` has no contract of its own."""
    shutil.copytree(TEST_MODELS / "identity", folder / "identity", ignore=_NO_CACHE)
    for name, code in CODE.items():
        shutil.copytree(OWN_MODELS / name, folder / name, ignore=shutil.ignore_patterns("1"))
        shutil.copytree(code / "1", folder / name / "1", ignore=_NO_CACHE)
    for name in _WITH_TOKENIZER:
        (folder / name / "tokenizer.json").write_text(tokenizer())
    return folder


def tokenizer() -> str:
    """A tokenizer for which every word, whatever it is, is one token."""
    words = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
    made = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = WhitespaceSplit()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return str(made.to_str())
