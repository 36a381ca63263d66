"""Shapes that lie, overflow or make no sense, and datatypes that are not the tensor's."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from tests.fuzz.draft import Draft
from tests.fuzz.mutations.fields import ODD
from tests.fuzz.mutations.mutation import Done, Mutation, inputs_of, some_input
from tests.fuzz.tree import copy, nested

_TYPES: Final = (
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16",
    "BF16", "FP32", "FP64", "BYTES",
)  # fmt: skip
_NO_TYPES: Final = (
    "", "fp32", "FP32 ", " FP32", "FP32\0", "TYPE_FP32", "float32", "FLOAT", "FP8", "INT4",
    "INT128", "STRING", "bytes", "OBJECT", "COMPLEX64", "F" * 300, "\u24bb\u24c5", "0", "%s",
)  # fmt: skip
#: Even a byte for each would not fit the machine. (What just about fits, Triton fills with zeros:
#: 4 GB in ten seconds. That would say more about the machine than about Triton.)
_HUGE: Final = (
    2**36, 2**40, 2**40 + 1, 2**60, 2**61, 2**62 - 1, 2**62, 2**62 + 1, 2**63 - 1,
)  # fmt: skip
_NEGATIVE: Final = (-1, -2, -4, -(2**31), -(2**32) + 1, -(2**63), -(2**64) + 1)
_PAST: Final = (2**63, 2**63 + 1, 2**64 - 1, 2**64, 2**64 + 1, 10**30)
_WRAPPING: Final = (
    [2**32, 2**32], [1, 2**62], [1, 2**62 + 1], [2**31, 2**33], [2**33, 2**31], [4, 2**62],
    [2**16, 2**16, 2**16, 2**16], [3, 6148914691236517205], [2**63 - 1, 2**63 - 1], [1, 2**61],
    [2**61, 8], [1, 2**63 - 1, 2], [2**21] * 3, [2**13] * 5,
)  # fmt: skip
#: Shapes whose bytes wrap around to none, or to the few that are there.
_WRAPPING_BYTES: Final = (
    [1, 2**62], [1, 2**62 + 1], [1, 2**61], [1, 2**63 - 2**61], [2, 2**61], [1, 2**61 + 1],
)  # fmt: skip
#: No element, and more rows or columns than anybody counts to.
_EMPTY: Final = (
    [0, 2**62], [2**62, 0], [1, 0, 2**63 - 1], [0] * 20, [1, 2**61, 0], [2**30, 0], [2**36, 0],
    [2**40, 0], [2**20, 2**19, 0], [10**7, 0], [0, 2**39], [100_000, 0],
)  # fmt: skip


def _shaped(draft: Draft, rng: Random, shape: Any) -> dict[str, Any] | None:
    one = some_input(draft, rng)
    if one is not None:
        one["shape"] = shape
    return one


def _dims(one: dict[str, Any]) -> list[Any]:
    shape = one.get("shape")
    return list(shape) if isinstance(shape, list) and shape else [1, 1]


def _with_a_dim(draft: Draft, rng: Random, sizes: Sequence[int]) -> dict[str, Any] | None:
    """Give one dimension of some input another size."""
    one = some_input(draft, rng)
    if one is not None:
        shape, size = _dims(one), rng.choice(sizes)
        shape[rng.randrange(len(shape))] = size
        one["shape"] = shape
    return one


def negative(draft: Draft, rng: Random) -> Done | None:
    """A dimension below zero."""
    one = _with_a_dim(draft, rng, _NEGATIVE)
    return None if one is None else Done("negative dimension", refused=True)


def huge(draft: Draft, rng: Random) -> Done | None:
    """A dimension that no memory holds, with the data of before."""
    one = _with_a_dim(draft, rng, _HUGE)
    return None if one is None else Done("huge dimension", refused=True)


def past_64_bits(draft: Draft, rng: Random) -> Done | None:
    """A dimension that no 64-bit integer holds."""
    one = _with_a_dim(draft, rng, _PAST)
    return None if one is None else Done("dimension past 64 bits", refused=True)


def wrapping(draft: Draft, rng: Random) -> Done | None:
    """Dimensions whose product wraps around 2^64."""
    one = _shaped(draft, rng, list(rng.choice(_WRAPPING)))
    return None if one is None else Done("product that wraps around", refused=True)


def wrapping_bytes(draft: Draft, rng: Random) -> Done | None:
    """A binary tensor whose size in bytes wraps around to what is there."""
    if len([one for one in draft.tail if one]) != 1:
        return None
    one = _shaped(draft, rng, list(rng.choice(_WRAPPING_BYTES)))
    if one is None or one.get("datatype") == "BYTES":
        return None
    size = rng.choice([0, 0, 4])
    draft.tail = [b"\0" * size] if size else [b""]
    one["parameters"] = {"binary_data_size": size}
    one.pop("data", None)
    return Done("byte size that wraps around", refused=True)


def empty_and_huge(draft: Draft, rng: Random) -> Done | None:
    """No element at all, in huge dimensions."""
    one = some_input(draft, rng)
    if one is None:
        return None
    one["shape"] = list(rng.choice(_EMPTY))
    if "data" in one:
        one["data"] = []
    elif rng.random() < 0.5 and len(inputs_of(draft)) == 1:
        one["parameters"], draft.tail = {"binary_data_size": 0}, [b""]
    if rng.random() < 0.2:
        one["name"] = rng.choice(["K", "TEXT", "INPUT0", "nobody"])
    return Done("no element in huge dimensions", refused=True)


def rank(draft: Draft, rng: Random) -> Done | None:
    """More dimensions, or fewer; the product may stay the same."""
    one = some_input(draft, rng)
    if one is None:
        return None
    shape = _dims(one)
    ones = [1] * rng.choice([1, 2, 14, 15, 16, 17, 100, 5000])
    one["shape"] = rng.choice([[], shape[:1], shape[1:], [*shape, *ones], [*ones, *shape]])
    return Done("wrong rank", refused=one["shape"] != shape)


def zero(draft: Draft, rng: Random) -> Done | None:
    """A dimension of zero, with data or without."""
    one = some_input(draft, rng)
    if one is None:
        return None
    shape = _dims(one)
    shape[rng.randrange(len(shape))] = 0
    one["shape"] = shape
    if rng.random() < 0.5 and "data" in one:
        one["data"] = []
    return Done("dimension of zero")


def off_by_one(draft: Draft, rng: Random) -> Done | None:
    """One element more or fewer than there are, or a batch past the limit."""
    one = some_input(draft, rng)
    if one is None:
        return None
    shape = _dims(one)
    if not all(isinstance(dim, int) for dim in shape):
        return None
    place = rng.randrange(len(shape))
    shape[place] += rng.choice([1, -1, 7, 64, 1000, 2**20])
    one["shape"] = shape
    return Done("shape that does not fit the data", refused=True)


def no_number(draft: Draft, rng: Random) -> Done | None:
    """Something that is no number as a dimension, or no list as a shape."""
    one = some_input(draft, rng)
    if one is None:
        return None
    bad: Any = rng.choice([1.0, 1.5, "1", None, True, [1], {}, "", 1e30, nested(1000, b"1")])
    shape = _dims(one)
    shape[rng.randrange(len(shape))] = bad
    one["shape"] = shape if rng.random() < 0.7 else copy(rng.choice(ODD))
    return Done("dimension that is no number")


def other_type(draft: Draft, rng: Random) -> Done | None:
    """A datatype that exists, and is another."""
    one = some_input(draft, rng)
    if one is None:
        return None
    one["datatype"] = rng.choice([kind for kind in _TYPES if kind != one.get("datatype")])
    return Done("another datatype", refused=True)


def no_type(draft: Draft, rng: Random) -> Done | None:
    """A datatype that does not exist."""
    one = some_input(draft, rng)
    if one is None:
        return None
    one["datatype"] = rng.choice(_NO_TYPES)
    return Done("unknown datatype", refused=True)


SHAPES: Final[tuple[Mutation, ...]] = (
    negative, huge, past_64_bits, wrapping, wrapping_bytes, empty_and_huge, rank, zero, off_by_one,
    no_number, other_type, no_type,
)  # fmt: skip
