"""Why something in a repository is not taken over."""


class SourceRefused(Exception):
    """What lies in the source repository cannot be served; only other content can mend it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SourceChanged(Exception):
    """Somebody wrote to the folder while it was being copied: it is not complete yet."""


class StagingFailed(Exception):
    """A copy could not be made for a reason of this machine's, such as a full disk."""
