"""Trains the small text model of `complete` on Python's own help texts and prints how well it fits.

Run from the repository root; takes some minutes on one CPU:

    python -m training.train_complete

The text is `pydoc_data.topics` of the Python that runs this (licence: PSF-2.0), so another patch
release gives slightly other weights. Tokenizer and network are written to the tree.
"""

import math
import pydoc_data.topics
from dataclasses import dataclass
from pathlib import Path

import torch
import typer
from rich.console import Console
from rich.progress import track
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone reads it by

#: Stands before each paragraph, and so also says that one is over.
MARK = "<|paragraph|>"
VOCABULARY = 2048
CONTEXT = 256
WIDTH = 96
HEADS = 4
LAYERS = 2
DROPOUT = 0.1

SEED = 20261122
STEPS = 1500
WARM_UP_STEPS = 100
BATCH = 16
PEAK_RATE = 3e-3
CHECK_EVERY = 100
#: Every tenth paragraph is held out.
HELD_OUT = 10
#: Code and grammar stand further in than this.
PROSE_INDENT = 5
LEAST_WORDS = 6


class Layer(nn.Module):
    """Self-attention and a wide layer, each behind a normalisation and beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.Linear(WIDTH, 3 * WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Mix each position with those before it, then with itself."""
        rows, length, _ = hidden.shape
        parts = self.attention(self.norm1(hidden)).view(rows, length, 3, HEADS, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed = self.mix(mixed.transpose(1, 2).flatten(2))
        hidden = hidden + F.dropout(mixed, DROPOUT, self.training)
        wide = F.gelu(self.wide(self.norm2(hidden)), approximate="tanh")
        return hidden + F.dropout(self.narrow(wide), DROPOUT, self.training)


class Network(nn.Module):
    """A decoder of a few layers; the table of tokens also reads the answer out."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits of the token after each position."""
        hidden = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        hidden = F.dropout(hidden, DROPOUT, self.training)
        for layer in self.layers:
            hidden = layer(hidden)
        return F.linear(self.norm(hidden), self.tokens.weight)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Token ids of all paragraphs, laid end to end."""

    train: torch.Tensor
    test: torch.Tensor


def main(version_dir: Path = Path("model_repository/complete/1")) -> None:
    """Train the tokenizer and the network, write both, print the held-out perplexity."""
    torch.manual_seed(SEED)
    paragraphs = read_paragraphs()
    tokenizer = train_tokenizer(paragraphs)
    corpus = encode(paragraphs, tokenizer)
    network = Network()
    loss = train(network, corpus)
    tokenizer.save(str(version_dir / "tokenizer.json"), pretty=False)
    state = {name: tensor.half() for name, tensor in network.state_dict().items()}
    save_file(state, version_dir / "network.safetensors")
    Console().print(
        f"{len(paragraphs)} paragraphs, {len(corpus.train)} tokens to learn from; "
        f"perplexity per token on {len(corpus.test)} held-out ones: {math.exp(loss):.0f}, "
        f"of token frequencies alone: {math.exp(frequency_loss(corpus)):.0f}"
    )


def read_paragraphs() -> list[str]:
    """Paragraphs of running text, each on one line: no headings, code or grammar."""
    found = []
    for topic in pydoc_data.topics.topics.values():
        for block in topic.split("\n\n"):
            lines = block.strip("\n").split("\n")
            text = " ".join(block.split())
            indent = min(len(line) - len(line.lstrip()) for line in lines)
            is_prose = indent <= PROSE_INDENT and "::=" not in text and text.endswith((".", ":"))
            if is_prose and len(text.split()) >= LEAST_WORDS and ">>>" not in text:
                found.append(text)
    return list(dict.fromkeys(found))


def train_tokenizer(paragraphs: list[str]) -> Tokenizer:
    """Byte pairs, so that no text is unknown; the mark stands before each text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[MARK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(paragraphs, trainer)
    mark = tokenizer.token_to_id(MARK)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{MARK} $A", special_tokens=[(MARK, mark)]
    )
    return tokenizer


def encode(paragraphs: list[str], tokenizer: Tokenizer) -> Corpus:
    """Token ids to learn from, and those held out."""
    ids = [encoding.ids for encoding in tokenizer.encode_batch(paragraphs)]
    train = [one for n, row in enumerate(ids) if n % HELD_OUT for one in row]
    test = [one for n, row in enumerate(ids) if n % HELD_OUT == 0 for one in row]
    return Corpus(torch.tensor(train), torch.tensor(test))


def train(network: Network, corpus: Corpus) -> float:
    """Learn for a fixed number of steps; keep what did best on held-out text, give its loss."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate_share)
    best, kept = math.inf, network.state_dict()
    for step in track(range(1, STEPS + 1), console=Console(stderr=True)):
        network.train()
        starts = torch.randint(len(corpus.train) - CONTEXT - 1, (BATCH,))
        rows = torch.stack([corpus.train[start : start + CONTEXT + 1] for start in starts])
        optimizer.zero_grad()
        mean_loss(network, rows).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % CHECK_EVERY == 0 and (now := held_out_loss(network, corpus)) < best:
            best, kept = now, {name: one.clone() for name, one in network.state_dict().items()}
    network.load_state_dict(kept)
    return best


def rate_share(step: int) -> float:
    """Rise for a hundred steps, then fall along a cosine."""
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    return 0.5 * (1 + math.cos(math.pi * (step - WARM_UP_STEPS) / (STEPS - WARM_UP_STEPS)))


def mean_loss(network: Network, rows: torch.Tensor) -> torch.Tensor:
    """Loss of guessing each token from those before it."""
    return F.cross_entropy(network(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


@torch.inference_mode()
def held_out_loss(network: Network, corpus: Corpus) -> float:
    """Mean loss on held-out text, in windows of the whole context."""
    network.eval()
    whole = len(corpus.test) // (CONTEXT + 1)
    rows = corpus.test[: whole * (CONTEXT + 1)].view(whole, CONTEXT + 1)
    return mean_loss(network, rows).item()


def frequency_loss(corpus: Corpus) -> float:
    """Mean loss on held-out text of always guessing by the tokens' frequency."""
    counts = torch.bincount(corpus.train, minlength=VOCABULARY) + 1
    return -torch.log(counts / counts.sum())[corpus.test].mean().item()


if __name__ == "__main__":
    typer.run(main)
