"""Trains the two sentiment heads on frozen MiniLM vectors and prints how they compare.

Run from the repository root after `seawall models fetch`:

    python -m training.train_sentiment

The labelled text (Hutto and Gilbert, ICWSM 2014) comes from VADER's source package, downloaded with
pip; it is third-party text and stays in the work folder. Only the heads are written to the tree.
"""

import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone reads it by
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from backends.guarded.encoders.minilm import MiniLM
from backends.guarded.encoders.polarity import DECISION_POINT

SDIST = "vaderSentiment==3.3.2"
CORPUS = "hutto_ICWSM_2014.tar.gz"
SOURCES = {
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
}
SEED = 20261122
# A mean rating this near to zero has no polarity to learn.
LEAST_RATING = 0.5
COLUMNS = ("id", "mean rating", "text")
MOST_MOVIE_SNIPPETS = 4000
TEST_SHARE = 0.3
ENCODE_BATCH = 64

Vectors = npt.NDArray[np.float32]
Scorer = Callable[["Corpus"], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts of one source with their vectors; `positive` is the label."""

    texts: list[str]
    vectors: torch.Tensor
    positive: torch.Tensor

    def pick(self, rows: npt.NDArray[np.int64]) -> "Corpus":
        """The given rows."""
        index = torch.from_numpy(rows)
        return Corpus([self.texts[r] for r in rows], self.vectors[index], self.positive[index])


def main(
    work_dir: Path = Path("var/training"), repository: Path = Path("model_repository")
) -> None:
    """Download the corpus, train both heads, write them and print the table."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    archive = download_corpus(work_dir)
    encoder = MiniLM(repository / "sentiment" / "1" / "weights", device="cpu")
    train, test = {}, {}
    for source, member in SOURCES.items():
        labelled = read_source(archive, member, rng)
        train[source], test[source] = split(encode(source, labelled, encoder), rng)
    linear = train_linear(train["amazon"])
    mlp = train_mlp(list(train.values()))
    save_file(
        {"weight": linear.weight.data, "bias": linear.bias.data},
        repository / "sentiment" / "1" / "head.safetensors",
    )
    save_file(
        {
            name.replace("0.", "hidden.").replace("2.", "output."): tensor
            for name, tensor in mlp.state_dict().items()
        },
        repository / "sentiment" / "2" / "head.safetensors",
    )
    Console().print(
        compare(
            test,
            {"VADER": score_lexicon, "v1 linear": score_with(linear), "v2 MLP": score_with(mlp)},
        )
    )


def download_corpus(work_dir: Path) -> Path:
    """Fetch VADER's source package with pip and return the corpus inside it."""
    work_dir.mkdir(parents=True, exist_ok=True)
    archive = work_dir / CORPUS
    if not archive.exists():
        subprocess.run(  # noqa: S603 - fixed arguments
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--dest",
                str(work_dir),
                SDIST,
            ],
            check=True,
        )
        with tarfile.open(next(work_dir.glob("vader*.tar.gz"))) as sdist:
            archive.write_bytes(read_member(sdist, CORPUS))
    return archive


def read_source(
    archive: Path, member: str, rng: np.random.Generator
) -> tuple[list[str], list[bool]]:
    """Texts of one source whose mean rating has a clear sign, with that sign."""
    with tarfile.open(archive) as corpus:
        lines = read_member(corpus, member).decode("utf-8", errors="replace").splitlines()
    rows = [row for line in lines if len(row := line.split("\t", 2)) == len(COLUMNS)]
    rated = [(text.strip(), float(rating)) for _, rating, text in rows]
    clear = [(text, rating > 0) for text, rating in rated if abs(rating) > LEAST_RATING]
    if "movie" in member:
        chosen = rng.permutation(len(clear))[:MOST_MOVIE_SNIPPETS]
        clear = [clear[i] for i in chosen]
    return [text for text, _ in clear], [positive for _, positive in clear]


