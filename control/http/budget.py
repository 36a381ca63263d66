"""How many bytes of request bodies are held at once, over all connections of a front."""

from control.errors import Overloaded


class BodyBudget:
    """Counts bytes as they come, not as they are announced: a promise takes no memory.

    What is taken is given back once, when the request is answered or given up.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Hold at most ``limit_bytes``."""
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Hold ``count`` more bytes; raises Overloaded beyond the limit, and holds none of them."""
        if self.held_bytes + count > self._limit_bytes:
            message = f"request bodies of {self.held_bytes} bytes are held already"
            raise Overloaded(message, retry_after_s=1)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        """Hold ``count`` bytes less."""
        self.held_bytes -= count
