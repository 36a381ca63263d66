"""Continues a text in the manner of Python's own documentation, from which all of it was learned.

Obeys `max_new_tokens`, `temperature`, `seed` and `stop`; equal requests get equal answers.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from network import Network, Reading, softmax
from tokenizers import Tokenizer

from backends.guarded import Context, InputError, Parameters, Tensors
from backends.guarded.text import decode_text, label_column

DEFAULT_NEW_TOKENS = 32
#: So small a network repeats itself where it always takes the likeliest token.
DEFAULT_TEMPERATURE = 0.7
#: Stands before each text; the network writes it where it would begin another one.
END = "<|paragraph|>"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request asks for; `temperature` 0 takes the likeliest token each time."""

    new_tokens: int
    temperature: float
    seed: int
    stop: str


class Model:
    """Reads and continues one text at a time: a token takes 0.4 ms."""

    def __init__(self, context: Context) -> None:
        folder: Path = context.version_dir
        self._network = Network(folder / "network.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._end = self._tokenizer.token_to_id(END)

    def compute(self, inputs: Tensors) -> Tensors:
        """PROMPT to TEXT, NEW_TOKENS and FINISH, with what holds where nothing is asked for."""
        return self.compute_with(inputs, {})

    def compute_with(self, inputs: Tensors, parameters: Parameters) -> Tensors:
        """PROMPT to TEXT, NEW_TOKENS and FINISH."""
        wishes = read_wishes(parameters)
        prompts = [
            self._tokenizer.encode(text).ids for text in decode_text(inputs["PROMPT"], "PROMPT")
        ]
        self._refuse_long(prompts, wishes)
        answers = [self._continue(prompt, wishes) for prompt in prompts]
        texts, counts, finishes = zip(*answers, strict=True)
        return {
            "TEXT": label_column(texts),
            "NEW_TOKENS": np.array(counts, np.int32).reshape(-1, 1),
            "FINISH": label_column(finishes),
        }

    def count_tokens(self, inputs: Tensors) -> int:
        """Tokens that are read; those written are told by NEW_TOKENS."""
        texts = decode_text(inputs["PROMPT"], "PROMPT")
        return sum(len(one.ids) for one in self._tokenizer.encode_batch(texts))

    def _refuse_long(self, prompts: list[list[int]], wishes: Wishes) -> None:
        room = self._network.context - wishes.new_tokens
        faults = {
            row: f"PROMPT has {len(ids)} tokens; with {wishes.new_tokens} new ones at most {room}"
            for row, ids in enumerate(prompts)
            if len(ids) > room
        }
        if faults:
            raise InputError("PROMPT is too long", rows=faults)

    def _continue(self, prompt: list[int], wishes: Wishes) -> tuple[str, int, str]:
        reading = Reading(self._network)
        chance = np.random.default_rng(wishes.seed)
        logits = reading.read(prompt)
        new: list[int] = []
        text = ""
        while len(new) < wishes.new_tokens:
            token = choose(logits, wishes.temperature, chance)
            if token == self._end:
                return text, len(new), "end"
            new.append(token)
            text = self._tokenizer.decode(new)
            if wishes.stop and wishes.stop in text:
                return text[: text.index(wishes.stop)], len(new), "stop"
            logits = reading.read([token])
        return text, len(new), "length"


def choose(logits: np.ndarray, temperature: float, chance: np.random.Generator) -> int:
    """Pick the next token."""
    if temperature == 0:
        return int(logits.argmax())
    shares = softmax(logits / np.float32(temperature)).astype(np.float64)
    return int(chance.choice(len(shares), p=shares / shares.sum()))


def read_wishes(parameters: Parameters) -> Wishes:
    """Read the parameters that are known here; raise InputError for one of another type."""
    try:
        return Wishes(
            new_tokens=max(0, int(parameters.get("max_new_tokens", DEFAULT_NEW_TOKENS))),
            temperature=max(0.0, float(parameters.get("temperature", DEFAULT_TEMPERATURE))),
            seed=max(0, int(parameters.get("seed", 0))),
            stop=str(parameters.get("stop", "")),
        )
    except ValueError as error:
        raise InputError("max_new_tokens, temperature and seed must be numbers") from error
