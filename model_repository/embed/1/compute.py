"""Sentence embedding: MiniLM vectors of 384 numbers with length 1."""

from backends.guarded import Context, Tensors
from backends.guarded.encoders.minilm import MiniLM
from backends.guarded.text import decode_text


class Model:
    """The encoder alone."""

    def __init__(self, context: Context) -> None:
        self._encoder = MiniLM(context.version_dir / "weights", context.device)

    def compute(self, inputs: Tensors) -> Tensors:
        """TEXT to EMBEDDING."""
        vectors = self._encoder.embed(decode_text(inputs["TEXT"], "TEXT"))
        return {"EMBEDDING": vectors.cpu().numpy()}

    def count_tokens(self, inputs: Tensors) -> int:
        """Tokens that the encoder reads."""
        return self._encoder.count_tokens(decode_text(inputs["TEXT"], "TEXT"))
