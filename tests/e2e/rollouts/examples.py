"""The example models with a version to come, and requests to them whose answers are known."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.stack import EXAMPLES

#: Steps short enough for a test; everything else is as the example says.
_QUICK = {"interval_s": 3, "bake_time_s": 4, "minimum_samples": 20}

_PRAISE = "I love this phone, the battery lasts for days."
_COMPLAINT = "Terrible. It broke after one hour and nobody answered my mails."
_PYTHON = """\
import os


def main():
    for name in os.listdir("."):
        print(name)


main()
"""


def repository_with_first_versions(folder: Path) -> Path:
    """``sentiment``, its fallback, and ``filetype``, with version 1 only and quick canaries."""
    folder.mkdir(parents=True)
    for model in ("sentiment", "sentiment_lexicon", "filetype"):
        shutil.copytree(
            EXAMPLES / model, folder / model, ignore=shutil.ignore_patterns("2", "__pycache__")
        )
        file = folder / model / "contract.yaml"
        text = file.read_text()
        for key, value in _QUICK.items():
            text = re.sub(rf"^  {key}: .*$", f"  {key}: {value}", text, flags=re.MULTILINE)
        file.write_text(text)
    return folder


def drop_second(repository: Path, model: str) -> None:
    """Drop the example's own version 2, as an author would: copied beside, then renamed in."""
    made = repository / model / ".2"
    shutil.copytree(EXAMPLES / model / "2", made, ignore=shutil.ignore_patterns("__pycache__"))
    made.rename(repository / model / "2")


def ask_sentiment(number: int) -> tuple[bytes, Callable[[Any], bool]]:
    """A text that both versions judge alike."""
    text, label = ((_PRAISE, "positive"), (_COMPLAINT, "negative"))[number % 2]
    body = {"inputs": [_texts("TEXT", f"{text} {number}")]}
    return json.dumps(body).encode(), lambda got: _output(got, "LABEL") == [label]


def ask_filetype(number: int) -> tuple[bytes, Callable[[Any], bool]]:
    """A content that both versions know."""
    content = f"{_PYTHON}# {number}\n"
    body = {"inputs": [_texts("CONTENT", content)]}
    return json.dumps(body).encode(), lambda got: _output(got, "LABEL") == ["python"]


ASK = {"sentiment": ask_sentiment, "filetype": ask_filetype}


def _texts(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [text]}


def _output(document: Any, name: str) -> Any:
    return next(one["data"] for one in document["outputs"] if one["name"] == name)
