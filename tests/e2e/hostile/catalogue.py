"""Every hostile request. Each must be answered with 4xx, or with a status that it names."""

from tests.e2e.hostile.bodies import bodies, compression, nesting
from tests.e2e.hostile.framing import chunks, framing, header_lengths
from tests.e2e.hostile.parameters import classes, parameters, shared_memory
from tests.e2e.hostile.targets import other_protocols, request_lines, targets
from tests.e2e.hostile.tensors import shapes, text_tensors

REFUSED = [
    *shapes(),
    *nesting(),
    *bodies(),
    *parameters(),
    *shared_memory(),
    *classes(),
    *text_tensors(),
    *compression(),
    *framing(),
    *chunks(),
    *header_lengths(),
    *targets(),
    *request_lines(),
    *other_protocols(),
]
