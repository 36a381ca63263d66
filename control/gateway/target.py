"""What the path of an inference request names."""

import enum
from dataclasses import dataclass


class Form(enum.Enum):
    """The endpoint that a request came to."""

    INFER = "infer"
    GENERATE = "generate"
    GENERATE_STREAM = "generate_stream"


@dataclass(frozen=True, slots=True)
class Target:
    """A model, maybe a version of it, and the endpoint."""

    model: str
    version: int | None
    form: Form = Form.INFER
