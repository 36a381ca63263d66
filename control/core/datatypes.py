"""The KServe v2 tensor datatypes and their sizes."""

from typing import Final

#: Bytes per element of the fixed-size datatypes. BYTES elements carry their own length.
ELEMENT_BYTES: Final[dict[str, int]] = {
    "BOOL": 1,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "FP16": 2,
    "BF16": 2,
    "FP32": 4,
    "FP64": 8,
}

BYTES: Final = "BYTES"

DATATYPES: Final = frozenset(ELEMENT_BYTES) | {BYTES}


def datatype_of_config(data_type: str) -> str:
    """Translate a model config's ``TYPE_STRING`` or ``TYPE_FP32`` to the protocol's name."""
    name = data_type.removeprefix("TYPE_")
    return BYTES if name == "STRING" else name