def read_member(archive: tarfile.TarFile, ending: str) -> bytes:
    """The content of the member whose name ends so."""
    name = next(name for name in archive.getnames() if name.endswith(ending))
    stored = archive.extractfile(name)
    if stored is None:
        raise FileNotFoundError(f"{name} is not a file")
    return stored.read()


def encode(source: str, labelled: tuple[list[str], list[bool]], encoder: MiniLM) -> Corpus:
    """Embed all texts, in batches of similar length."""
    texts, positive = labelled
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = torch.empty(len(texts), 384)
    starts = range(0, len(order), ENCODE_BATCH)
    for start in track(starts, description=f"embedding {source}", console=Console(stderr=True)):
        rows = order[start : start + ENCODE_BATCH]
        vectors[rows] = encoder.embed([texts[row] for row in rows])
    return Corpus(texts, vectors, torch.tensor(positive, dtype=torch.float32))


def split(corpus: Corpus, rng: np.random.Generator) -> tuple[Corpus, Corpus]:
    """Training and held-out rows."""
    rows = rng.permutation(len(corpus.texts))
    cut = int(len(rows) * TEST_SHARE)
    return corpus.pick(rows[cut:]), corpus.pick(rows[:cut])


def train_linear(corpus: Corpus) -> nn.Linear:
    """Logistic regression with balanced classes, solved to convergence by L-BFGS."""
    model = nn.Linear(384, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    share = corpus.positive.mean()
    weight = torch.where(corpus.positive > 0, 0.5 / share, 0.5 / (1 - share))
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = model(corpus.vectors).flatten()
        fit = F.binary_cross_entropy_with_logits(logits, corpus.positive, weight, reduction="sum")
        # The usual L2 penalty of strength 1 on the summed loss; the bias is free.
        total: torch.Tensor = fit + 0.5 * model.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return model


def train_mlp(corpora: list[Corpus]) -> nn.Sequential:
    """A 384-64-1 network with dropout, for a fixed number of epochs."""
    vectors = torch.cat([corpus.vectors for corpus in corpora])
    positive = torch.cat([corpus.positive for corpus in corpora])
    model = nn.Sequential(nn.Linear(384, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(20):
        for rows in torch.split(torch.randperm(len(positive)), 64):
            optimizer.zero_grad()
            logits = model(F.dropout(vectors[rows], 0.1)).flatten()
            loss = F.binary_cross_entropy_with_logits(logits, positive[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model


def score_with(model: nn.Module) -> Scorer:
    """Score a corpus with a head."""

    @torch.inference_mode()
    def score(corpus: Corpus) -> npt.NDArray[np.float64]:
        return torch.sigmoid(model(corpus.vectors)).flatten().double().numpy()

    return score


def score_lexicon(corpus: Corpus) -> npt.NDArray[np.float64]:
    """Score a corpus with VADER, as the `sentiment_lexicon` model does."""
    analyzer = SentimentIntensityAnalyzer()
    return np.array([(analyzer.polarity_scores(t)["compound"] + 1) / 2 for t in corpus.texts])


def compare(test: dict[str, Corpus], scorers: dict[str, Scorer]) -> Table:
    """Accuracy and area under the ROC curve of every scorer on every held-out source."""
    table = Table("held-out", *scorers, title="accuracy / AUC")
    for source, corpus in test.items():
        truth = corpus.positive.numpy() > 0
        cells = []
        for scorer in scorers.values():
            scores = scorer(corpus)
            cells.append(
                f"{np.mean((scores >= DECISION_POINT) == truth):.3f} / {auc(scores, truth):.3f}"
            )
        table.add_row(f"{source} {len(truth)}", *cells)
    return table


def auc(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> float:
    """Probability that a positive text scores above a negative one; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(truth.sum())
    negatives = len(truth) - positives
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


if __name__ == "__main__":
    typer.run(main)
