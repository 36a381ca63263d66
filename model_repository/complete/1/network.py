"""A decoder of a few layers in NumPy: token ids in, the next token's logits out.

Small enough that importing a framework would take longer than most answers. Trained by
`training/train_complete.py`, which holds the same network in PyTorch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

HEADS = 4
NORM_EPSILON = 1e-5

Array = npt.NDArray[np.float32]


class Network:
    """The weights; what one text has been read as is kept by a `Reading`."""

    def __init__(self, file: Path) -> None:
        # Stored in half precision, which a CPU cannot compute with.
        self.weights: dict[str, Array] = {
            name: tensor.astype(np.float32) for name, tensor in load_file(file).items()
        }
        self.layers = sum(name.endswith(".mix.weight") for name in self.weights)

    @property
    def context(self) -> int:
        """Most tokens of a prompt and its continuation together: there are no more positions."""
        return len(self.weights["positions.weight"])

    def linear(self, name: str, hidden: Array) -> Array:
        """Multiply by a layer's weights and add its bias."""
        out: Array = hidden @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return out

    def norm(self, name: str, hidden: Array) -> Array:
        """Normalise each position."""
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + NORM_EPSILON)
        out: Array = centred / spread * self.weights[f"{name}.weight"]
        return out + self.weights[f"{name}.bias"]


class Reading:
    """One text being read and continued: keys and values of all positions so far."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._past: list[tuple[Array, Array]] = []
        self._length = 0

    def read(self, ids: Sequence[int]) -> Array:
        """Read more tokens; give the logits of the one that follows them."""
        network = self._network
        places = slice(self._length, self._length + len(ids))
        table = network.weights["tokens.weight"]
        hidden: Array = table[list(ids)] + network.weights["positions.weight"][places]
        for layer in range(network.layers):
            hidden = self._layer(layer, hidden)
        self._length += len(ids)
        logits: Array = network.norm("norm", hidden[-1]) @ table.T
        return logits

    def _layer(self, number: int, hidden: Array) -> Array:
        network, name = self._network, f"layers.{number}"
        parts = network.linear(f"{name}.attention", network.norm(f"{name}.norm1", hidden))
        query, key, value = parts.reshape(len(hidden), 3, HEADS, -1).transpose(1, 2, 0, 3)
        if self._length:
            past_key, past_value = self._past[number]
            key = np.concatenate([past_key, key], axis=1)
            value = np.concatenate([past_value, value], axis=1)
            self._past[number] = (key, value)
        else:
            self._past.append((key, value))
        mixed = self._attend(query, key, value).transpose(1, 0, 2).reshape(hidden.shape)
        hidden = hidden + network.linear(f"{name}.mix", mixed)
        wide = gelu(network.linear(f"{name}.wide", network.norm(f"{name}.norm2", hidden)))
        return hidden + network.linear(f"{name}.narrow", wide)

    def _attend(self, query: Array, key: Array, value: Array) -> Array:
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        # Row n is position `length + n`, and sees itself and what is before it.
        later = np.arange(key.shape[1]) > self._length + np.arange(query.shape[1])[:, None]
        out: Array = softmax(np.where(later, np.float32(-np.inf), scores)) @ value
        return out


def gelu(x: Array) -> Array:
    """The approximation by a hyperbolic tangent that the network was trained with."""
    out: Any = 0.5 * x * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + 0.044715 * x**3)))
    return np.asarray(out, np.float32)


def softmax(x: Array) -> Array:
    """Shares along the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    out: Array = powers / powers.sum(axis=-1, keepdims=True)
    return out
