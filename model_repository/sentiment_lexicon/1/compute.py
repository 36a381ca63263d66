"""Sentiment by VADER's lexicon and rules: 300 times cheaper than the network, and its fallback."""

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from backends.guarded import Context, Tensors
from backends.guarded.encoders.polarity import polarity_answer
from backends.guarded.text import decode_text


class Model:
    """The lexicon comes from the version's weights; only the rules come from the library."""

    def __init__(self, context: Context) -> None:
        weights = context.version_dir / "weights"
        # The library joins these to its own folder, which an absolute path overrides.
        self._analyzer = SentimentIntensityAnalyzer(
            lexicon_file=str((weights / "vader_lexicon.txt").absolute()),
            emoji_lexicon=str((weights / "emoji_utf8_lexicon.txt").absolute()),
        )

    def compute(self, inputs: Tensors) -> Tensors:
        """TEXT to LABEL and SCORE; the compound rating -1..1 is moved to 0..1."""
        texts = decode_text(inputs["TEXT"], "TEXT")
        compounds = [self._analyzer.polarity_scores(text)["compound"] for text in texts]
        return polarity_answer([(compound + 1) / 2 for compound in compounds])
