"""Sentiment, version 2: a small MLP on MiniLM vectors, trained on reviews and tweets."""

import torch
from safetensors.torch import load_file
from torch.nn import functional as F  # noqa: N812 - the name everyone reads it by

from backends.guarded import Context, Tensors
from backends.guarded.encoders.minilm import MiniLM
from backends.guarded.encoders.polarity import polarity_answer
from backends.guarded.text import decode_text


class Model:
    """Frozen encoder and a 384-64-1 head of 24,705 numbers."""

    def __init__(self, context: Context) -> None:
        self._encoder = MiniLM(context.version_dir / "weights", context.device)
        self._head = load_file(context.version_dir / "head.safetensors", device=context.device)

    @torch.inference_mode()
    def compute(self, inputs: Tensors) -> Tensors:
        """TEXT to LABEL and SCORE."""
        vectors = self._encoder.embed(decode_text(inputs["TEXT"], "TEXT"))
        head = self._head
        hidden = F.relu(F.linear(vectors, head["hidden.weight"], head["hidden.bias"]))
        logits = F.linear(hidden, head["output.weight"], head["output.bias"])
        return polarity_answer(torch.sigmoid(logits).flatten().cpu().numpy())

    def count_tokens(self, inputs: Tensors) -> int:
        """Tokens that the encoder reads."""
        return self._encoder.count_tokens(decode_text(inputs["TEXT"], "TEXT"))
