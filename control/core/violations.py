"""One breach of a contract, in the form that clients see."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, where, what the limit is and what was got.

    ``path`` names the place as the client wrote it (``inputs.TEXT.shape``, ``outputs.LABEL``).
    """

    path: str
    rule: str
    limit: str | int | float | list[int] | list[str]
    got: str | int | float | list[int] | list[str]
