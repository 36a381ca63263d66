"""all-MiniLM-L6-v2 in plain PyTorch: text to L2-normed sentence vectors of 384 numbers.

A BERT encoder of six layers with mean pooling, read straight from its safetensors file.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F  # noqa: N812 - the name everyone reads it by

LAYERS = 6
HEADS = 12
NORM_EPSILON = 1e-12
# The length that the model was trained and published with (its sentence_bert_config: 256).
MAX_TOKENS = 256


class MiniLM:
    """Encoder for one instance; its tokenizer is set up once and never changed after."""

    def __init__(self, weights_dir: Path, device: str) -> None:
        self._device = device
        self._weights = load_file(weights_dir / "model.safetensors", device=device)
        self._tokenizer = Tokenizer.from_file(str(weights_dir / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens that `embed` reads, after truncation."""
        return sum(len(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts)))

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Vectors [len(texts), 384]; a text's vector does not depend on its batch mates."""
        ids, mask = self._pad(texts)
        hidden = self._embed_tokens(ids)
        # True where a key may be attended to; broadcast over heads and queries.
        visible = mask[:, None, None, :]
        for layer in range(LAYERS):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, visible)
        kept = mask[:, :, None].to(hidden.dtype)
        return F.normalize((hidden * kept).sum(dim=1) / kept.sum(dim=1), dim=1)

    def _pad(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(longest)[None, :] < lengths[:, None]
        return ids.to(self._device), mask.to(self._device)

    def _embed_tokens(self, ids: torch.Tensor) -> torch.Tensor:
        table = self._weights
        hidden = table["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = hidden + table["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", hidden)

    def _layer(self, name: str, hidden: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            self._heads(self._linear(f"{name}.attention.self.{part}", hidden))
            for part in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        mixed = self._linear(f"{name}.attention.output.dense", mixed.transpose(1, 2).flatten(2))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", mixed + hidden)
        wide = F.gelu(self._linear(f"{name}.intermediate.dense", hidden))
        return self._norm(
            f"{name}.output.LayerNorm", self._linear(f"{name}.output.dense", wide) + hidden
        )

    def _heads(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.view(*hidden.shape[:2], HEADS, -1).transpose(1, 2)

    def _linear(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, hidden: torch.Tensor) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(hidden, weight.shape, weight, bias, NORM_EPSILON)
