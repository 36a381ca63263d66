"""Any request that some model takes: every datatype, any bits, any shape."""

from hypothesis import strategies as st

from control.core.datatypes import BYTES, ELEMENT_BYTES
from control.core.elements import pack_bytes
from control.core.findings import Findings
from control.core.tensors import InferRequest, Tensor, element_count
from tests.learning.made_requests import Spec


@st.composite
def learnable(draw: st.DrawFn) -> tuple[dict[str, Spec], int, InferRequest, Findings]:
    """A model with a few inputs, a request that it takes, and the check's findings."""
    batched = draw(st.booleans())
    batch = draw(st.integers(1, 3)) if batched else 0
    specs: dict[str, Spec] = {}
    tensors: list[Tensor] = []
    findings = Findings()
    for name in draw(st.lists(st.sampled_from("ABCDEF"), unique=True)):
        datatype = draw(st.sampled_from([*ELEMENT_BYTES, BYTES]))
        dims = draw(st.lists(st.integers(0, 4), max_size=3))
        free = draw(st.lists(st.booleans(), min_size=len(dims), max_size=len(dims)))
        specs[name] = (datatype, [-1 if f else d for f, d in zip(free, dims, strict=True)])
        shape = [batch, *dims] if batched else dims
        count = element_count(shape)
        if datatype == BYTES:
            elements = draw(st.lists(st.binary(max_size=70), min_size=count, max_size=count))
            data = pack_bytes(elements)
            findings.token_counts[name] = [len(one) for one in elements]
        elif datatype == "BOOL":
            data = bytes(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)))
        else:
            size = count * ELEMENT_BYTES[datatype]
            data = draw(st.binary(min_size=size, max_size=size))
        tensors.append(Tensor(name, datatype, shape, data))
    return specs, 3 if batched else 0, InferRequest(tensors), findings
