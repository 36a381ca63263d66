"""Orders passages by how well they answer a query: cosine of MiniLM vectors, plus a prior."""

import numpy as np
import numpy.typing as npt

from backends.guarded import Context, InputError, Tensors
from backends.guarded.encoders.minilm import MiniLM
from backends.guarded.text import decode_text

#: What ORDER says where TOP_K asks for no more.
NOT_ASKED = -1
#: Texts that are embedded at once: attention over all passages of a batch would take 0.4 GB.
TEXTS_AT_ONCE = 16


class Model:
    """The encoder alone; passages are compared with their own row's query only."""

    def __init__(self, context: Context) -> None:
        self._encoder = MiniLM(context.version_dir / "weights", context.device)

    def compute(self, inputs: Tensors) -> Tensors:
        """QUERY, PASSAGES and perhaps PRIOR and TOP_K to SCORES and ORDER."""
        rows, count = inputs["PASSAGES"].shape
        queries = decode_text(inputs["QUERY"], "QUERY")
        vectors = self._embed([*queries, *decode_text(inputs["PASSAGES"], "PASSAGES")])
        passages = vectors[rows:].reshape(rows, count, vectors.shape[1])
        # Rounding may put the cosine of equal texts above 1.
        cosines = np.einsum("rd,rpd->rp", vectors[:rows], passages).clip(-1, 1)
        scores = cosines + _prior(inputs)
        order = np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
        if "TOP_K" in inputs:
            order[np.arange(count)[None, :] >= inputs["TOP_K"]] = NOT_ASKED
        return {"SCORES": scores.astype(np.float32), "ORDER": order}

    def count_tokens(self, inputs: Tensors) -> int:
        """Tokens that the encoder reads."""
        texts = decode_text(inputs["QUERY"], "QUERY") + decode_text(inputs["PASSAGES"], "PASSAGES")
        return self._encoder.count_tokens(texts)

    def _embed(self, texts: list[str]) -> npt.NDArray[np.float32]:
        # Texts of like length together, since each is padded to the longest beside it.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        parts = [
            self._encoder.embed([texts[place] for place in order[start : start + TEXTS_AT_ONCE]])
            for start in range(0, len(order), TEXTS_AT_ONCE)
        ]
        vectors = np.concatenate([part.cpu().numpy() for part in parts])
        back = np.empty_like(vectors)
        back[order] = vectors
        return back


def _prior(inputs: Tensors) -> npt.NDArray[np.float32]:
    prior = inputs.get("PRIOR")
    if prior is None:
        return np.zeros((1, 1), np.float32)
    count = inputs["PASSAGES"].shape[1]
    if prior.shape[1] != count:
        raise InputError(f"PRIOR has {prior.shape[1]} numbers for {count} passages")
    return prior
