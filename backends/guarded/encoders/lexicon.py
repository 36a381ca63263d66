"""The tone of a text by VADER's lexicon and rules: pure Python, no network."""

from pathlib import Path

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


class Lexicon:
    """The lexicon comes from a version's weights; only the rules come from the library."""

    def __init__(self, weights_dir: Path) -> None:
        # The library joins these to its own folder, which an absolute path overrides.
        self._analyzer = SentimentIntensityAnalyzer(
            lexicon_file=str((weights_dir / "vader_lexicon.txt").absolute()),
            emoji_lexicon=str((weights_dir / "emoji_utf8_lexicon.txt").absolute()),
        )

    def positive(self, text: str) -> float:
        """How positive a text is, 0..1: the compound rating of -1..1, moved."""
        compound: float = self._analyzer.polarity_scores(text)["compound"]
        return (compound + 1) / 2
