"""Keeps the last good contracts in memory."""


class FakeLastGood:
    """What the controller's state does, without a file; counts what is written."""

    def __init__(self) -> None:
        self.contracts: dict[tuple[str, int], bytes] = {}
        self.saves = 0

    def load_all(self) -> dict[tuple[str, int], bytes]:
        """Give all."""
        return dict(self.contracts)

    def save(self, model: str, version: int, revision: str, document: bytes) -> None:
        """Keep one."""
        assert revision
        self.saves += 1
        self.contracts[model, version] = document

    def remove(self, model: str, version: int) -> None:
        """Forget one, which must be there."""
        del self.contracts[model, version]
